"""One line of facts at the edge of the screen: the banner above, the keys below.

Owns fitting pieces into one line by their priority. Must not know what the pieces mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual.strip import Strip

from console.ui.widgets.draw import Drawn

DECORATION = 5
"""Pieces of this priority or a higher one are dropped before any other piece is shortened."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One text with its state. When the line is too short, pieces of the highest `priority` are dropped first; 0 stays.
    A priority below DECORATION is dropped only after every piece was reduced to its `short` text."""

    text: str
    state: str = ""
    priority: int = 0
    short: str = ""


class StatusBar(Drawn):
    """A line with a left and a right part; `under` is the state that gives the whole line its background."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()
        self._under = ""

    def show(self, left: Sequence[Piece], right: Sequence[Piece] = (), under: str = "") -> None:
        """Shows these pieces; nothing is painted when they are the same as before."""
        wanted = (tuple(left), tuple(right), under)
        if wanted != (self._left, self._right, self._under):
            self._left, self._right, self._under = wanted
            self.refresh()

    @property
    def text(self) -> str:
        """All of it as plain text, the right part behind the left."""
        return "".join(piece.text for piece in (*self._left, *self._right))

    def render_line(self, y: int) -> Strip:
        """The one line."""
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        pieces = [*((piece, False) for piece in self._left), *((piece, True) for piece in self._right)]
        while sum(cell_len(piece.text) for piece, _ in pieces) > width:
            worst = max(pieces, key=lambda pair: pair[0].priority)
            long = max((pair for pair in pieces if pair[0].short), key=lambda pair: pair[0].priority, default=None)
            if long is not None and worst[0].priority < DECORATION:
                pieces[pieces.index(long)] = replace(long[0], text=long[0].short, short=""), long[1]
            elif worst[0].priority == 0:
                break
            else:
                pieces.remove(worst)
        left = [(piece.text, piece.state) for piece, right in pieces if not right]
        right = [(piece.text, piece.state) for piece, right in pieces if right]
        space = width - sum(cell_len(text) for text, _ in (*left, *right))
        return self.line([*left, (" " * max(0, space), ""), *right], width, self._under)
