"""Queues as an operator counts them: ready, delayed, reserved, and the stuck ones among the reserved.

Owns the values every queue source returns. Must not know which driver they came from beyond its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.counts import Count, bounds
from console.domain.untrusted import harmless

READABLE = ("database", "redis")
"""Laravel's queue drivers whose jobs this console reads."""
KEEPS_NONE = ("sync", "null", "deferred", "background", "failover")
"""Drivers that keep no job of their own: nothing of theirs is missing where they are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """One queue of one connection. Counts are jobs; `depth` is their sum.

    `stuck` is the part of `reserved` past its retry_after: its worker died or overran. `oldest_ready_seconds` is None
    when no job is ready or its age is not recorded. `paused` is None where nobody has read it. `approximate`:
    the sum is exact, its split is not, because not every job was looked at; those that were not count as ready.
    `unread` says in words which part of it could not be read, and counts as 0. `queue` may be empty: a job without a
    queue's name is one all the same.
    """

    connection: str
    queue: str
    driver: str
    ready: int
    delayed: int
    reserved: int
    stuck: int
    oldest_ready_seconds: int | None = None
    paused: bool | None = None
    approximate: bool = False
    unread: str = ""

    @property
    def label(self) -> str:
        """Its name for people, harmless."""
        return harmless(self.queue) or "(no name)"

    @property
    def depth(self) -> int:
        """What Laravel calls the queue's size."""
        return self.ready + self.delayed + self.reserved

    @property
    def bound(self) -> str:
        """What makes the split of its jobs incomplete; empty when it is exact."""
        split = "not every job was looked at; the others count as ready" if self.approximate else ""
        return bounds([split, self.unread])

    @property
    def counts(self) -> QueueCounts:
        """Its numbers, each with whether it is exact."""
        return QueueCounts(
            ready=(Count.about if self.approximate else Count.at_least)(self.ready, self.bound),
            delayed=Count.at_least(self.delayed, self.bound),
            reserved=Count.at_least(self.reserved, self.bound),
            stuck=Count.at_least(self.stuck, self.bound),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """The jobs of one queue, or of many, by state."""

    ready: Count
    delayed: Count
    reserved: Count
    stuck: Count

    @property
    def all(self) -> tuple[Count, Count, Count, Count]:
        """Ready, delayed, reserved and stuck."""
        return self.ready, self.delayed, self.reserved, self.stuck

    @property
    def bound(self) -> str:
        """What makes any of them incomplete; empty when all are exact."""
        return bounds(each.bound for each in self.all)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReading:
    """The queues of one Laravel queue connection, read in one round trip. `server_time` is its clock, unix seconds;
    `guesses` says in words which settings the numbers stand on that nobody read. `bound` says why there may be queues
    that are not among these, and is empty when all are. `unread` are the parts that could not be read beside the others
    that could, each in harmless words with the reason.

    `used` is false for a connection that is only configured: it is not the default one, no worker is started for it and
    no job was ever seen there. `uncounted` says in harmless words why none of its jobs were counted; empty when they
    were."""

    connection: str
    driver: str
    queues: tuple[QueueDepth, ...]
    server_time: float
    guesses: tuple[str, ...] = ()
    bound: str = ""
    unread: tuple[str, ...] = ()
    used: bool = True
    uncounted: str = ""


def queue_totals(readings: Sequence[QueueReading], *, missing: Sequence[str] = ()) -> QueueCounts:
    """The jobs of all queues by state. `missing` says which connections could not be read."""
    queues = [queue for reading in readings for queue in reading.queues]
    split = bounds(queue.bound for queue in queues if queue.approximate)
    bound = bounds([split, *missing, *(f"{each.connection}: {each.bound}" for each in readings if each.bound)])
    ready = sum(queue.ready for queue in queues)
    return QueueCounts(
        ready=Count.about(ready, bound) if split else Count.at_least(ready, bound),
        delayed=Count.at_least(sum(queue.delayed for queue in queues), bound),
        reserved=Count.at_least(sum(queue.reserved for queue in queues), bound),
        stuck=Count.at_least(sum(queue.stuck for queue in queues), bound),
    )


def job_total(reading: QueueReading) -> Count:
    """All jobs of one connection."""
    return Count.at_least(sum(queue.depth for queue in reading.queues), reading.bound)
