"""Log records on the line API: only what is on the screen is decoded, at most twelve times a second.

Owns when the window is painted again, and its keys. Must not know where records come from, nor parse them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from console.domain.logs import LogRing, Record
from console.present.text import Line
from console.ui.commands import bindings
from console.ui.messages import TextAsked
from console.ui.widgets.draw import Drawn, gutter, wrap
from console.ui.widgets.log_window import LogWindow

PERIOD = 1 / 12
"""Seconds between two repaints, however many lines come."""


class LogView(Drawn, can_focus=True):
    """A window of records. `show` gives it a ring; `sync` says that the ring has more; `window` tells what is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("logs")]

    class Opened(Message):
        """Enter or a double click on a record; None where there is none."""

        def __init__(self, record: Record | None) -> None:
            self.record = record
            super().__init__()

    class Changed(Message):
        """Follow, filter or level have changed by the operator's hand."""

    def __init__(self, lines_of: Callable[[Record], tuple[Line, ...]], *, empty: str = "") -> None:
        super().__init__()
        self.empty: Line = ((empty, "dim"),)
        self.window = LogWindow(lines_of, lambda: self.size.height)
        self._drawn_state: tuple[object, ...] = ()
        self._painted = 0.0
        self._timer: Timer | None = None

    # --- in and out ------------------------------------------------------------------------------------------------

    def show(self, ring: LogRing) -> None:
        """Shows another ring from its end on; filter and level stay, bookmarks are dropped."""
        if self.window.show(ring):
            self._repaint()

    def sync(self) -> None:
        """Tells that the ring may hold more; the next repaint shows it."""
        if self._timer is not None:
            return
        wait = self._painted + PERIOD - time.monotonic()
        if wait <= 0:
            self._repaint()
        else:
            self._timer = self.set_timer(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        self._repaint()

    def set_filter(self, pattern: str) -> None:
        """Shows only records that match (`!…`: that do not); empty shows all."""
        if self.window.filter(pattern):
            self._changed()

    def leave(self) -> bool:
        """Takes the filter away; whether there was one."""
        had = bool(self.window.pattern)
        self.set_filter("")
        return had

    # --- painting --------------------------------------------------------------------------------------------------

    @on(events.Resize)
    @on(events.Focus)
    @on(events.Blur)
    @on(events.Show)
    def _repaint(self) -> None:
        """Works out the window again and repaints the lines that differ."""
        self._painted = time.monotonic()
        height = self.size.height
        if height <= 0:
            return
        window = self.window
        before = window.update()
        state = (window.cursor, self.has_focus, window.following, self.size, len(window.bookmarks))
        if state != self._drawn_state:
            self._drawn_state = state
            self.refresh()
            return
        for y in range(height):
            if before[y : y + 1] != window.shown[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def _changed(self) -> None:
        self._repaint()
        self.post_message(self.Changed())

    def _go(self, position: int | None) -> None:
        """Puts the cursor on a record and the window around it; rings where there is none."""
        if position is None:
            self.app.bell()
            return
        if self.window.stand():
            self.post_message(self.Changed())
        self.window.go(position)
        self._repaint()

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_scroll_lines(self, by: int) -> None:
        """Moves by one record; beyond the newest it follows again."""
        self._move(by, self.window.beside(by))

    def action_scroll_pages(self, by: int) -> None:
        self._move(by, self.window.page(by))

    def _move(self, by: int, position: int | None) -> None:
        if self.window.cursor is None or (self.window.following and by > 0):
            return
        if position is not None:
            self._go(position)
        elif by > 0:
            self.action_newest()

    def action_oldest(self) -> None:
        self._go(self.window.oldest())

    def action_newest(self) -> None:
        """Goes to the end and follows again."""
        self.window.follow()
        self._changed()

    def action_follow(self) -> None:
        if self.window.stand():
            self._changed()
        else:
            self.action_newest()

    def action_error(self, by: int) -> None:
        """Goes to the next or previous record at error or worse that the filter lets through."""
        if self.window.cursor is not None:
            self._go(self.window.error(by))

    def action_hunt(self, by: int) -> None:
        """Goes to the next record that matches the filter typed last."""
        if self.window.hunts:
            self._go(self.window.match(by))

    def action_bookmark(self) -> None:
        """Marks the record under the cursor, or takes the mark away."""
        if self.window.toggle_bookmark():
            self._changed()

    def action_level(self) -> None:
        """Raises the lowest level shown; after the highest, shows everything."""
        self.window.raise_level()
        self._changed()

    def action_filter(self) -> None:
        """Asks for the text, and filters while it is typed."""
        before, then = self.window.pattern, self.set_filter
        self.post_message(TextAsked("/", before, then, each=then, cancelled=lambda: then("")))

    def action_open(self) -> None:
        current = self.window.current
        if current is not None or not self.window.shown:
            self.post_message(self.Opened(current))

    # --- events ----------------------------------------------------------------------------------------------------

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _wheeled(self, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll_lines(1 if isinstance(event, events.MouseScrollDown) else -1)

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        """A click moves the cursor, a double click opens."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y >= len(self.window.shown):
            return
        position = self.window.shown[offset.y][0]
        if position == self.window.cursor and event.chain == 2:
            self.action_open()
        else:
            self._go(position)

    # --- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the window, the empty text, or nothing."""
        width, window = self.size.width, self.window
        if y < len(window.shown):
            position, line, first = window.shown[y]
            here = position == window.cursor and self.has_focus and not window.following
            mark = gutter(here=here, marked=first and position in window.bookmarks)
            return self.line([(mark, "accent"), *line], width, *(("selection",) if here else ()))
        said = wrap((("", ""), *self._empty_line()), width - 2) if not window.shown else []
        if y < len(said):
            return self.line([(" ", ""), *said[y]], width)
        return Strip.blank(width, self.rich_style)

    def _empty_line(self) -> Line:
        if not self.window.where.everything and self.window.ring.lines:
            return (("no line kept here matches; Esc shows all, v changes the level", "dim"),)
        return self.empty
