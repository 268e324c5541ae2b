"""JSON Schema 2020-12 as it is safe in a service: `validator` checks schemas and values, the rest serves it."""
