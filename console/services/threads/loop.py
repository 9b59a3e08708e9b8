"""Threads that take turns: the only way this program does something again and again.

Owns `Loop`, the system clock, and the one place where any exception at all is caught outside the command line and the
screen: a crash is handed to whoever started the loop and the loop goes on. Must not know what a turn does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar, cast

from console.ports import Clock

T = TypeVar("T")

JOIN = 2.0
"""Seconds a closing loop is waited for; it is a daemon, so a blocked one cannot hold the process."""

_AFTER_CRASH = 5.0


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, flag: threading.Event, seconds: float) -> bool:
        """Waits until `flag` is set or `seconds` have passed; whether it is set."""
        return flag.wait(max(0.0, min(seconds, threading.TIMEOUT_MAX)))


@dataclass(frozen=True, slots=True)
class Captured(Generic[T]):
    """How a piece of work ended: with a value, or with the exception it raised."""

    value: T | None = None
    error: Exception | None = None

    def unwrap(self) -> T:
        """The value; raises what the work raised."""
        if self.error is not None:
            raise self.error
        return cast(T, self.value)


def capture(work: Callable[[], T]) -> Captured[T]:
    """Does `work` and keeps whatever it raises, so that one failure never ends a thread that serves others."""
    try:
        return Captured(value=work())
    except Exception as error:  # noqa: BLE001 - the whole point: see the module's paragraph
        return Captured(error=error)


class Loop:
    """A daemon thread that calls `turn` until closed. `turn` returns the seconds to wait, None to end.

    An exception goes to `crashed` (which must not raise) and the next turn comes after five seconds.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], float | None],
        *,
        clock: Clock,
        crashed: Callable[[Exception], None],
    ) -> None:
        self._turn = turn
        self._clock = clock
        self._crashed = crashed
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"opsconsole-{name}", daemon=True)

    def start(self) -> Loop:
        """Starts the thread, at once."""
        self._thread.start()
        return self

    def poke(self) -> None:
        """Makes the next turn come now, at once."""
        self._wake.set()

    def stop(self) -> None:
        """Asks it to end after the present turn, at once."""
        self._stopped.set()
        self._wake.set()

    def close(self, seconds: float = JOIN) -> bool:
        """Stops and waits at most `seconds`; whether it has ended."""
        self.stop()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end, for turns that are long."""
        return self._stopped.is_set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            ended = capture(self._turn)
            if ended.error is not None:
                self._crashed(ended.error)
            elif ended.value is None:
                return
            delay = _AFTER_CRASH if ended.value is None else ended.value
            # A poke during the turn has set the flag already: the wait returns at once and no poke is lost.
            self._clock.wait(self._wake, delay)
