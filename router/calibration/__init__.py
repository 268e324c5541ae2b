"""Trust and thresholds from evidence. Needs the extra `science`; nothing that runs a task imports it."""
