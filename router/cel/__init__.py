"""Rules in CEL, typed against JSON Schemas: `expression` compiles and evaluates, the rest serves it."""
