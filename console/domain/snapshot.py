"""A frozen reading of one source with its time, and the identity of who is polled.

Owns `Snapshot` and `Key`. Must not know what a reading contains.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Generic[T_co]):
    """What one source said, and when.

    `value` is the last good reading and `taken_at`/`taken_mono` its time (UTC wall clock, local monotonic seconds);
    both None before the first. `error` is the newest failure (already harmless text), None when the newest read
    worked; `failing_since` is when it began. `took` is the seconds the newest read needed, `every` the seconds
    between reads, so that a reader can tell old from due. `said` is the value in one harmless line, as its source
    sums it up; empty where nobody asked for it.
    """

    source: str
    value: T_co | None = None
    taken_at: datetime | None = None
    taken_mono: float | None = None
    error: str | None = None
    failing_since: datetime | None = None
    took: float = 0.0
    every: float = 1.0
    said: str = ""

    def age(self, mono: float) -> float | None:
        """Seconds since the value was read, by the local monotonic clock."""
        return None if self.taken_mono is None else max(0.0, mono - self.taken_mono)

    def stale(self, mono: float) -> bool:
        """Whether the value must be shown as old: a read failed, or two intervals and two seconds have passed."""
        age = self.age(mono)
        return age is None or self.error is not None or age > 2 * self.every + 2
