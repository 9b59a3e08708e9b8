"""Lines to read: a detail, a plan, an output, help. On the line API, scrolled by keys.

Owns scrolling and drawing of harmless lines. Must not parse what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.strip import Strip

from console.present.text import Line
from console.ui.commands import bindings
from console.ui.widgets.draw import Drawn, wrap


class TextView(Drawn, can_focus=True):
    """Lines of (text, state) pieces, wrapped so that nothing is cut off. With `follow` it stays at the end."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("text")]

    def __init__(self, lines: Sequence[Line] = (), *, follow: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: tuple[Line, ...] = tuple(lines)
        self.follow = follow
        self._top = 0
        self._wrapped: list[Line] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Shows these lines; paints nothing when they are the same."""
        if (wanted := tuple(lines)) != self.lines:
            self.lines = wanted
            self._wrap()
            self.refresh()

    @property
    def text(self) -> str:
        """Everything, plain."""
        return "\n".join("".join(text for text, _ in line) for line in self.lines)

    def scroll_by(self, by: int) -> None:
        """Moves by lines, and stops at the ends."""
        before = self._top
        self._top += by
        self._clamp()
        if self._top != before:
            self.refresh()

    def action_lines(self, by: int) -> None:
        self.scroll_by(by)

    def action_pages(self, by: int) -> None:
        self.scroll_by(by * max(1, self.size.height - 1))

    def action_ends(self, end: int) -> None:
        self.scroll_by(end * len(self._wrapped))

    @on(events.Resize)
    def _resized(self) -> None:
        self._wrap()
        self.refresh()

    @on(events.MouseScrollDown)
    def _wheeled_down(self) -> None:
        self.scroll_by(3)

    @on(events.MouseScrollUp)
    def _wheeled_up(self) -> None:
        self.scroll_by(-3)

    def _wrap(self) -> None:
        width = max(1, self.size.width - 2)
        self._wrapped = [part for line in self.lines for part in wrap(line, width)]
        self._clamp()

    def _clamp(self) -> None:
        last = max(0, len(self._wrapped) - self.size.height)
        self._top = last if self.follow and not self.has_focus else max(0, min(self._top, last))

    def render_line(self, y: int) -> Strip:
        """One line; a mark at the right says that there is more below."""
        width = self.size.width
        index = y + self._top
        if index >= len(self._wrapped):
            return Strip.blank(width, self.rich_style)
        more = y == self.size.height - 1 and index < len(self._wrapped) - 1
        body = self.line(((" ", ""), *self._wrapped[index]), width - 1)
        return Strip.join([body, self.line(((("↓" if more else " "), "accent"),), 1)])
