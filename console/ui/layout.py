"""Which layout a terminal's size asks for.

Owns the thresholds. Pure.
"""

from __future__ import annotations

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
