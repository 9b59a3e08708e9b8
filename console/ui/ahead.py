"""Keys typed ahead: a key is handled only once the screen shows what the keys before it have asked for.

Owns the order between keys and what they cause. Must not know any command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.message import Message
from textual.widget import Widget

BURST = 0.2
"""Keys fewer seconds apart than this were typed or pasted without a look at the screen between them."""
SOON = 0.5
"""Seconds after a key within which its messages may still be on their way."""
TOO_FRESH = 0.5
"""Seconds in which a row or a run that has just appeared by itself takes no key that changes something."""
PATIENCE = 0.25
"""Seconds that a key waits at most, because a widget that was removed passes no message on."""
HOPS = 2
"""How often a message is passed on: a table tells its pane, and only then the pane tells the screen."""


class TypeAheadMarker(Message):
    """A marker that goes from a widget up to the screen, after all messages that the widget has sent before."""

    def __init__(self, arrived: asyncio.Event) -> None:
        self.arrived = arrived
        super().__init__()


async def heard(widget: Widget) -> None:
    """Waits until the main screen has handled all messages that a widget has sent so far."""
    for _ in range(HOPS):
        arrived = asyncio.Event()
        widget.post_message(TypeAheadMarker(arrived))
        try:
            async with asyncio.timeout(PATIENCE):
                await arrived.wait()
        except TimeoutError:
            return


class Ahead:
    """Tells which keys came too early: in one burst with a key that asked for something slow (a plan, a job's details).

    They are meant for what will be shown; until it is, they would act on what lies beneath. `expecting` says how many
    such things are on their way.
    """

    def __init__(self, expecting: Callable[[], int]) -> None:
        self._expecting = expecting
        self._last = float("-inf")
        self._asked = False
        self._teller: Widget | None = None
        self._began = 0.0
        self._expected = 0

    def begins(self, teller: Widget | None) -> None:
        """Notes that a key is about to take effect on a widget of the main screen or, if None, on a dialog over it."""
        self._teller, self._began, self._expected = teller, time.monotonic(), self._expecting()

    async def holds(self, at: float) -> bool:
        """Waits until the key before has taken effect. Whether the key typed `at` (monotonic s) came too early."""
        teller, self._teller = self._teller, None
        if teller is not None and time.monotonic() - self._began < SOON:
            await heard(teller)
            self._asked = self._asked or self._expecting() > self._expected
        self._asked = self._asked and at - self._last < BURST
        self._last = at
        return self._asked
