"""What is asked of Redis, as values: one file for each who asks or what is asked about. No I/O."""
