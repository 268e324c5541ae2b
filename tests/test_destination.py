"""Which addresses a request may go to whose URL somebody else chose."""

from __future__ import annotations

import pytest

from router.destination import NOTHING_ELSE, Allowed, url_problem, why_not

REFUSED = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.1.2.3"),
    *("168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.1", "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1"),
    *("192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "232.1.1.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "64:ff9b:1:ffff::a00:1", "100::1"),
    *("100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fd00::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1"),
    *("1::1", "4000::1", "9000::1", "e000::1"),
]
TAKEN = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255"),
    *("128.0.0.1", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1", "192.167.255.255"),
    *("192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8"),
    *("2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450:4001::1"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    """Private, loopback, link-local, shared, multicast, reserved, metadata, and every form that wraps an address."""
    assert why_not(address) is not None


@pytest.mark.parametrize("address", TAKEN)
def test_what_is_public_is_taken(address: str) -> None:
    """The neighbours of every refused network are somebody's public addresses."""
    assert why_not(address) is None


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1."])
def test_what_is_no_address_in_its_usual_form_is_refused(text: str) -> None:
    """Old spellings of addresses mean different things to different libraries."""
    assert why_not(text) == f"{text!r} is no address"


def test_says_why_an_address_is_refused() -> None:
    """The kind of address is named."""
    assert why_not("10.0.0.1") == "10.0.0.1 is not public: private"
    assert why_not("::ffff:169.254.169.254", NOTHING_ELSE) == (
        "::ffff:169.254.169.254 is not public: link-local, where clouds keep their metadata"
    )
    assert why_not("64:ff9b::7f00:1") == "64:ff9b::7f00:1 is not public: an IPv4 address behind NAT64"


@pytest.mark.parametrize(
    ("setting", "address", "taken"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1/32", "::ffff:127.0.0.1", True),
        ("10.1.0.0/16", "10.1.255.1", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("hooks.internal,::1", "::1", True),
        ("hooks.internal", "::1", False),
        ("fd00:1::/32", "fd00:1::5", True),
        ("", "10.0.0.1", False),
    ],
)
def test_an_operator_may_allow_more(setting: str, address: str, taken: bool) -> None:
    """What a setting names is taken, and nothing beside it."""
    assert (why_not(address, Allowed.read(setting)) is None) is taken


@pytest.mark.parametrize("setting", ["10.1.0.0/8", "::1/200", "a b", "https://x", "häuser.example", "10.0.0.0/8;x"])
def test_a_setting_that_names_nothing_is_told(setting: str) -> None:
    """A network that is misspelt allows nothing by chance."""
    with pytest.raises(ValueError) as why:
        Allowed.read(setting)

    assert repr(setting) in str(why.value)


ALLOWED = Allowed.read("hooks.internal, 127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hooks",
        "https://example.com:8443/hooks?token=abc",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/hooks",
        "https://hooks.internal/a",
        "http://hooks.internal/a",
        "http://HOOKS.internal./a",
        "http://127.0.0.1:8080/a",
    ],
)
def test_a_url_without_a_mistake_is_taken(url: str) -> None:
    """Any port will do; plain http for what the operator allows."""
    assert url_problem(url, ALLOWED) is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("example.com/hooks", "must be an address such as https://"),
        ("ftp://example.com/", "must be an address such as https://"),
        ("https:///hooks", "must be an address such as https://"),
        ("http://example.com/hooks", "must begin with https://"),
        ("https://user:pw@example.com/", "must not hold a user or password"),
        ("https://user@example.com/", "must not hold a user or password"),
        ("https://example.com/#here", "must not hold a fragment"),
        ("https://example.com/a b", "percent-encode"),
        ("https://example.com/\n", "percent-encode"),
        ("https://exämple.com/", "percent-encode"),
        ("https://①②⑦.⓪.⓪.①/", "percent-encode"),
        ("https://example.com\\@10.0.0.1/", "percent-encode"),
        ("https://example.com:0/", "its port must be from 1 on"),
        ("https://example.com:99999/", "it is no URL"),
        ("https://[::1/", "it is no URL"),
        ("https://10.0.0.1/", "10.0.0.1 is not public: private; the operator may allow it by ROUTER_WEBHOOK_ALLOW"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://[fe80::1%25eth0]/", "link-local"),
        ("https://example.com/" + "a" * 2048, "at most 2,048"),
    ],
)
def test_a_mistake_in_a_url_is_told(url: str, told: str) -> None:
    """What can be known without a look-up is said when a task is submitted."""
    assert told in str(url_problem(url, ALLOWED))
