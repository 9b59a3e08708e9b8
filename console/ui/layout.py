"""Which layout a terminal's size asks for, and which of the panes have a place in it.

Owns the thresholds, and where the focus, the zoom and the run drawer stand. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = (40, 10)
"""Columns and lines below which nothing can be read."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """`compact`: one pane and a line for each other; `solo`: one pane alone; `wide`: more columns;
    `tall`: room for more lines of a run; `tiny`: no room for anything but to say so."""

    compact: bool
    solo: bool
    wide: bool
    tall: bool
    tiny: bool = False


def sizes(width: int, height: int, *, zoomed: bool = False) -> Sizes:
    """Full from 120x36, wide from 180 columns, one pane below or when zoomed."""
    small = width < 120 or height < 36
    tiny = width < LEAST[0] or height < LEAST[1]
    return Sizes(compact=small and not zoomed, solo=small or zoomed, wide=width >= 180, tall=height >= 44, tiny=tiny)


DRAWER = 0
"""The number of the run drawer among the panes."""


class Arrangement:
    """Which pane has the focus, whether it is zoomed, and whether the run drawer is open.

    Panes are named by their digits, the drawer by 0. It only remembers: whoever changes it lays the screen out anew.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)
        self._before: int = self._numbers[0]
        self.focused: int = self._numbers[0]
        self.zoomed = False
        self.drawer_open = False

    def focus(self, number: int) -> None:
        """Notes that a pane gets the focus."""
        self._before = self.focused or self._before
        self.focused = number

    def beside(self, by: int) -> int:
        """The pane so many places after the focused one, the open drawer before the first; goes round at the ends."""
        numbers = (DRAWER, *self._numbers) if self.drawer_open else self._numbers
        at = numbers.index(self.focused) if self.focused in numbers else 0
        return numbers[(at + by) % len(numbers)]

    def open_drawer(self, wanted: bool) -> int:
        """Opens or closes the drawer. The pane that has to get the focus: the drawer, or the one before it."""
        self.drawer_open = wanted
        return DRAWER if wanted else self.focused or self._before

    def shows(self, number: int, found: Sizes) -> bool:
        """Whether a pane, or the drawer, has a place on a screen of these sizes."""
        return (number != DRAWER or self.drawer_open) and (not found.solo or number == self.focused)
