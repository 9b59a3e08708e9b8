"""The cache in which the restart signal of queue workers lies, as each release of an application would find it.

Owns which places reach whom: a signal written in one release is seen by workers whose cache is the same. Must not read
a configuration; what is told of it comes in as values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from console.domain.untrusted import harmless
from console.domain.worker_queues import WorkerQueues

NOWHERE = frozenset({"array", "null", "session"})
"""Drivers whose values no other process sees."""
LOCAL = frozenset({"file", "apc", "storage"})
"""Drivers whose values only processes of the same host see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One cache: its store's name and driver, the key's prefix, and `place`, a hash of everything else that tells one
    server, database or directory from another."""

    store: str
    driver: str
    prefix: str = ""
    place: str = ""

    @property
    def reaches_nobody(self) -> bool:
        """Whether a signal in it is seen by no worker at all."""
        return self.driver in NOWHERE

    @property
    def words(self) -> str:
        """The cache for a sentence."""
        return f"{harmless(self.store)} with prefix {harmless(self.prefix) or '(none)'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAnswer:
    """What one release on one host says of itself: its cache and queues, None when it did not answer, and then `why`.
    `pcntl`: signals are handled; without it any signal kills. `changed_at` is when what it says was last written
    (seconds since the epoch), 0 when not known."""

    host: str
    release: str
    directory: str
    cache: Cache | None = None
    queues: WorkerQueues = field(default_factory=WorkerQueues)
    laravel: str = ""
    pcntl: bool | None = None
    changed_at: float = 0.0
    why: str = ""

    @property
    def major(self) -> int:
        """The framework's major version, 0 when not known."""
        head = self.laravel.partition(".")[0]
        return int(head) if head.isdigit() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A release of one host in which artisan is run for a signal."""

    host: str
    release: str
    directory: str


def signal_places(answers: Iterable[ReleaseAnswer]) -> tuple[Place, ...]:
    """Where `queue:restart` is to be run so that every worker of these releases sees it, the first of each cache.

    One run reaches all hosts that share a cache. A release that did not answer is one place of its own: artisan there
    knows its cache, whatever we know.
    """
    seen: set[tuple[str, ...]] = set()
    places = []
    for each in answers:
        cache = each.cache
        if cache is None:
            identity: tuple[str, ...] = (each.host, each.release)
        else:
            local = cache.driver in LOCAL
            identity = (cache.driver, cache.prefix, cache.place, each.host if local else "")
        if identity not in seen and not (cache is not None and cache.reaches_nobody):
            seen.add(identity)
            places.append(Place(host=each.host, release=each.release, directory=each.directory))
    return tuple(places)
