"""YAML files in, values out: policies, tiers, prices, budgets, with every mistake at its line; `parse` is the door."""
