"""Everything that touches the world: Redis, the providers, the embedded server."""
