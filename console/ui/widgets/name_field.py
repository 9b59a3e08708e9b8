"""The field where a protected environment's name is typed by hand.

Owns telling typing from pasting. Must not decide what a right name leads to.
"""

from __future__ import annotations

from collections import deque

from textual import events
from textual.message import Message
from textual.widgets import Input

BURST = 4
WITHIN = 0.040
"""So many characters within so many seconds cannot be typed by hand."""


class NameField(Input):
    """An input that only takes what is typed: pasted or injected text clears it."""

    class Pasted(Message):
        """Something arrived too fast to be typed; the field is empty again."""

    def __init__(self, *, placeholder: str) -> None:
        super().__init__(placeholder=placeholder)
        self.cursor_blink = False
        self._times: deque[float] = deque(maxlen=BURST)

    def stamp(self, event: events.Key) -> float:
        """When a key was read from the terminal, in monotonic seconds."""
        return event.time

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable:
            self._times.append(self.stamp(event))
            if len(self._times) == BURST and self._times[-1] - self._times[0] < WITHIN:
                event.stop()
                event.prevent_default()
                self._refuse()

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self._refuse()

    def action_paste(self) -> None:
        """ctrl+v pastes too, so it is refused."""
        self._refuse()

    def _refuse(self) -> None:
        self.value = ""
        # The times are kept, so that every further key of a burst clears the field again and none of it stays.
        self.post_message(self.Pasted())
