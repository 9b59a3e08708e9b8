"""A clock that only tests move."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Condition, Event


class FakeClock:
    """Starts at 2026-01-02 03:04:05 UTC and monotonic 1000; `advance` moves both and wakes whoever waits."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._start = start
        self._passed = 0.0
        self._changed = Condition()
        self.waiting = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return 1000.0 + self._passed

    def wait(self, flag: Event, seconds: float) -> bool:
        until = self.monotonic() + seconds
        with self._changed:
            self.waiting += 1
            self._changed.notify_all()
            # The flag may be set by anybody without our condition: hence the short real-time turns.
            while not flag.is_set() and self.monotonic() < until:
                self._changed.wait(0.002)
            self.waiting -= 1
        return flag.is_set()

    def advance(self, seconds: float) -> None:
        with self._changed:
            self._passed += seconds
            self._changed.notify_all()

    def jump_wall(self, seconds: float) -> None:
        """Moves the wall clock only, as an administrator would."""
        self._start += timedelta(seconds=seconds)

    def until_waiting(self, count: int = 1, seconds: float = 5.0) -> None:
        """Returns once `count` threads wait on this clock; AssertionError when they never do."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self.waiting < count:
                left = deadline - time.monotonic()
                assert left > 0, f"{self.waiting} of {count} threads wait"
                self._changed.wait(min(left, 0.01))
