"""What an author promises of accepted outputs, instead of a threshold chosen by eye."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from .values import Name, Value

PROMISE: Final = "promise"
"""The name under which the promise's finding stands among those of the checks."""

Kind: TypeAlias = Literal["regret", "accepted_error", "disagreement"]


class Promise(Value):
    """
    An upper bound of a risk, held with a confidence over the draw of the evidence.

    `regret`: the share of all tasks that are accepted below `against` although wrong where `against` is right.
    `disagreement`: the share of all tasks accepted below `against` with another output than that of `against`.
    `accepted_error`: the share of wrong outputs among those accepted below `against`.
    `against` is a tier of the policy, by default its last; that tier's own outputs are no part of the promise. Below it
    a reply that is doubtful or fails goes up: the evidence knows no repaired replies.
    """

    kind: Kind
    at_most: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9
    against: Name | None = None
