"""A frozen reading of one source with its time and what its source declares of it, and the identity of who is polled.

Owns `Snapshot`, `Trouble` and `Key`. Must not know what a reading contains.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)

Key = tuple[str, ...]
"""What `publish` is told: `("source", ENVIRONMENT, SOURCE)`, `("run", ID)`, `("runs", ENVIRONMENT)`,
`("checklist", ENVIRONMENT)`, `("logs", ENVIRONMENT)`, `("window", ENVIRONMENT)`, `("answer", TICKET)`,
`("link", ENVIRONMENT, HOST)` when a host's connection comes up or goes down."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, in harmless words; `bad` when it is certain, else it is only doubtful. `unread`: a part
    of the reading is missing because it could not be read."""

    words: str
    bad: bool = False
    unread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Generic[T_co]):
    """What one source said, and when.

    `value` is the last good reading and `taken_at`/`taken_mono` its time (UTC wall clock, local monotonic seconds);
    both None before the first. `error` is the newest failure (already harmless text), None when the newest read
    worked; `failing_since` is when it began. `took` is the seconds the newest read needed, `every` the seconds
    between reads, so that a reader can tell old from due.

    The rest is what the source declares. Of itself: `kind`, the type of its readings, which panes find it by and which
    is known before it ever answered, and `title`, its name for people where that is not `source`. Of the value: `said`
    sums it up in one harmless line, `troubles` are what is wrong with it.
    """

    source: str
    value: T_co | None = None
    taken_at: datetime | None = None
    taken_mono: float | None = None
    error: str | None = None
    failing_since: datetime | None = None
    took: float = 0.0
    every: float = 1.0
    kind: type | None = None
    title: str = ""
    said: str = ""
    troubles: tuple[Trouble, ...] = ()

    def age(self, mono: float) -> float | None:
        """Seconds since the value was read, by the local monotonic clock."""
        return None if self.taken_mono is None else max(0.0, mono - self.taken_mono)

    def stale(self, mono: float) -> bool:
        """Whether the value must be shown as old: a read failed, or two intervals and two seconds have passed."""
        age = self.age(mono)
        return age is None or self.error is not None or age > 2 * self.every + 2


def left_unread(snapshot: Snapshot[object]) -> tuple[str, ...]:
    """What the newest reading is without, because it could not be read; a read that failed as a whole is an error."""
    return tuple(trouble.words for trouble in snapshot.troubles if trouble.unread)
