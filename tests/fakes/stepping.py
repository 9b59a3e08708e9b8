"""A clock that moves only while somebody waits on it: no threads, no races, no real time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event


class SteppingClock:
    """`wait` returns at once, its seconds later; `then` is called after each with the seconds passed so far.

    The wall clock jumps an hour back and forth: nothing may depend on it.
    """

    def __init__(self, then: Callable[[float], None] = lambda _: None) -> None:
        self.passed = 0.0
        self.then = then

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=3600 * (round(self.passed) % 2))

    def monotonic(self) -> float:
        return 500.0 + self.passed

    def wait(self, flag: Event, seconds: float) -> bool:
        self.passed += seconds
        self.then(self.passed)
        return flag.is_set()
