"""A small curve of a number's recent past, with words beside it.

Owns the samples it was given and how they fall into columns. Must not poll, nor read a clock.
"""

from __future__ import annotations

from collections import deque

from rich.cells import cell_len
from textual.strip import Strip

from console.present.text import spark
from console.ui.widgets.draw import Drawn


class Sparkline(Drawn):
    """The last `seconds` of a value in `columns` bars; each bar is the largest sample of its slice of time."""

    def __init__(self, *, seconds: float = 900.0, columns: int = 15) -> None:
        super().__init__()
        self._slice = seconds / columns
        self._bars: deque[tuple[int, float]] = deque(maxlen=columns)
        self._words: tuple[tuple[str, str], ...] = ()
        self._drawn: tuple[object, ...] = ()

    def push(self, mono: float, value: float, *words: tuple[str, str]) -> None:
        """Adds a sample taken at `mono` (s) and sets the (text, state) words beside the curve."""
        at = int(mono // self._slice)
        if self._bars and self._bars[-1][0] == at:
            self._bars[-1] = (at, max(self._bars[-1][1], value))
        else:
            self._bars.append((at, value))
        self._words = words
        if (drawn := (self.bars, words)) != self._drawn:
            self._drawn = drawn
            self.refresh()

    @property
    def bars(self) -> str:
        """The curve as text."""
        return spark([value for _, value in self._bars], self._bars.maxlen or 0)

    def forget(self) -> None:
        """Drops every sample."""
        self._bars.clear()
        self._words = ()
        self._drawn = ()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line; where it is too narrow, words are left out and the curve stays."""
        width = self.size.width
        # One slice is no curve yet.
        if y or len(self._bars) < 2:
            return Strip.blank(width, self.rich_style)
        pieces, used = [(f" {self.bars}  ", "dim")], len(self.bars) + 3
        for text, state in self._words:
            if used + cell_len(text) <= width:
                pieces.append((text, state or "dim"))
                used += cell_len(text)
        return self.line(pieces, width)
