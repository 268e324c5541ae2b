"""Settings from the environment, and what is told of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.errors import SettingsInvalid
from router.fault import Fault
from router.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing has to be set on a laptop; other programs' variables are none of ours."""
    settings = Settings.from_env({"PATH": "/bin", "OPENAI_API_KEY": "x"})

    assert settings == Settings()
    assert settings.redis_url == "redis://localhost:6379/0"
    assert settings.tiers_file == Path("policies/tiers.yaml")


def test_every_variable_is_read() -> None:
    """Each name of ours sets what it says, paths with a home directory too."""
    settings = Settings.from_env(
        {
            "ROUTER_REDIS_URL": "rediss://example.com:6380/1",
            "ROUTER_POLICIES": "~/policies",
            "ROUTER_TIERS": "other/tiers.local.yaml",
            "ROUTER_PREFIX": "x:",
            "ROUTER_LOG": "debug",
            "ROUTER_STATE_DIR": "/var/lib/router",
            "ROUTER_WORKER_TIERS": "mini, small",
            "ROUTER_WORKER_CONCURRENCY": "50",
            "ROUTER_LEDGER_DAYS": "90",
            "ROUTER_LEDGER_LINES": "1000",
            "ROUTER_WEBHOOK_ALLOW": "hooks.internal, 10.1.0.0/16",
            "ROUTER_FAULT": "resolve:0.05:KILL:1",
        }
    )

    assert settings == Settings(
        redis_url="rediss://example.com:6380/1",
        policies=Path.home() / "policies",
        tiers=Path("other/tiers.local.yaml"),
        prefix="x:",
        log="debug",
        state_dir=Path("/var/lib/router"),
        worker_tiers="mini, small",
        worker_concurrency="50",
        ledger_days="90",
        ledger_lines="1000",
        webhook_allow="hooks.internal, 10.1.0.0/16",
        fault="resolve:0.05:KILL:1",
    )
    assert settings.faults == (Fault("resolve", 0.05, "KILL", 1),)
    assert settings.tiers_file == Path("other/tiers.local.yaml")


def test_an_empty_variable_is_as_good_as_none() -> None:
    """Containers like to set variables to nothing."""
    assert Settings.from_env({"ROUTER_LOG": "", "ROUTER_TIERS": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ROUTER_REDIS", "x", "ROUTER_REDIS is no setting of ours; did you mean ROUTER_REDIS_URL?"),
        ("ROUTER_LOGG", "info", "did you mean ROUTER_LOG?"),
        ("ROUTER_TEIRS", "x", "ROUTER_TEIRS is no setting of ours; did you mean ROUTER_TIERS?"),
        ("ROUTER_LOG", "loud", "ROUTER_LOG is 'loud', expected one of debug, info, warning, error"),
        ("ROUTER_REDIS_URL", "localhost:6379", "ROUTER_REDIS_URL must begin with redis://, rediss:// or unix://"),
        ("ROUTER_REDIS_URL", "redis://host/abc", "ROUTER_REDIS_URL must end with the number of a database"),
        ("ROUTER_REDIS_URL", "redis://host/-1", "ROUTER_REDIS_URL must end with the number of a database"),
        ("ROUTER_REDIS_URL", "unix:///run/redis.sock?db=a", "ROUTER_REDIS_URL must end with the number of a database"),
        ("ROUTER_REDIS_URL", "redis://host:port/0", "ROUTER_REDIS_URL has no port that is a number"),
        ("ROUTER_WORKER_CONCURRENCY", "0", "ROUTER_WORKER_CONCURRENCY must be a whole number from 1 on"),
        ("ROUTER_WORKER_CONCURRENCY", "-5", "ROUTER_WORKER_CONCURRENCY must be a whole number"),
        ("ROUTER_WORKER_CONCURRENCY", "many", "ROUTER_WORKER_CONCURRENCY must be a whole number"),
        ("ROUTER_WEBHOOK_ALLOW", "10.1.0.0/8", "ROUTER_WEBHOOK_ALLOW: '10.1.0.0/8' is no network such as 10.1.0.0/16"),
        ("ROUTER_WEBHOOK_ALLOW", "a b", "ROUTER_WEBHOOK_ALLOW: 'a b' is no host name, address or network"),
        ("ROUTER_FAULT", "resolve", "ROUTER_FAULT: 'resolve' is no fault; expected point:probability:signal:seed"),
        ("ROUTER_FAULT", "judge:1:KILL:1", "expected one of claim, reserve, send, reply, resolve, checks, finish"),
    ],
)
def test_a_wrong_setting_is_an_error_not_a_surprise_later(name: str, value: str, told: str) -> None:
    """What was meant, or what was expected, is said."""
    with pytest.raises(SettingsInvalid) as why:
        Settings.from_env({name: value})

    assert told in str(why.value)


@pytest.mark.parametrize("name", ["ROUTER_NONSENSE", "ROUTER_ZZZZZZZZZ"])
def test_a_name_like_none_of_ours_is_not_guessed_at(name: str) -> None:
    """That all names begin alike makes no two of them alike."""
    with pytest.raises(SettingsInvalid) as why:
        Settings.from_env({name: "1"})

    assert str(why.value) == f"{name} is no setting of ours"


@pytest.mark.parametrize(
    "url", ["redis://", "redis://h", "rediss://u:p@[::1]:1/2", "redis://h?db=3", "unix:///a/b.sock"]
)
def test_every_form_of_address_is_taken(url: str) -> None:
    """Host, port, database, user and password may be left out or given."""
    assert Settings.from_env({"ROUTER_REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("url", ["redis://:sec/ret@host/0", "redis://:1/secret@host/0", "redis://host/secret"])
def test_a_wrong_address_is_told_without_a_word_of_it(url: str) -> None:
    """A password with a slash breaks the address where it stands, and must not come up in a log."""
    with pytest.raises(SettingsInvalid) as why:
        Settings.from_env({"ROUTER_REDIS_URL": url})

    assert "sec" not in str(why.value)


def test_all_wrong_settings_are_told_at_once() -> None:
    """Nobody has to start a service three times to learn of three mistakes."""
    with pytest.raises(SettingsInvalid) as why:
        Settings.from_env({"ROUTER_LOG": "loud", "ROUTER_REDDIS": "x", "ROUTER_WORKER_CONCURRENCY": "x"})

    assert all(name in str(why.value) for name in ("ROUTER_LOG", "ROUTER_REDDIS", "ROUTER_WORKER_CONCURRENCY"))


@pytest.mark.parametrize(
    ("given", "served", "group"),
    [("", (), "all"), ("mini", ("mini",), "mini"), (" small ,mini,", ("small", "mini"), "mini+small")],
)
def test_workers_of_the_same_tiers_are_one_group(given: str, served: tuple[str, ...], group: str) -> None:
    """The order of the tiers does not matter; none named are all of them."""
    settings = Settings(worker_tiers=given)

    assert (settings.tiers_served, settings.group) == (served, group)


def test_a_process_started_from_here_gets_the_same_settings() -> None:
    """What `environment` gives is read back as it was."""
    settings = Settings(redis_url="unix:///run/redis.sock", tiers=Path("t.yaml"), worker_concurrency="7")

    assert Settings.from_env(settings.environment()) == settings
    assert Settings.from_env(Settings().environment()) == Settings()
