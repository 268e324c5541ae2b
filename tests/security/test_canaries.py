"""What is secret or somebody's own stays where it belongs: canaries fly through real workers, and are searched for."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from router.client import Client
from router.errors import FormatTooNew, RouterError
from router.io.packing import unpack
from router.result import Result
from tests.acl import PASSWORD, GuardedServer, peek
from tests.e2e.house import Site
from tests.io.keyspace import keyspace
from tests.security.aviary import BROKEN, KEY, OUTPUT, POLICY_OF, logged
from tests.shell import Shell

PROMPT, NOTE = "canary-prompt-4711", "canary-note-4711"
IMAGE = "data:image/png;base64,Y2FuYXJ5LWltYWdlLTQ3MTE="
CONTENTS = (PROMPT, OUTPUT, NOTE, IMAGE.partition(",")[2])
PAYLOAD = ("t:", "in:", "trail:", "kept:", "c:")
"""The keys that hold what was asked and answered: they go when their task does."""


@pytest.fixture(scope="module")
def results(aviary: Site) -> dict[str, Result]:
    """One task for each way to answer, by the way; and those whose output was quoted, cancelled, or sent again."""
    given = {"text": f"Read {PROMPT} aloud", "photo": IMAGE}
    named = POLICY_OF | {"quoting": "quoting"}
    client = aviary.client
    handles = {
        mode: client.submit(policy, given, key=f"k-{policy}", metadata={"note": NOTE}) for mode, policy in named.items()
    }
    results = {mode: handle.wait(timeout_s=60) for mode, handle in handles.items()}
    dead = next(result for result in results.values() if result.status == "dead")
    return results | {"again": client.wait(client.redrive(dead.id).id, timeout_s=60)}


def test_the_canaries_flew(results: dict[str, Result], aviary: Site, alone: GuardedServer) -> None:
    """All of them are where they may be: else finding them nowhere would prove nothing."""
    assert results["given"].output == {"said": OUTPUT}
    assert OUTPUT in str(results["quoting"].reason)
    assert {results[mode].status for mode in BROKEN} <= {"dead", "rejected"}
    with peek(alone.url) as raw:
        found = _read(raw, aviary)
    assert {canary for canary in CONTENTS if canary in str(found)} == set(CONTENTS)
    assert OUTPUT in found[f"trail:{results['given'].id}"]
    assert {PROMPT, NOTE} == {word for word in (PROMPT, NOTE) if word in found[f"in:{results['again'].id}"]}


def test_keys_of_providers_are_nowhere(results: dict[str, Result], aviary: Site, alone: GuardedServer) -> None:
    """An API key is in the environment of workers alone: in no log, in no key of Redis, in no result."""
    with peek(alone.url) as raw:
        kept = str(_everything(raw))

    assert KEY not in kept
    assert KEY not in logged(aviary)
    assert KEY not in str([_plain(result) for result in results.values()])


@pytest.mark.parametrize("canary", CONTENTS)
def test_contents_are_not_logged(results: dict[str, Result], aviary: Site, canary: str) -> None:
    """No log of a worker or of the server quotes what was asked or answered, not even where a provider did."""
    assert all(result.id in logged(aviary) for result in results.values())
    assert canary not in logged(aviary)


@pytest.mark.parametrize("canary", CONTENTS)
def test_contents_lie_in_payload_keys_alone(
    results: dict[str, Result], aviary: Site, alone: GuardedServer, canary: str
) -> None:
    """Neither names of keys, nor events, ledger, balances, RQ's jobs, nor anything that outlives a task has them."""
    with peek(alone.url) as raw:
        found = _read(raw, aviary)
        every = _everything(raw)

    assert [name for name, held in found.items() if canary in str(held) and not name.startswith(PAYLOAD)] == []
    others = {name: held for name, held in every.items() if not name.startswith(aviary.settings.prefix)}
    assert any(name.startswith("rq:") for name in others)
    assert canary not in str(others)
    assert canary not in str(list(every))


@pytest.mark.parametrize("canary", (*CONTENTS, KEY))
def test_events_do_not_tell_contents(results: dict[str, Result], aviary: Site, canary: str) -> None:
    """Who listens to events learns what moves, not what it says."""
    with Client(aviary.settings.redis_url, prefix=aviary.settings.prefix) as client:
        told = [str(event) for event in client.events(wait_s=0)]

    assert len(told) >= len(results)
    assert not [event for event in told if canary in event]


OVERVIEWS = (
    ("doctor", "--json"),
    ("cost", "--by", "tier,policy,tenant", "--json"),
    ("budget", "list", "--json"),
    ("audit", "--json"),
)


@pytest.mark.parametrize("words", OVERVIEWS, ids=" ".join)
def test_overviews_show_no_contents(
    results: dict[str, Result],
    aviary: Site,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    """What people look at to see how the service does has nothing of what it is asked."""
    for name, value in aviary.settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CANARY_KEY", KEY)
    shell = Shell(capsys)

    assert shell(*words) in (0, 1)
    assert not [canary for canary in (*CONTENTS, KEY) if canary in shell.out + shell.err]


def test_errors_do_not_quote_keys_or_images(aviary: Site) -> None:
    """An exception that a producer logs says what is wrong, with a few words of it; never an image, nor a password."""
    many = IMAGE * 100
    wrong: list[dict[str, Any]] = [{"text": 5, "photo": many}, {"text": "x", "photo": [many]}, {"photo": many}]
    said = ""
    for given in wrong:
        with pytest.raises(RouterError) as why:
            aviary.client.submit("m0", given)
        said += str(why.value)

    assert len(said) < 1_000
    assert PASSWORD not in said


def _plain(result: Result) -> str:
    return str((result.status, result.reason, result.output, result.trail))


def _read(raw: redis.Redis, aviary: Site) -> dict[str, Any]:
    """What lies under our prefix, unpacked."""
    return {name: _unpacked(held) for name, (held, _) in keyspace(raw, aviary.settings.prefix).items()}


def _everything(raw: redis.Redis) -> dict[str, Any]:
    return {name: _unpacked(held) for name, (held, _) in keyspace(raw, "").items()}


def _unpacked(held: Any) -> str:
    """As text; what was packed is unpacked, wherever it stands."""
    match held:
        case bytes():
            try:
                return unpack(held).decode(errors="replace")
            except (FormatTooNew, ValueError):  # it was not packed
                return held.decode(errors="replace")
        case dict():
            return str({_unpacked(k): _unpacked(v) for k, v in held.items()})
        case list() | tuple() | set():
            return str([_unpacked(member) for member in held])
        case _:
            return str(held)
