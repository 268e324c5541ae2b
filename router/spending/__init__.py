"""What was spent: the sums of the ledger by hour, what they add up to, and what it would have cost otherwise."""
