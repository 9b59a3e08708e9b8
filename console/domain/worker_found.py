"""What was read for one restart of workers, and what follows from it alone: whom it is about, and how long it may take.

Owns the values that plan and run judge alike. Must not read anything, nor put it into sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from console.domain.supervisor import Supervised, selects
from console.domain.untrusted import harmless
from console.domain.worker_arguments import Role
from console.domain.worker_cache import ReleaseAnswer
from console.domain.worker_processes import HostProcesses, Process
from console.domain.worker_queues import Reserved, WorkerQueues
from console.domain.worker_verdicts import own_workers

NOTICE_MORE = 10.0
"""Seconds on top of a worker's own pauses within which it must have noticed a signal."""
FINISH_MORE = 30.0
"""Seconds on top of the longest job within which a worker must have left."""
FINISH = 600.0
"""Seconds that jobs without a limit of their own are waited for, unless the step says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was read for one restart. `wanted` are the names under `workers:`, `must` the hosts on which each of them
    has to be there. `answers` are those of the releases that run now, `coming` what the next configuration would say.
    `clears` are later steps that clear a cache, `links` later steps that switch the link, `left` hosts with workers
    that the step is not for."""

    wanted: tuple[str, ...]
    must: tuple[str, ...]
    hosts: Mapping[str, HostProcesses]
    unread: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[ReleaseAnswer, ...] = ()
    coming: tuple[ReleaseAnswer, ...] = ()
    queues: WorkerQueues = field(default_factory=WorkerQueues)
    reserved: Reserved = field(default_factory=Reserved)
    clears: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    become: str = ""
    term: bool = False
    hard: bool = False
    drain: float | None = None

    def workers(self) -> Iterator[tuple[HostProcesses, Process]]:
        """Every process of this application that works a queue."""
        for seen in self.hosts.values():
            for process in own_workers(seen):
                yield seen, process


def chosen(seen: HostProcesses, wanted: Iterable[str]) -> tuple[Supervised, ...]:
    """The processes of supervisord that the names under `workers:` mean on this host."""
    names = tuple(wanted)
    return tuple(
        each for each in seen.supervised or () if any(selects(name, each, _program(seen, each)) for name in names)
    )


def unknown_names(seen: HostProcesses, wanted: Iterable[str]) -> tuple[str, ...]:
    """The names under `workers:` that mean nothing on this host."""
    return tuple(
        name for name in wanted if not any(selects(name, each, _program(seen, each)) for each in seen.supervised or ())
    )


def limits(found: Found) -> tuple[float, float]:
    """Within how many seconds an idle worker must notice, and how long jobs are waited for."""
    invocations = [process.invocation for _, process in found.workers()]
    notice = max((found.queues.notices_within(each) for each in invocations), default=0.0) + NOTICE_MORE
    if found.drain is not None:
        return notice, found.drain
    takes = [each for each in invocations if each.role not in (Role.HORIZON, Role.OTHER)]
    longest = [each.timeout for each in takes] + [job.timeout for job in found.reserved.jobs if job.timeout is not None]
    finish = FINISH if not longest or 0 in longest else max(longest) + FINISH_MORE
    return notice, max(finish, notice)


def _program(seen: HostProcesses, process: Supervised) -> str:
    settings = seen.settings.get(process.name)
    return settings.program if settings else ""


def duration(seconds: float) -> str:
    """A limit for a sentence."""
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} min"


def programs_words(found: Found) -> str:
    """The programs that are restarted, each with the number of its processes on all hosts."""
    counts: dict[str, int] = {}
    for seen in found.hosts.values():
        for each in chosen(seen, found.wanted):
            if each.state != "STOPPED":
                counts[each.group] = counts.get(each.group, 0) + 1
    return ", ".join(f"{harmless(name)} ({count})" for name, count in counts.items()) or "nothing"
