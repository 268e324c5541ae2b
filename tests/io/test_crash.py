"""Blows at named points of a task's way."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from router.call import Answer, Call
from router.decision import DeadLetter
from router.fault import POINTS, SIGNALS, Fault, read_faults
from router.io.crash import Blows, CrashingLLM, CrashingStore, crashing
from router.io.litellm_wire import Wire, current_wire
from router.ledger import EntryKind
from router.memory import MemoryStore
from router.refusal import Refusal
from tests.builders import GOOD, RATES, a_call, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock
from tests.waiting import until


class Fist:
    """Notes the blows in place of dealing them."""

    def __init__(self, *points: str, probability: float = 1.0, seed: int = 1) -> None:
        self.fallen: list[str] = []
        faults = [Fault(point, probability, "KILL", seed) for point in points]
        self.blows = Blows(faults, strike=lambda fault: self.fallen.append(fault.point))


class Slow:
    """A model whose request leaves, and whose answer comes, when the test says so."""

    def __init__(self, *, watched: bool = True) -> None:
        self.wire = Wire(watched=watched)
        self.answered = asyncio.Event()
        self.asked = 0

    async def complete(self, call: Call) -> Answer:
        self.asked += 1
        watching = current_wire.set(self.wire)
        await self.answered.wait()
        current_wire.reset(watching)
        return GOOD


def test_a_fault_is_read_as_it_is_written() -> None:
    """Point, probability, signal and seed; several with commas between them."""
    assert read_faults("") == ()
    assert read_faults("claim:0.5:KILL:1, resolve:1:EXIT:20") == (
        Fault("claim", 0.5, "KILL", 1),
        Fault("resolve", 1.0, "EXIT", 20),
    )
    assert all(read_faults(f"{point}:1:{name}:0") for point in POINTS for name in SIGNALS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("resolve", "'resolve' is no fault; expected point:probability:signal:seed, such as resolve:0.05:KILL:1"),
        ("resolved:1:KILL:1", "expected one of claim, reserve, send, reply, resolve, checks, finish"),
        ("claim:1:HUP:1", "expected one of KILL, TERM, STOP, ABRT, SEGV, EXIT"),
        ("claim:2:KILL:1", "has the probability '2'; expected a number from 0 to 1"),
        ("claim:nan:KILL:1", "has the probability 'nan'"),
        ("claim:often:KILL:1", "has the probability 'often'"),
        ("claim:1:KILL:-1", "has the seed '-1'; expected a whole number from 0 on"),
        ("claim:1:KILL:1,reply:1:KILL", "'reply:1:KILL' is no fault"),
    ],
)
def test_a_wrong_fault_is_told_with_what_is_right(text: str, told: str) -> None:
    """Nobody has to read the source to learn what can be asked for."""
    with pytest.raises(ValueError) as why:
        read_faults(text)

    assert told in str(why.value)


async def test_the_store_is_struck_just_after_its_steps(clock: Clock) -> None:
    """After a claim, a reservation, a booking and an end; before an end, too, for what came of the checks."""
    fist = Fist("claim", "reserve", "resolve", "checks", "finish")
    store = CrashingStore(MemoryStore(clock_ms=clock), fist.blows)
    policy = a_policy()
    await store.publish([policy])
    await store.submit([a_submission(policy=policy.digest)])
    assert fist.fallen == []

    (claim,) = await store.claim({"mini": 1}, at_most=1, token="a")
    await store.reserve(claim, an_intent(), rates=RATES, limit_nusd=10_000, open_for_ms=1000)
    settled = a_settlement(EntryKind.SETTLED)
    await store.resolve(an_intent(), settled, a_kept(an_intent(), settled))
    assert fist.fallen == ["claim", "reserve", "resolve"]
    assert await store.finish(claim, policy, an_attempt(), DeadLetter("so it is"))

    assert fist.fallen == ["claim", "reserve", "resolve", "checks", "finish"]


async def test_what_was_not_done_is_not_struck(clock: Clock) -> None:
    """An empty claim and a refused reservation are no points of any task's way."""
    fist = Fist("claim", "reserve")
    store = CrashingStore(MemoryStore(clock_ms=clock), fist.blows)
    await store.publish([a_policy()])
    await store.submit([a_submission()])

    assert await store.claim({"small": 1}, at_most=1, token="a") == []
    assert fist.fallen == []
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="b")
    assert isinstance(await store.reserve(claim, an_intent(), rates=RATES, limit_nusd=1, open_for_ms=1000), Refusal)
    assert fist.fallen == ["claim"]


