"""
Our error tree, grouped by who must act.

* RouterError
  x PolicyError            the policy author; raised at load, never during a task
    + PolicyInvalid        carries every problem of the files, each with file:line:column
    + UnknownPolicy        nothing was published under that name or digest
  x TaskError              the caller; raised by submit()
    + TaskInvalid          the input does not meet the policy's input schema or limits
    + TaskConflict         the idempotency key was used with another body
    + TaskGone             the idempotency key stands for a task whose record is gone
    + UnknownTask          no such task, or its record's time is over
    + NotDead              the task is no dead letter
    + UnknownDelivery      no such delivery of a webhook, or its time is over
    + EndpointDisabled     the webhook's endpoint is disabled: enable it first
    + NotInReview          the task does not wait for a person (any more)
    + RulingInvalid        what a reviewer decided cannot be done
  x ResultError            the caller; raised by waiting or unwrapping
    + ResultPending        not ended within the given time
    + TaskNotSucceeded     ended without an accepted output
  x OperatorError          whoever runs the service
    + SettingsInvalid      an environment variable is wrong or unknown
    + SecretRefused        a webhook secret cannot be made, or there is none to rotate
    + UnknownKey           no such API key
    + KeyRefused           an API key cannot be made, or made in the place of that one
    + BillInvalid          a provider's bill has a form that we do not read
    + LogInvalid           a log of recorded traffic cannot be read
    + FormatTooNew         a newer version wrote this: upgrade the process that has to read it
    + ExtraMissing         a command needs libraries that are not installed
    + Backlogged           too many tasks wait, or Redis has no memory for more; try again later
    + StoreUnavailable     Redis cannot be reached
      - StoreRefused       Redis is there, but not with this password or this database
    + StoreUnsafe          Redis would lose data (no AOF, evicting); see the message
    + ServerBusy           another process runs the embedded server of that directory
    + ServerMissing        no Redis-compatible server program is installed

A failed check is no error: it is a Finding (verdict.py).  A call without a reply is a Failure (call.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class RouterError(Exception):
    """
    Base of every error this package raises. `exit_code` is what a command ends with: 1 the answer is no, 2 something
    has to be mended first, 3 try later.
    """

    exit_code: ClassVar[int] = 2


class PolicyError(RouterError):
    """Something is wrong with a policy."""


class PolicyInvalid(PolicyError):
    """Policy files with mistakes; `problems` holds each one with its place."""

    exit_code = 1

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class UnknownPolicy(PolicyError):
    """Nothing was published under that name or digest."""


class TaskError(RouterError):
    """The caller asked for something that cannot be done."""


class TaskInvalid(TaskError):
    """
    The input does not meet the policy's input schema or limits; `parameter` names the wish that the policy cannot meet.
    """

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class TaskConflict(TaskError):
    """The idempotency key stands for another body."""

    exit_code = 1


class TaskGone(TaskError):
    """The idempotency key stands for a task that is over and whose record is gone: a new key makes a new task."""

    exit_code = 1


class UnknownTask(TaskError):
    """No such task, or its record's time is over."""

    exit_code = 1


class NotDead(TaskError):
    """The task is no dead letter: only those are sent again or dropped."""

    exit_code = 1


class UnknownDelivery(TaskError):
    """No such delivery of a webhook, or the time that it is kept is over."""

    exit_code = 1


class EndpointDisabled(TaskError):
    """The endpoint of a webhook is disabled: nothing is sent there until somebody enables it."""

    exit_code = 1


class NotInReview(TaskError):
    """The task does not wait for a person, or not any more."""

    exit_code = 1


class RulingInvalid(TaskError):
    """What a reviewer decided cannot be done, such as accepting an output that the schema forbids."""


class ResultError(RouterError):
    """There is no output to give."""

    exit_code = 1


class ResultPending(ResultError):
    """The task has not ended within the given time; it goes on."""


class TaskNotSucceeded(ResultError):
    """The task ended without an accepted output."""


class OperatorError(RouterError):
    """Something around the service has to be mended."""


class SettingsInvalid(OperatorError):
    """An environment variable is wrong or unknown."""


class SecretRefused(OperatorError):
    """A webhook secret cannot be made, or there is none to rotate or drop; the message says what to do."""

    exit_code = 1


class UnknownKey(OperatorError):
    """There is no such API key."""

    exit_code = 1


class KeyRefused(OperatorError):
    """An API key cannot be made, or not in the place of that one; the message says why."""


class BillInvalid(OperatorError):
    """A provider's bill has a form that we do not read."""


class LogInvalid(OperatorError):
    """A log of recorded traffic cannot be read."""


class FormatTooNew(OperatorError):
    """A newer version wrote what is to be read: this process has to be upgraded; newer ones go on meanwhile."""


class ExtraMissing(OperatorError):
    """A command needs libraries that are not installed; the message says how to get them."""


class Backlogged(OperatorError):
    """Too many tasks wait already, or Redis has no memory for more."""

    exit_code = 3


class StoreUnavailable(OperatorError):
    """Redis cannot be reached."""

    exit_code = 3


class StoreRefused(StoreUnavailable):
    """Redis is there, but does not let us in with this password, or has no such database: waiting does not help."""

    exit_code = 2


class StoreUnsafe(OperatorError):
    """Redis is set up so that it would lose tasks or money."""


class ServerBusy(OperatorError):
    """Another process runs the embedded server of that directory."""


class ServerMissing(OperatorError):
    """No Redis-compatible server program is installed."""
