"""Keys typed ahead: a key is only looked at when what the keys before it have asked for stands on the screen.

Owns the order between keys and what they cause. Must not know any command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.message import Message
from textual.widget import Widget

BURST = 0.2
"""Seconds: keys closer than this were typed or pasted without a look at the screen between them; nobody sees faster."""
SOON = 0.5
"""Seconds after a key within which what it told may still be on its way."""
TOO_FRESH = 0.5
"""Seconds within which what has just come up by itself, a row or a run, takes no changing key."""
PATIENCE = 0.25
"""Seconds a key waits at most; a widget that has gone passes nothing on."""
HOPS = 2
"""A table tells its pane, and only then the pane tells the screen."""


class Told(Message):
    """Goes from a widget up to the screen, behind everything that the widget has told before."""

    def __init__(self, arrived: asyncio.Event) -> None:
        self.arrived = arrived
        super().__init__()


async def heard(widget: Widget) -> None:
    """Waits until the main screen has dealt with all that a widget told so far."""
    for _ in range(HOPS):
        arrived = asyncio.Event()
        widget.post_message(Told(arrived))
        try:
            async with asyncio.timeout(PATIENCE):
                await arrived.wait()
        except TimeoutError:
            return


class Ahead:
    """Which keys belong to a burst whose earlier key has asked for something that takes time: a plan, a job's details.

    They were meant for what will stand there; until it does, they would act on what lies beneath. `expecting` says
    how many such things are on their way.
    """

    def __init__(self, expecting: Callable[[], int]) -> None:
        self._expecting = expecting
        self._last = float("-inf")
        self._asked = False
        self._teller: Widget | None = None
        self._began = 0.0
        self._expected = 0

    def begins(self, teller: Widget | None) -> None:
        """A key is about to do what it is bound to, on a widget of the main screen or (None) over it."""
        self._teller, self._began, self._expected = teller, time.monotonic(), self._expecting()

    async def holds(self, at: float) -> bool:
        """Lets the key before have its effect; whether the key typed at a moment (monotonic s) came too early."""
        teller, self._teller = self._teller, None
        if teller is not None and time.monotonic() - self._began < SOON:
            await heard(teller)
            self._asked = self._asked or self._expecting() > self._expected
        self._asked = self._asked and at - self._last < BURST
        self._last = at
        return self._asked