async def test_send_strikes_once_the_request_has_left() -> None:
    """Not before, and while no answer has come: the facts on the wire say when."""
    fist, model = Fist("send", "reply"), Slow()
    asking = asyncio.create_task(CrashingLLM(model, fist.blows).complete(a_call()))
    await until(lambda: model.asked)
    assert fist.fallen == []

    model.wire.sent = True
    await until(lambda: fist.fallen)
    assert fist.fallen == ["send"]
    model.answered.set()

    assert await asking == GOOD
    assert fist.fallen == ["send", "reply"]


async def test_send_strikes_a_moment_into_a_call_that_nobody_watches() -> None:
    """Models without a wire, or that may be reached past it, are struck all the same."""
    fist, model = Fist("send"), Slow(watched=False)
    asking = asyncio.create_task(CrashingLLM(model, fist.blows).complete(a_call()))

    await until(lambda: fist.fallen == ["send"])
    model.answered.set()

    assert await asking == GOOD


async def test_send_passes_over_a_call_that_never_left() -> None:
    """What was answered before it left, an error most likely, was not on its way."""
    fist, model = Fist("send"), Slow()
    model.answered.set()

    assert await CrashingLLM(model, fist.blows).complete(a_call()) == GOOD
    assert fist.fallen == []


async def test_a_call_that_is_given_up_is_given_up_below(clock: Clock) -> None:
    """Whoever cancels a struck call leaves nothing running."""
    fist, model = Fist("send"), Slow()
    asking = asyncio.create_task(CrashingLLM(model, fist.blows).complete(a_call()))
    await until(lambda: model.asked)

    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until(lambda: len(asyncio.all_tasks()) == 1)

    assert fist.fallen == []


def test_luck_is_seeded() -> None:
    """The same seed strikes at the same passages, another one at others, about as often as asked."""

    def passages(seed: int) -> list[bool]:
        blows = Fist("claim", probability=0.3, seed=seed).blows
        return [blows.due("claim") is not None for _ in range(300)]

    assert passages(1) == passages(1)
    assert passages(1) != passages(2)
    assert 60 <= sum(passages(1)) <= 120


def test_another_process_has_other_luck() -> None:
    """Else a restarted worker would be struck at the same task for ever."""
    code = (
        "from router.fault import Fault; from router.io.crash import Blows;"
        "b = Blows([Fault('claim', 0.5, 'KILL', 1)]); print([b.due('claim') is not None for _ in range(64)])"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    ]

    assert said[0] != said[1]


@pytest.mark.parametrize("name", ["KILL", "TERM", "ABRT", "SEGV"])
def test_a_signal_ends_the_process(name: str) -> None:
    """The blow is the signal itself."""
    code = f"from router.fault import Fault; from router.io.crash import strike; strike(Fault('claim', 1, '{name}', 1))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)

    assert ended.returncode == -signal.Signals[f"SIG{name}"]


def test_exit_clears_nothing_up() -> None:
    """EXIT runs no handler of the interpreter: nothing is flushed, nothing said."""
    code = (
        "import atexit; from router.fault import Fault; from router.io.crash import strike;"
        "atexit.register(print, 'cleared up'); strike(Fault('claim', 1, 'EXIT', 1))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout) == (70, "")


def test_a_stopped_process_goes_on_when_it_is_told_to() -> None:
    """STOP freezes it, and nothing is lost."""
    code = (
        "from router.fault import Fault; from router.io.crash import strike;"
        "strike(Fault('claim', 1, 'STOP', 1)); print('awake')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])

    process.send_signal(signal.SIGCONT)

    assert process.communicate(timeout=60)[0] == "awake\n"


def test_both_seams_share_their_luck(clock: Clock) -> None:
    """What `crashing` gives is a pair of wrappers; what they do not strike at they pass on."""
    llm, store = crashing(Slow(), MemoryStore(clock_ms=clock), read_faults("claim:0:KILL:1"))

    assert isinstance(llm, CrashingLLM)
    assert store.now_ms() == clock.ms
