"""How a service is: what it and its server show of themselves, what that means, and what to do about it."""
