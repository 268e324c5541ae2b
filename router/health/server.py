"""A Redis server as it describes itself, and what that means for the tasks and the money in it."""

from __future__ import annotations

from dataclasses import dataclass

from ..submission import Full
from .sign import Sign, fine, problem, warning

VERSION_LEAST = (7, 2)
_NEARLY_FULL = 0.6
_CLOCK_NEAR_MS = 2_000
_CLOCK_FAR_MS = 60_000


@dataclass(frozen=True, slots=True)
class Server:
    """
    `version` is that of the Redis it is compatible with; `fsync` is None where it does not tell; `late_syncs` counts
    writes that waited longer than 2 s for the disk; a `limit_bytes` of 0 is no limit; its clock is `ahead_ms` of this
    host's.
    """

    name: str
    version: tuple[int, int]
    appends: bool
    appends_fail: bool
    fsync: str | None
    late_syncs: int
    eviction: str
    cluster: bool
    replica_of: str | None
    used_bytes: int
    limit_bytes: int
    ahead_ms: int


def keeping(server: Server) -> list[Sign]:
    """Whether it keeps what it acknowledges, and runs the scripts at all: with a problem here no work must start."""
    return [_version(server), _file(server), _eviction(server), _cluster(server), _replica(server)]


def _version(server: Server) -> Sign:
    if server.version < VERSION_LEAST:
        said = ".".join(map(str, server.version))
        return problem("version", f"it is of version {said}", "use Valkey, or Redis 7.2 or later")
    return fine("version", server.name)


def _file(server: Server) -> Sign:
    if not server.appends:
        todo = "set `appendonly yes` and `appendfsync everysec`"
        return problem("append-only file", "it keeps no append-only file", todo)
    return fine("append-only file", "kept")


def _eviction(server: Server) -> Sign:
    if server.eviction != "noeviction":
        said = f"it evicts keys when memory is short ({server.eviction})"
        return problem("eviction", said, "set `maxmemory-policy noeviction`")
    return fine("eviction", "none")


def _cluster(server: Server) -> Sign:
    if server.cluster:
        return problem("cluster", "it is a cluster", "use a single server, with a replica if you like")
    return fine("cluster", "no, a single server")


def _replica(server: Server) -> Sign:
    if server.replica_of:
        said = f"it is a replica of {server.replica_of} and takes no writes that last"
        return problem("role", said, "set ROUTER_REDIS_URL to the primary, or promote this one: `replicaof no one`")
    return fine("role", "primary")


def running(server: Server, full: Full | None) -> list[Sign]:
    """How it does now: its disk, its memory, its clock."""
    return [_disk(server), _memory(server, full), _clock(server)]


def _disk(server: Server) -> Sign:
    if server.appends_fail:
        said = "the last write to the append-only file failed, so Redis refuses all writes"
        return problem("disk", said, "make room on its disk, and look at its log")
    if not server.appends:
        return warning("disk", "not looked at: nothing is appended to a file", "see `append-only file` above")
    if server.fsync == "no":
        said = "appendfsync is `no`: a power failure loses the last half minute, money included"
        return warning("disk", said, "set `appendfsync everysec`")
    if server.late_syncs:
        said = f"{server.late_syncs:,} writes waited more than 2 s for the disk since Redis started"
        return warning("disk", said, "give Redis a faster disk: while it syncs, a crash of Redis loses what came in")
    if server.fsync is None:
        return fine("disk", "written; the server does not tell how often it syncs")
    return fine("disk", f"written, appendfsync {server.fsync}")


def _memory(server: Server, full: Full | None) -> Sign:
    used = f"{server.used_bytes / 1e6:,.0f} MB used"
    if not server.limit_bytes:
        todo = "set `maxmemory` to about 60 % of its host's memory: producers are then told before it is full"
        return warning("memory", f"{used}, and no maxmemory: when the host's memory is full, Redis is killed", todo)
    seen = f"{used} of {server.limit_bytes / 1e6:,.0f} MB"
    if full:
        said = f"{seen}: new tasks are refused, what is left is kept to finish the {full.waiting:,} that wait"
        return problem("memory", said, "raise `maxmemory` now, then shorten keep_s of the policies or add workers")
    if server.used_bytes >= _NEARLY_FULL * server.limit_bytes:
        said = f"{seen}; new tasks are refused before it is full"
        return warning("memory", said, "raise `maxmemory`, shorten keep_s of the policies, or add workers")
    return fine("memory", seen)


def _clock(server: Server) -> Sign:
    seconds = abs(server.ahead_ms) / 1000
    said = f"Redis' clock is {seconds:,.1f} s {'ahead of' if server.ahead_ms > 0 else 'behind'} this host's"
    todo = "set both hosts' clocks by NTP (`chronyc tracking`, `timedatectl`); leases and deadlines go by Redis' alone"
    if abs(server.ahead_ms) >= _CLOCK_FAR_MS:
        return problem("clock", said, todo)
    if abs(server.ahead_ms) >= _CLOCK_NEAR_MS:
        return warning("clock", said, todo)
    return fine("clock", f"within {max(seconds, 0.1):.1f} s of this host's")
