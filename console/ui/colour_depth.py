"""Terminals with fewer colours than a theme names: 256, 16, or none at all.

Owns how deep a terminal's colours go, and what each style becomes there by the theme's own tables. Nothing is left to
the toolkit's nearest match, which makes a dark red yellow and a cursor's row vanish. Must not know any widget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from rich.color import Color as Colour
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

if TYPE_CHECKING:
    from console.ui.themes import ThemeFile

_GROUNDS = ("background", "raised", "selection", "protected", "on_protected", "accent")
"""The tokens that may stand behind a text; any other colour behind one is taken for the nearest of these."""
_NO_COLOUR = ("dumb", "vt", "ansi-m", "xterm-mono", "unknown")


class Depth(StrEnum):
    """How many colours the terminal shows."""

    TRUE = "truecolor"
    MANY = "256"
    FEW = "16"
    NONE = "none"


def depth_of(environ: Mapping[str, str]) -> Depth:
    """The depth that the environment names: the same that the toolkit writes in, and none where NO_COLOR has a value
    or the kind of terminal has no colours."""
    term = environ.get("TERM", "").strip().lower()
    if environ.get("NO_COLOR") or not term or term.startswith(_NO_COLOUR):
        return Depth.NONE
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return Depth.TRUE
    return Depth.MANY if term.rpartition("-")[2] in ("256color", "kitty") else Depth.FEW


class FewerColours(LineFilter):
    """Turns the colours of a theme into those that the terminal has, in place of Textual's own filters, which know
    nothing of our tokens. `shown` names the theme that is shown now."""

    def __init__(self, depth: Depth, themes: Sequence[ThemeFile], shown: Callable[[], str]) -> None:
        super().__init__()
        self._depth = depth
        self._themes = themes
        self._shown = shown
        self._styles: dict[str, Callable[[Style], Style]] = {}

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The same texts in other styles."""
        name = self._shown()
        style = self._styles.get(name)
        if style is None:
            theme = next((each for each in self._themes if each.name == name), self._themes[0])
            made = colourless if self._depth is Depth.NONE else reduced
            style = self._styles[name] = lru_cache(1024)(partial(made, theme, self._depth))
        return [
            segment if segment.control else Segment(segment.text, style(segment.style or Style.null()))
            for segment in segments
        ]


def reduced(theme: ThemeFile, depth: Depth, style: Style) -> Style:
    """A style in 16 or 256 colours. What has no colour of its own gets the theme's, because the terminal's own ground
    may be a light one."""
    ground, front = _tokens(theme, style)
    if depth is Depth.FEW and ground in ("selection", "protected"):
        # No state's colour can be read on every ground of sixteen; glyph and word tell the state there.
        front = f"on_{ground}"
    numbers = theme.tokens_16 if depth is Depth.FEW else theme.tokens_256
    colours = Colour.from_ansi(numbers[front]), Colour.from_ansi(numbers[ground])
    return style + Style(color=colours[0], bgcolor=colours[1], dim=False)


def colourless(theme: ThemeFile, _depth: Depth, style: Style) -> Style:
    """Reverse in place of a ground, bold in place of a state that calls; no colour is named."""
    ground, front = _tokens(theme, style)
    loud = bool(style.bold) or front == "error" or ground == "on_protected"
    reverse = ground in ("selection", "protected", "accent")
    return style.without_color + Style(bold=loud, reverse=bool(style.reverse) != reverse, dim=False)


def _tokens(theme: ThemeFile, style: Style) -> tuple[str, str]:
    """The tokens of what is behind a text and of the text."""
    ground = _nearest(theme.tokens, style.bgcolor, _GROUNDS) if style.bgcolor else "background"
    return ground, _nearest(theme.tokens, style.color, tuple(theme.tokens)) if style.color else "text"


def _nearest(tokens: Mapping[str, str], colour: Colour, among: tuple[str, ...]) -> str:
    """The token of a colour; of one that was blended, such as below a dialog, the nearest."""
    red, green, blue = colour.get_truecolor()

    def distance(token: str) -> int:
        own = tokens[token]
        parts = (int(own[at : at + 2], 16) for at in (1, 3, 5))
        return sum((one - other) ** 2 for one, other in zip(parts, (red, green, blue), strict=True))

    return min(among, key=distance)
