"""What the command line makes of our errors: a sentence, and an exit code by who can do something about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from router import errors
from router.errors import RouterError
from tests.shell import Shell

CODES: dict[type[RouterError], int] = {
    errors.PolicyInvalid: 1,
    errors.UnknownPolicy: 2,
    errors.TaskInvalid: 2,
    errors.TaskConflict: 1,
    errors.UnknownTask: 1,
    errors.TaskGone: 1,
    errors.NotDead: 1,
    errors.UnknownDelivery: 1,
    errors.EndpointDisabled: 1,
    errors.NotInReview: 1,
    errors.RulingInvalid: 2,
    errors.ResultPending: 1,
    errors.TaskNotSucceeded: 1,
    errors.SettingsInvalid: 2,
    errors.SecretRefused: 1,
    errors.UnknownKey: 1,
    errors.KeyRefused: 2,
    errors.BillInvalid: 2,
    errors.LogInvalid: 2,
    errors.FormatTooNew: 2,
    errors.ExtraMissing: 2,
    errors.Backlogged: 3,
    errors.StoreUnavailable: 3,
    errors.StoreRefused: 2,
    errors.StoreUnsafe: 2,
    errors.ServerBusy: 2,
    errors.ServerMissing: 2,
}
GROUPS = {errors.PolicyError, errors.TaskError, errors.ResultError, errors.OperatorError}


def _below(kind: type[RouterError]) -> Iterator[type[RouterError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


def test_every_error_has_its_code() -> None:
    """Each error that is raised stands in the table; a new one has to be given its code there."""
    ours = {kind for kind in _below(RouterError) if kind.__module__ == errors.__name__}

    assert set(CODES) == ours - GROUPS


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_an_error_has_the_code_of_who_can_mend_it(kind: type[RouterError]) -> None:
    """1 says that the answer is no, 2 that something has to be mended first, 3 that it may go well later."""
    assert kind.exit_code == CODES[kind]


def test_an_error_is_a_sentence_and_a_code(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls a command hears why not, without a traceback, and gets the error's code."""
    monkeypatch.setenv("ROUTER_LOG", "loud")

    assert shell("task", "list") == errors.SettingsInvalid.exit_code
    assert shell.err == "router: ROUTER_LOG is 'loud', expected one of debug, info, warning, error\n"
