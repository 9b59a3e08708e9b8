"""One line for each pane that has no place on a small screen.

Owns that the screen is laid out anew only when their number changes. Must not choose the lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static


class Summaries(Static):
    """The lines, each cut to the width."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._count = 0

    def show(self, lines: Sequence[Content], width: int) -> None:
        """Shows these lines in so many columns."""
        clipped = [Content(" ") + line.truncate(max(1, width), ellipsis=True) for line in lines]
        self.update(Content("\n").join(clipped), layout=len(clipped) != self._count)
        self._count = len(clipped)
