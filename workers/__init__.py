"""The processes that do the work: RQ lives here. This package imports `router`, never the other way."""
