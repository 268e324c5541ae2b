"""Which addresses a request may go to whose URL somebody else chose: public ones, and those that are allowed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

URL_CHARACTERS_MAX = 2048

_RESERVED = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by customers of a carrier (CGNAT)",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local, where clouds keep their metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "for protocols",
    "192.0.2.0/24": "for documentation",
    "192.31.196.0/24": "for name servers (AS112)",
    "192.52.193.0/24": "for multicast relays (AMT)",
    "192.88.99.0/24": "a 6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "for name servers (AS112)",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "168.63.129.16/32": "where a cloud keeps its metadata",
    "::/16": "unspecified, loopback, or an IPv4 address in another form",
    "64:ff9b::/96": "an IPv4 address behind NAT64",
    "64:ff9b:1::/48": "an IPv4 address behind NAT64",
    "100::/64": "discarded",
    "100:0:0:1::/64": "discarded",
    "2001::/23": "for protocols, such as Teredo",
    "2001:db8::/32": "for documentation",
    "2002::/16": "an IPv4 address in 6to4",
    "2620:4f:8000::/48": "for name servers (AS112)",
    "3fff::/20": "for documentation",
    "5f00::/16": "for segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "private (site-local)",
    "ff00::/8": "multicast",
}
"""
Source: the IANA registries of special-purpose addresses for IPv4 and IPv6, with what they call globally reachable but
no service has, and with every form that wraps an IPv4 address: who listens behind it cannot be told from here. Our own
list, because what Python calls global differs by version.
"""
_GLOBAL_V6 = ip_network("2000::/3")
_NETWORKS: tuple[tuple[Network, str], ...] = tuple((ip_network(text), what) for text, what in _RESERVED.items())


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an operator lets requests go to although it is not public: host names, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def read(cls, text: str) -> Allowed:
        """Read host names, addresses and CIDRs with commas between them. Raises: ValueError, saying which is wrong."""
        words = [word.strip() for word in text.split(",") if word.strip()]
        networks = {word: _network(word) for word in words}
        hosts = frozenset(_host(word) for word, network in networks.items() if network is None)
        return cls(hosts, tuple(network for network in networks.values() if network is not None))

    def takes(self, address: Address) -> bool:
        plain = unmapped(address)
        return any(plain in network or address in network for network in self.networks)

    def names(self, host: str) -> bool:
        return _plain_host(host) in self.hosts


NOTHING_ELSE = Allowed()


def unmapped(address: Address) -> Address:
    """The IPv4 address within an IPv4-mapped one (`::ffff:0:0/96`): the same place."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def why_not(text: str, allowed: Allowed = NOTHING_ELSE) -> str | None:
    """Why no request may go to this address; None where it may."""
    try:
        address = ip_address(text)
    except ValueError:
        return f"{text!r} is no address"
    if allowed.takes(address):
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return f"{text} is link-local"
    plain = unmapped(address)
    kinds = _kinds(plain)
    if isinstance(plain, IPv6Address) and plain not in _GLOBAL_V6:
        kinds.append("not assigned")
    return f"{text} is not public: {kinds[0]}" if kinds else None


def _kinds(address: Address) -> list[str]:
    return [what for network, what in _NETWORKS if address.version == network.version and address in network]


def host_of(url: str) -> str:
    """The host that a URL names; '' where it names none."""
    return urlsplit(url).hostname or ""


def url_problem(url: str, allowed: Allowed = NOTHING_ELSE) -> str | None:
    """
    What is wrong with a URL as far as it can be told without a look-up; None where nothing is.

    Any port will do: what is guarded is the address. Plain http is for what the operator allows.
    """
    if form := _form_problem(url):
        return form
    parts = urlsplit(url)
    host = host_of(url)
    named = allowed.names(host)
    literal = _literal(host)
    if literal is not None and not named and (refused := why_not(literal, allowed)):
        return f"{refused}; the operator may allow it by ROUTER_WEBHOOK_ALLOW"
    inside = named or (literal is not None and allowed.takes(ip_address(literal)))
    if parts.scheme == "http" and not inside:
        return "it must begin with https://; http is taken only for hosts in ROUTER_WEBHOOK_ALLOW"
    return None


def _form_problem(url: str) -> str | None:
    if not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>^`{|}'):
        return "it holds characters that no URL may hold; percent-encode them"
    if len(url) > URL_CHARACTERS_MAX:
        return f"it has {len(url):,} characters, at most {URL_CHARACTERS_MAX:,} are taken"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as why:
        return f"it is no URL ({why})"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "it must be an address such as https://example.com/hooks"
    if parts.username is not None or parts.password is not None:
        return "it must not hold a user or password; who calls is shown by the signature"
    if parts.fragment or url.endswith("#"):
        return "it must not hold a fragment (#...)"
    return "its port must be from 1 on" if port == 0 else None


def _literal(host: str) -> str | None:
    """The address that a host is, where it is one."""
    try:
        ip_address(host)
    except ValueError:
        return None
    return host


def _network(word: str) -> Network | None:
    """Raises: ValueError for what looks like a network, but is none."""
    try:
        return ip_network(word)
    except ValueError:
        if "/" in word or ":" in word:
            raise ValueError(f"{word!r} is no network such as 10.1.0.0/16") from None
        return None


def _host(word: str) -> str:
    if not all(c.isalnum() or c in "-._" for c in word) or not word.isascii():
        raise ValueError(f"{word!r} is no host name, address or network such as 10.1.0.0/16")
    return _plain_host(word)


def _plain_host(host: str) -> str:
    return host.rstrip(".").lower()
