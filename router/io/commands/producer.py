"""What producers ask of the store, as commands. No I/O, and nothing heavy is imported for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter

from ...erasure import erased, erased_task
from ...errors import FormatTooNew, NotInReview, UnknownPolicy, UnknownTask
from ...event import Again, Alarm, Event, Moved, Stands
from ...formats import FORMAT, of_attempt, of_body
from ...output import Kind, Output
from ...record import Record
from ...ruling import REVIEW, not_in_review
from ...submission import Admission, Busy, Card, Conflict, Full, Gone, Submission, Submitted
from ...task import Audited, Priority, Task, TaskState
from ...trail import Attempt, Trail
from ...wishes import Wishes
from ..packing import pack, require_format, unpack
from ..redis_link import Command, Flow
from .scripted import Scripted, as_pairs, as_state, as_text, no_task

_PAGE = 1000

CARD = TypeAdapter(Card)


class ProducerCommands(Scripted):
    """Submitting, watching, reading and cancelling tasks. `waiting_max` bounds the backlog."""

    def __init__(
        self, *, prefix: str = "r:", waiting_max: int = 1_000_000, clock_ms: Callable[[], int] | None = None
    ) -> None:
        super().__init__(prefix=prefix, clock_ms=clock_ms)
        self._waiting_max = waiting_max

    def card(self, name: str) -> Command[Card]:
        """The current version of a policy. Its reading raises: UnknownPolicy."""

        def parse(reply: bytes | None) -> Card:
            if reply is None:
                raise UnknownPolicy(
                    f"no policy {name!r} was published; start a worker with its folder, or `router policy publish` it"
                )
            return card_of(name, reply)

        return Command(("GET", self.keys.current(name)), parse)

    def version(self, digest: str) -> Command[tuple[str, Kind]]:
        """The name of a published version, and the kind of its outputs. Its reading raises: UnknownPolicy."""

        def parse(reply: bytes | None) -> tuple[str, Kind]:
            if reply is None:
                raise UnknownPolicy(f"no policy with digest {digest} is published any more")
            published = json.loads(unpack(reply, f"policy version {digest}"))
            return published["policy"], Output.model_validate(published["output"]).kind

        return Command(("GET", self.keys.policy(digest)), parse)

    def policy_name(self, digest: str) -> Command[str]:
        """The name of a published version; its digest where it is not known any more, or not to this process yet."""

        def parse(reply: bytes | None) -> str:
            with suppress(FormatTooNew):
                return json.loads(unpack(reply))["policy"] if reply else digest
            return digest

        return Command(("GET", self.keys.policy(digest)), parse)

    def submit(self, submissions: Sequence[Submission], *, only_known: bool = False) -> Command[list[Admission]]:
        """With *only_known* nothing new is taken in, but keys that were used before get their answer."""
        words: list[str | bytes | int] = [0 if only_known else self._waiting_max, len(submissions)]
        for submission in submissions:
            words += submission_words(submission)
        return self._script("submit", words, lambda replies: [admission(reply) for reply in replies])

    def full(self) -> Command[Full | None]:
        """Whether a new task would be refused for want of memory."""
        return self._script("full", [], lambda reply: Full(*map(int, reply[1:])) if reply else None)

    def cancel(self, task_id: str) -> Command[TaskState]:
        return self._script("cancel", [task_id], lambda reply: as_state(reply, task_id))

    def rule(self, task_id: str, attempt: Attempt, *, patience_ms: int) -> Command[TaskState]:
        """Carry out what a person decided. Its reading raises: UnknownTask, NotInReview."""
        ruling = attempt.ruling
        assert ruling is not None
        words: list[str | bytes | int] = [
            task_id,
            attempt.number,
            packed_attempt(attempt),
            attempt.signature,
            ruling.reached,
            ruling.tier or REVIEW,
            ruling.because,
            ruling.told,
            patience_ms,
        ]
        return self._script("resolve_review", words, lambda reply: _ruled(reply, task_id))

    def erase(self, task_id: str) -> Flow[TaskState]:
        """
        Erase what a task was asked and answered, and the same of its audit; ended first where it has not ended.

        Raises: UnknownTask.
        """
        word, state, audit = "again", "", ""
        while word == "again":
            fields, packed_input, trail = yield self.read(task_id)
            bare = erased_task(record(task_id, fields, packed_input, trail).task)
            words: list[str | bytes | int] = [task_id, _packed_body(bare)]
            words += [packed_attempt(erased(attempt)) for attempt in trail]
            ((word, state, audit),) = yield [self._script("erase", words, lambda reply: _erased(reply, task_id))]
        if audit:
            with suppress(UnknownTask):
                yield from self.erase(audit)
        return TaskState(state)

    def watch(self, task_id: str, who: str) -> Command[TaskState]:
        """Have the waiter *who* woken when the task ends."""
        return self._script("watch", [task_id, who], lambda reply: as_state(reply, task_id))

    def read(self, task_id: str) -> tuple[Command[Any], Command[Any], Command[Any]]:
        """Three reads of one round trip, to be put together by `record`."""
        return (
            Command(("HGETALL", self.keys.task(task_id)), as_pairs),
            Command(("GET", self.keys.input(task_id)), lambda reply: reply),
            Command(("LRANGE", self.keys.trail(task_id), 0, -1), trail_of),
        )

    def events(self, after: str) -> Command[list[tuple[str, Event]]]:
        """What happened after the event of that id; with the ids."""
        return self._told(self.keys.events, after)

    def alarms(self, after: str) -> Command[list[tuple[str, Event]]]:
        """Those of the events that somebody should look at."""
        return self._told(self.keys.alarms, after)

    def last_alarm(self) -> Command[str]:
        """The id of the alarm that was told last, to hear what comes after it."""
        words = ("XREVRANGE", self.keys.alarms, "+", "-", "COUNT", 1)
        return Command(words, lambda reply: as_text(reply[0][0]) if reply else "0-0")

    def _told(self, stream: str, after: str) -> Command[list[tuple[str, Event]]]:
        words = ("XRANGE", stream, f"({after}" if after != "-" else "-", "+", "COUNT", _PAGE)
        return Command(words, lambda reply: [told_event(line) for line in reply])


def record(task_id: str, fields: Mapping[str, bytes], packed_input: bytes | None, trail: Trail) -> Record:
    """Put the replies of `ProducerCommands.read` together. Raises: UnknownTask."""
    if not fields or packed_input is None:
        raise UnknownTask(no_task(task_id))
    text = {name: as_text(value) for name, value in fields.items()}
    return Record(
        task=task_of(task_id, [text[f] for f in ("n", "p", "c", "d", "h")], packed_input),
        state=TaskState(text["s"]),
        tier=text["q"],
        trail=trail,
        reason=text.get("why"),
        cost_nusd=int(text.get("w", 0)),
        ended_ms=int(text["f"]) if "f" in text else None,
        origin=text.get("origin"),
        redriven=text.get("redriven"),
        audit=text.get("audit"),
        erased_ms=int(text["er"]) if "er" in text else None,
    )


def card_of(name: str, reply: bytes | str) -> Card:
    """A card as it is stored. Raises: FormatTooNew."""
    told = json.loads(reply)
    require_format(told.get("format", 1), f"the current version of policy {name!r}")
    return CARD.validate_python(told)


def task_of(task_id: str, fields: Sequence[str], packed_input: bytes, *, reads: int = FORMAT) -> Task:
    """
    A task from its hash (tenant, policy, created, deadline, priority) and its packed input. Raises: FormatTooNew.
    """
    tenant, policy, created, deadline, priority = fields
    body = json.loads(unpack(packed_input, f"task {task_id}", reads=reads))
    return Task(
        id=task_id,
        policy=policy,
        input=body["input"],
        tenant=tenant,
        priority=Priority(priority),
        created_ms=int(created),
        deadline_ms=int(deadline),
        metadata=body["metadata"],
        audits=Audited.model_validate(body["audits"]) if "audits" in body else None,
        wishes=Wishes.model_validate(body["wishes"]) if "wishes" in body else None,
        background=body.get("background", False),
    )


def packed_attempt(attempt: Attempt) -> bytes:
    return pack(attempt.model_dump_json(exclude_defaults=True), of_attempt(attempt))


def trail_of(reply: Sequence[bytes], *, reads: int = FORMAT) -> Trail:
    """Raises: FormatTooNew."""
    return tuple(Attempt.model_validate_json(unpack(packed, _AN_ATTEMPT, reads=reads)) for packed in reply)


_AN_ATTEMPT = "an attempt in the task's trail"


def told_event(reply: Any) -> tuple[str, Event]:
    """An event with its id, from a line of the stream."""
    fields = {name: as_text(value) for name, value in as_pairs(reply[1]).items()}
    kind, task, detail = fields["e"], fields["t"], fields["x"]
    stream_id = as_text(reply[0])
    match kind:
        case "moved":
            left, reached, reason = detail.split(" ", 2)
            return stream_id, Moved(task, left, reached, reason)
        case "again" | "reclaimed":
            return stream_id, Again(task, repaired=kind == "again", reason=detail)
        case "budget" | "breaker" | "storm" | "webhook" | "ledger" as alarm:
            return stream_id, Alarm(alarm, task, detail)
        case _:
            return stream_id, Stands(task, TaskState(kind), detail)


def submission_words(submission: Submission) -> list[str | bytes | int]:
    """What `submit.lua` reads of one task."""
    return [
        submission.task_id,
        submission.tier,
        submission.tenant,
        submission.policy,
        submission.priority.patience_ms,
        int(submission.deadline_s * 1000),
        submission.keep_s,
        submission.key or "",
        submission.fingerprint,
        submission.reply_to or "",
        submission.priority,
        _packed_body(submission),
        submission.webhook.word if submission.webhook is not None else "",
        json.dumps(submission.tags, ensure_ascii=False, separators=(",", ":")) if submission.tags else "",
    ]


def _packed_body(of: Submission | Task) -> bytes:
    """What of a task lies apart from its hash."""
    body: dict[str, Any] = {"input": of.input, "metadata": of.metadata}
    if of.audits is not None:
        body["audits"] = of.audits.model_dump()
    if of.wishes is not None:
        body["wishes"] = of.wishes.told
    if of.background:
        body["background"] = True
    return pack(json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")), of_body(of))


def _ruled(reply: Sequence[bytes], task_id: str) -> TaskState:
    word, state = map(as_text, reply)
    if not state:
        raise UnknownTask(no_task(task_id))
    if word == "not":
        raise NotInReview(not_in_review(task_id, TaskState(state)))
    return TaskState(state)


def _erased(reply: Sequence[bytes] | None, task_id: str) -> list[str]:
    if not reply:
        raise UnknownTask(no_task(task_id))
    return list(map(as_text, reply))


def admission(reply: Sequence[bytes]) -> Admission:
    """What a script says of a task that was to be taken in."""
    match as_text(reply[0]):
        case "ok":
            return Submitted(as_text(reply[1]))
        case "replay":
            return Submitted(as_text(reply[1]), replayed=True)
        case "conflict":
            return Conflict(as_text(reply[1]))
        case "gone":
            return Gone(as_text(reply[1]))
        case "full":
            return Full(*map(int, reply[1:]))
        case _:
            return Busy(int(reply[1]))
