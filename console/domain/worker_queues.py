"""The queues that workers take jobs from, and the jobs on them that may be at work right now.

Owns which queues a process works, how soon it notices a signal, and the counts of reserved jobs. A reserved job is at
work or was when its worker died: counts are upper bounds, and which process runs which job cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console.domain.untrusted import harmless
from console.domain.worker_arguments import Invocation

QueueName = tuple[str, str]
"""A queue connection and a queue on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One queue connection. `block_for` is how long a worker waits inside Redis (0: for ever), None for not at all."""

    name: str
    driver: str
    queue: str = "default"
    retry_after: int | None = None
    block_for: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerQueues:
    """The application's queue connections; `default` is the one that a worker without an argument takes."""

    default: str = ""
    connections: Mapping[str, Connection] = field(default_factory=dict)

    def only(self, invocations: Iterable[Invocation]) -> WorkerQueues:
        """The same without the connections that none of these workers takes jobs from."""
        names = {invocation.connection or self.default for invocation in invocations}
        used = {name: each for name, each in self.connections.items() if name in names}
        return WorkerQueues(default=self.default, connections=used)

    def connection(self, invocation: Invocation) -> Connection | None:
        """The connection of a worker; None when the configuration has none of that name."""
        return self.connections.get(invocation.connection or self.default)

    def of(self, invocation: Invocation) -> tuple[QueueName, ...]:
        """The queues that a worker takes jobs from; empty when its connection is not known."""
        found = self.connection(invocation)
        if found is None:
            return ()
        names = dict.fromkeys(queue or found.queue for queue in invocation.queues or ("",))
        return tuple((found.name, queue) for queue in names)

    def blocks_for_ever(self, invocation: Invocation) -> bool:
        """Whether a worker, while idle, notices nothing until a job comes."""
        found = self.connection(invocation)
        return found is not None and found.driver == "redis" and found.block_for == 0

    def notices_within(self, invocation: Invocation) -> float:
        """Seconds within which an idle worker sees a signal; for one that blocks for ever, its sleep alone."""
        found = self.connection(invocation)
        return invocation.sleep + ((found.block_for or 0.0) if found is not None else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightJob:
    """One reserved job that was looked at: its class, since how many seconds, its own timeout and tries (None: the
    worker's)."""

    name: str
    age: float
    timeout: int | None = None
    tries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueJobs:
    """The reserved jobs of one queue: `reserved` of them all, `stuck` those past retry_after, which no worker is
    thought to hold any more. `jobs` are the first few of the others. Without `complete` the queue is too long to look
    at every job, and the counts are lower bounds."""

    connection: str
    queue: str
    reserved: int
    stuck: int = 0
    jobs: tuple[FlightJob, ...] = ()
    complete: bool = True

    @property
    def in_flight(self) -> int:
        """How many may be at work; at most."""
        return max(0, self.reserved - self.stuck)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The reserved jobs of the queues that were asked about; `unread` says of a queue why it could not be read."""

    queues: tuple[QueueJobs, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    def count(self, names: Iterable[QueueName]) -> int | None:
        """How many jobs are reserved on these queues; None when that is not known of each."""
        known = {(each.connection, each.queue): each.reserved for each in self.queues if each.complete or each.reserved}
        asked = set(names)
        return sum(known[name] for name in asked) if asked and asked <= set(known) else None

    @property
    def in_flight(self) -> int:
        """How many jobs may be at work, on all of them."""
        return sum(each.in_flight for each in self.queues)

    @property
    def jobs(self) -> tuple[FlightJob, ...]:
        """Those that were looked at, the oldest first."""
        return tuple(sorted((job for each in self.queues for job in each.jobs), key=lambda job: -job.age))


def jobs_words(reserved: Reserved) -> str:
    """The jobs in flight for a sentence: how many at most, the oldest with its class, and what could not be read."""
    parts = []
    if reserved.queues:
        jobs, count = reserved.jobs, reserved.in_flight
        noun = "job" if count == 1 else "jobs"
        bound = "at most " if all(each.complete for each in reserved.queues) else "at least "
        words = f"{bound if count or bound == 'at least ' else ''}{count or 'no'} {noun} in flight"
        if count and jobs:
            words += f", oldest {_seconds(jobs[0].age)} ({_classes(jobs)})"
        stuck = sum(each.stuck for each in reserved.queues)
        parts.append(words + (f"; {stuck} stuck past retry_after not counted" if stuck else ""))
    parts += [f"jobs in flight on {harmless(name)} are not known: {why}" for name, why in reserved.unread.items()]
    return " · ".join(parts) if parts else "no queues to look at for jobs in flight"


def _classes(jobs: Iterable[FlightJob]) -> str:
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.name] = counts.get(job.name, 0) + 1
    names = [f"{harmless(name)[:80]}" + (f" ×{count}" if count > 1 else "") for name, count in counts.items()]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more classes" if len(names) > 3 else "")


def _seconds(age: float) -> str:
    return f"{round(age)} s" if age < 120 else f"{round(age / 60)} min"
