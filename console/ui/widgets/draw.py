"""Drawing one line from pieces of text and states, in the colours of the theme.

Owns how states become styles for widgets on the line API. Must not lay anything out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from console.present.text import Line

STATES = {
    "dim": ("dim", "", False),
    "bold": ("", "", True),
    "accent": ("accent", "", False),
    "ok": ("success", "", False),
    "warning": ("warning", "", False),
    "error": ("error", "", False),
    "line": ("line", "", False),
    "key": ("accent", "", True),
    "band": ("on-protected", "protected", False),
    "inverse": ("protected", "on-protected", True),
    "raised": ("", "raised", False),
    "selection": ("on-selection", "selection", False),
}
"""State → the theme's variables for its text and its background (empty: unchanged), and whether it is bold."""


class Drawn(Widget):
    """A widget that draws its own lines, with states coloured by the theme. Component classes are not used, because
    Textual would resolve all of them for each widget before the first frame."""

    def painter(self) -> Callable[..., Style]:
        """`paint` for a whole line: getting the widget's own style, as slow as drawing a piece, is done only once."""
        base, variables = self.rich_style, self.app.theme_variables

        def paint(*states: str) -> Style:
            style = base
            for state in states:
                for part in state.split("-"):
                    if part:
                        colour, ground, bold = STATES[part]
                        style += _style(variables.get(colour, ""), variables.get(ground, ""), bold)
            return style

        return paint

    def paint(self, *states: str) -> Style:
        """The style of the widget with these states on top, later ones over earlier ones. Words like `accent-bold`
        are the two states in one."""
        return self.painter()(*states)

    def line(self, pieces: Iterable[tuple[str, str]], width: int, *under: str) -> Strip:
        """One strip of exactly `width` columns from (text, state) pieces, over the states `under`."""
        paint = self.painter()
        segments = [Segment(text, paint(*under, state)) for text, state in pieces if text]
        return Strip(segments).crop_extend(0, width, paint(*under))


@lru_cache(maxsize=256)
def _style(colour: str, ground: str, bold: bool) -> Style:
    return Style(color=colour or None, bgcolor=ground or None, bold=bold or None)


def wrap(line: Line, width: int) -> list[Line]:
    """A line in as many as it needs at `width`, the later ones indented like its text; nothing is cut off."""
    if sum(cell_len(text) for text, _ in line) <= width or width < 8:
        return [line]
    indent = min(_indent(line), width // 2)
    lines: list[Line] = []
    current: list[tuple[str, str]] = []
    room = width
    for text, state in line:
        rest = text
        while rest:
            part = rest if cell_len(rest) <= room else next(iter(chop_cells(rest, room)), "") if room > 1 else ""
            if len(part) < len(rest) and (space := part.rfind(" ")) > len(part) // 2:
                part = part[: space + 1]
            if part:
                current.append((part, state))
                rest = rest[len(part) :]
                room -= cell_len(part)
            if rest:
                lines.append(tuple(current))
                current, room = [(" " * indent, "")], width - indent
    return [*lines, tuple(current)]


def _indent(line: Line) -> int:
    if line and not line[0][0]:
        return 0
    first = next((text for text, _ in line if text.strip()), "")
    before = sum(len(text) for text, _ in line[: next((n for n, (t, _) in enumerate(line) if t.strip()), 0)])
    return before + len(first) - len(first.lstrip()) + 2


def gutter(*, here: bool, marked: bool) -> str:
    """The glyph before a row: where the cursor stands, whether the row is marked, and both; the ground may tell the
    same, but not on each terminal."""
    return ("◈" if here else "◆") if marked else "›" if here else " "


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` columns: cut with an ellipsis, or padded on the left for numbers."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…"
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)
