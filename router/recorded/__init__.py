"""Recorded traffic: logs of what models answered, judged again under a policy without a call."""
