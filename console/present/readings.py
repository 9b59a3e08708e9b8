"""Finding readings on the board by what they are, and judging an environment by all of them.

Owns the choice of snapshots by their value's type and the one verdict an environment gets. Must not read anything
itself; it is given the board.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

from console.domain.failures import FailedSummary
from console.domain.health import ProbeReading, Status
from console.domain.queues import QueueReading
from console.domain.readings import LIGHT, LightReading
from console.domain.releases import ReleaseReading
from console.domain.snapshot import Snapshot
from console.domain.workers import HostFacts, HostReading, WorkerReading
from console.ports import Board
from console.present.text import brief, plural
from console.present.unread import reason, source_words

T = TypeVar("T")

DISK_DOUBTFUL, DISK_BAD = 90, 97
"""Percent of a host's disk from which it is a trouble, and a bad one."""
OVERLOAD = 4
"""Load for each core from which a host is in trouble."""
SKEW = 30
"""Seconds by which a host's clock may differ from ours."""

# A source that never answered has no value to judge by: then its name's words say what it would have been.
_WORDS: dict[type, tuple[str, ...]] = {
    QueueReading: ("queue", "horizon"),
    FailedSummary: ("failed",),
    WorkerReading: ("worker",),
    HostReading: ("host",),
    ReleaseReading: ("release",),
    ProbeReading: ("probe", "health"),
}
KNOWN = tuple(_WORDS)


def kind_of(snapshot: Snapshot[object]) -> type | None:
    """What a snapshot holds, or would hold; None for a source that no pane knows."""
    for kind, words in _WORDS.items():
        if isinstance(snapshot.value, kind) or (
            snapshot.value is None and any(word in snapshot.source for word in words)
        ):
            return kind
    return None


def snapshots(board: Board, environment: str, kind: type[T]) -> tuple[Snapshot[T], ...]:
    """Every snapshot that holds (or would hold) readings of one type, in the board's order."""
    found = (board.get(environment, source) for source in board.sources(environment))
    return tuple(cast("Snapshot[T]", each) for each in found if each is not None and kind_of(each) is kind)


def others(board: Board, environment: str) -> tuple[Snapshot[object], ...]:
    """Snapshots of sources without a pane of their own, of an environment that is read fully."""
    found = (board.get(environment, source) for source in board.sources(environment) if source != LIGHT)
    return tuple(each for each in found if each is not None and kind_of(each) is None)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How current a pane is. `error` is the newest failure with its age, empty when all reads work; `age` the oldest
    reading's age in seconds, None before the first; `stale` whether what stands there must be shown as old."""

    error: str = ""
    age: float | None = None
    stale: bool = False
    waiting: bool = False


def freshness(found: Iterable[Snapshot[object]], mono: float) -> Freshness:
    """Of several snapshots together: the worst counts."""
    every = tuple(found)
    if not every:
        return Freshness(waiting=True)
    failing = [each for each in every if each.error is not None]
    ages = [age for each in every if (age := each.age(mono)) is not None]
    error = ""
    if failing:
        # What was never read is worse than what is old; of several sources it must be said which one it is.
        worst = next((each for each in failing if each.value is None), failing[0])
        age = worst.age(mono)
        error = f"{brief(age)} old: {worst.error}" if age is not None else reason(worst)
        error = f"{source_words(worst.source)}: {error}" if len(every) > 1 else error
    # A source that never answered has nothing on the screen that could be old.
    stale = any(each.stale(mono) for each in every if each.value is not None) or not ages
    return Freshness(error, max(ages, default=None), stale, not ages and not failing)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An environment in one word: `state` is ok, warning, failed or unknown; `troubles` names each reason."""

    state: str
    troubles: tuple[str, ...] = ()


def judge(board: Board, environment: str, mono: float, *, polled: bool = True) -> Verdict:
    """What everything read of an environment comes to. Unreadable is never ok, and neither is old while it is
    `polled`; of one that is not, old readings say nothing at all."""
    bad: list[str] = []
    doubtful: list[str] = []
    seen = lost = 0
    for source in _telling(board, environment, polled=polled):
        snapshot = board.get(environment, source)
        old = snapshot is not None and snapshot.error is None and snapshot.stale(mono)
        if snapshot is None or (old and not polled):
            continue
        seen += 1
        if snapshot.error is not None:
            lost += 1
            doubtful.append(f"{source}: {snapshot.error}")
        elif old:
            lost += 1
            doubtful.append(f"{source}: last read {brief(snapshot.age(mono))} ago")
        else:
            _judge_value(snapshot.value, bad, doubtful)
    if not seen:
        return Verdict("unknown")
    if lost == seen:
        return Verdict("lost", tuple(doubtful))
    state = "failed" if bad else "warning" if doubtful else "ok"
    return Verdict(state, (*bad, *doubtful))


def _telling(board: Board, environment: str, *, polled: bool) -> tuple[str, ...]:
    """The sources to judge by. Once the others are read nobody asks the light question again; once it is asked nobody
    reads the others, and an error of then says nothing of now."""
    sources = board.sources(environment)
    if LIGHT not in sources:
        return sources
    full = tuple(source for source in sources if source != LIGHT)
    return full or sources if polled else (LIGHT,)


def _judge_value(value: object, bad: list[str], doubtful: list[str]) -> None:
    if isinstance(value, ProbeReading):
        for probe in value.probes:
            if probe.status in (Status.FAILED, Status.CRASHED):
                bad.append(f"{probe.name} {probe.status}")
            elif probe.status is Status.WARNING:
                doubtful.append(f"{probe.name} warning")
    elif isinstance(value, LightReading):
        if value.status in (Status.FAILED, Status.CRASHED):
            bad.append(value.detail or str(value.status))
        elif value.status is Status.WARNING:
            doubtful.append(value.detail or "warning")
    elif isinstance(value, WorkerReading):
        doubtful += [f"{w.name} {w.status} on {w.host}" for w in value.workers if w.status != "running"]
        doubtful += value.errors
    elif isinstance(value, QueueReading):
        # The same queue may be on several connections.
        doubtful += [
            f"{plural(queue.stuck, 'job')} stuck in {queue.queue} on {queue.connection}"
            for queue in value.queues
            if queue.stuck
        ]
    elif isinstance(value, HostReading):
        found = [trouble for host in value.hosts for trouble in host_troubles(host)]
        bad += [words for words, failed in found if failed]
        doubtful += [words for words, failed in found if not failed]
        doubtful += value.errors


def host_troubles(host: HostFacts) -> tuple[tuple[str, bool], ...]:
    """What is wrong with a host, in words, and whether it is more than doubtful; the rows of hosts say the same."""
    found = []
    if host.disk_percent >= DISK_DOUBTFUL:
        found.append((f"{host.host} disk {host.disk_percent} %", host.disk_percent >= DISK_BAD))
    if host.load > OVERLOAD * max(1, host.cores):
        found.append((f"{host.host} load {host.load:.2f} on {plural(host.cores, 'core')}", False))
    if skewed(host):
        found.append((f"{host.host} clock {host.clock_skew:+.0f}s from ours", False))
    return tuple(found)


def strained(host: HostFacts) -> bool:
    """Whether more wants to run than there are cores: worth a colour, no trouble yet, for busy hosts do that daily."""
    return host.load > max(1, host.cores)


def skewed(host: HostFacts) -> bool:
    """Whether its clock is not ours."""
    return abs(host.clock_skew) > SKEW
