"""Cases of a policy, written beside it: what comes in, what models answer, what is expected, and what is reached."""
