"""
Local demo models, not LLMs: this shows the mechanics; savings are simulated at the list prices of the models they
stand for.

A small OpenAI-compatible server on loopback. Behind it are real little learners, trained at start on the hand-written
examples of the policies folder: ridge regression on text for labels, ranked candidate spans for flat fields and tool
arguments. Any input gets a computed answer, sometimes wrong, with true log-probabilities and true usage. The server
keeps a bill of its own, as a provider does.

Policies are read as the router reads them, so that both know one and the same; for the rest it stands for somebody
else's service: its prices, its tokens and its bill are its own. Run it with `python -m router.local`.
"""
