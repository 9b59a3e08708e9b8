"""Waiting for a condition, with a deadline: the only loops of the tests that wait.

Owns `eventually`, its form for the screen's tests (`eventually_on`), and `works`, which makes a condition of a call
that fails for a while. A look that costs much is taken less often, so that it takes no time from what is looked at.
Must not know what is waited for, nor let time pass for its own sake.

    eventually(lambda: run.ended)                                     # at most 20 s
    row = eventually(lambda: find(rows, "mail"), 5, otherwise=screen)  # what it found; `screen` shows why not
    await eventually_on(pilot, lambda: pane.rows)
    eventually(works(lambda: shell.run("true"), UnreachableError), 15)
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

Found = TypeVar("Found")
SHORTEST, LONGEST = 0.01, 0.25
"""Seconds between two looks, at least and at most."""
Otherwise = str | Callable[[], object]
"""What is said when the deadline has passed: a text, or a function that is asked for one then."""


class NotInTimeError(AssertionError):
    """What was waited for did not come within its time."""


class Pausing(Protocol):
    """What lets the screen's own work go on for a moment: Textual's pilot."""

    def pause(self, delay: float | None = None) -> Awaitable[None]:
        """Returns after that many seconds."""


def eventually(
    condition: Callable[[], Found | None], seconds: float = 20.0, *, otherwise: Otherwise = "it never came"
) -> Found:
    """Asks until the answer counts as true, and returns that answer; NotInTimeError after `seconds`."""
    limit, began = _Limit(seconds, otherwise), time.monotonic()
    while not (found := condition()):
        limit.check()
        time.sleep(_pause(time.monotonic() - began))
        began = time.monotonic()
    return found


async def eventually_on(
    pilot: Pausing, condition: Callable[[], Found | None], seconds: float = 10.0, *, otherwise: Otherwise = "never seen"
) -> Found:
    """The same in a test of the screen, which works on while this waits."""
    limit = _Limit(seconds, otherwise)
    while not (found := condition()):
        limit.check()
        await pilot.pause(0.01)
    return found


def works(call: Callable[[], object], *errors: type[Exception]) -> Callable[[], bool]:
    """A condition that holds once the call no longer ends with one of these errors."""

    def tried() -> bool:
        try:
            call()
        except errors:
            return False
        return True

    return tried


def _pause(look: float) -> float:
    """Seconds between two looks: as long again as the one just taken, within bounds that nobody notices."""
    return min(max(look, SHORTEST), LONGEST)


class _Limit:
    """A deadline that allows one more look after it: a busy machine may not have let the test look in time."""

    def __init__(self, seconds: float, otherwise: Otherwise) -> None:
        self._seconds, self._otherwise = seconds, otherwise
        self._deadline = time.monotonic() + seconds
        self._passed = False

    def check(self) -> None:
        if self._passed:
            said = self._otherwise if isinstance(self._otherwise, str) else self._otherwise()
            raise NotInTimeError(f"not within {self._seconds:g} s: {said}")
        self._passed = time.monotonic() > self._deadline
