"""Finding readings on the board by what they are, and judging an environment by all of them.

Owns the choice of snapshots by the kind that their source declares, and the one verdict an environment gets. Must not
read anything itself, nor know a single kind: what is wrong with a reading its source has said.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from console.domain.readings import APP, LIGHT, AppReading
from console.domain.snapshot import Snapshot
from console.ports import Board
from console.present.text import brief
from console.present.unread import reason, source_words

T = TypeVar("T")


def kind_at(board: Board, environment: str, source: str) -> type | None:
    """The type of a source's readings, by its name; None for a source that has not been read yet."""
    found = board.get(environment, source)
    return None if found is None else found.kind


def snapshots(board: Board, environment: str, kind: type[T]) -> tuple[Snapshot[T], ...]:
    """Every snapshot that holds (or would hold) readings of one type, in the board's order."""
    found = (board.get(environment, source) for source in board.sources(environment))
    return tuple(cast("Snapshot[T]", each) for each in found if each is not None and each.kind is kind)


def others(board: Board, environment: str, shown: Collection[type]) -> tuple[Snapshot[object], ...]:
    """Snapshots of an environment that is read fully whose kind is not among those `shown` elsewhere."""
    found = (board.get(environment, source) for source in board.sources(environment) if source != LIGHT)
    return tuple(each for each in found if each is not None and each.kind not in shown)


def application(board: Board, environment: str) -> Snapshot[AppReading] | None:
    """What the application says of itself; None before anybody asked."""
    found = board.get(environment, APP)
    return cast("Snapshot[AppReading]", found) if found is not None else None


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
        error = f"{source_words(worst)}: {error}" if len(every) > 1 else error
    # A source that never answered has nothing on the screen that could be old.
    stale = any(each.stale(mono) for each in every if each.value is not None) or not ages
    return Freshness(error, max(ages, default=None), stale, not ages and not failing)


@dataclass(frozen=True, slots=True)
class EnvironmentVerdict:
    """An environment in one word: `state` is ok, warning, failed, lost or unknown; `troubles` names each reason. `ago`
    is None where it was read for now; else the troubles are those of so many seconds ago, when it was left."""

    state: str
    troubles: tuple[str, ...] = ()
    ago: float | None = None


def judge(board: Board, environment: str, mono: float, *, polled: bool = True) -> EnvironmentVerdict:
    """What everything read of an environment comes to. Unreadable is never ok, and neither is old while it is `polled`.

    Of one that is not, its light question tells; where that has nothing to say against it, the troubles that it had
    when it was left are told with their age: nobody has seen that they are over.
    """
    sources = board.sources(environment)
    full = tuple(source for source in sources if source != LIGHT)
    if polled:
        # Once the others are read nobody asks the light question again.
        return _verdict(board, environment, full or sources, mono)
    light = board.get(environment, LIGHT)
    # Once the light question is asked again, what it said before is no answer.
    asked = (LIGHT,) if light is not None and (light.error is not None or not light.stale(mono)) else ()
    now = _verdict(board, environment, asked, mono)
    if now.troubles:
        return now
    left = [at for source in full if (at := (board.get(environment, source) or _NOTHING).taken_mono) is not None]
    then = _verdict(board, environment, full, None)
    ago = mono - max(left, default=-math.inf)
    if ago < _JUST_LEFT and (then.troubles or now.state == "unknown"):
        # What was read within the minute stands as it is: the light question is just being asked.
        return then
    return replace(then, ago=ago if ago < math.inf else 0.0) if then.troubles else now


_JUST_LEFT = 60.0
_NOTHING: Snapshot[object] = Snapshot(source="")


def _verdict(board: Board, environment: str, sources: Collection[str], mono: float | None) -> EnvironmentVerdict:
    """By these sources; without `mono` as they stood when each was last read, however long ago."""
    bad: list[str] = []
    doubtful: list[str] = []
    seen = lost = 0
    for source in sources:
        snapshot = board.get(environment, source)
        if snapshot is None:
            continue
        seen += 1
        if snapshot.error is not None:
            lost += 1
            doubtful.append(f"{source}: {snapshot.error}")
        elif mono is not None and snapshot.stale(mono):
            lost += 1
            doubtful.append(f"{source}: last read {brief(snapshot.age(mono))} ago")
        else:
            bad += [trouble.words for trouble in snapshot.troubles if trouble.bad]
            doubtful += [trouble.words for trouble in snapshot.troubles if not trouble.bad]
    if not seen:
        return EnvironmentVerdict("unknown")
    if lost == seen:
        return EnvironmentVerdict("lost", tuple(doubtful))
    state = "failed" if bad else "warning" if doubtful else "ok"
    # Several sources tell of the same host that cannot be reached, and it is one trouble.
    return EnvironmentVerdict(state, tuple(dict.fromkeys((*bad, *doubtful))))
