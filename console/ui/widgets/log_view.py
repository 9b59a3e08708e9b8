"""Log records on the line API: only what is on the screen is decoded, at most twelve times a second.

Owns the window into the ring: where it stands, its cursor, filter, bookmarks and whether it follows. Must not know
where records come from, nor parse them.
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

from console.domain.logs import Level, LogRing, Record, Where
from console.present.text import Line
from console.ui.commands import bindings
from console.ui.messages import TextAsked
from console.ui.widgets.draw import Drawn, wrap

PERIOD = 1 / 12
"""Seconds between two repaints, however many lines come."""

LEVELS = (Level.NONE, Level.INFO, Level.WARNING, Level.ERROR)
_CACHED = 2000
_Shown = tuple[int, Line, bool]


class LogView(Drawn, can_focus=True):
    """A window of records. `show` gives it a ring; `sync` says that the ring has more."""

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
        self.following = True
        self.where = Where()
        self.pattern = ""
        self.bookmarks: set[int] = set()
        self._lines_of = lines_of
        self._ring = LogRing()
        self._cursor: int | None = None
        self._top: tuple[int, int] | None = None
        self._hunted = ""
        self._paused_at = 0
        self._window: list[_Shown] = []
        self._drawn_state: tuple[object, ...] = ()
        self._cache: dict[int, tuple[Record, tuple[Line, ...]]] = {}
        self._painted = 0.0
        self._timer: Timer | None = None

    # --- in and out ------------------------------------------------------------------------------------------------

    def show(self, ring: LogRing) -> None:
        """Shows another ring from its end on; filter and level stay, bookmarks are dropped."""
        if ring is self._ring:
            return
        self._ring = ring
        self.bookmarks.clear()
        self._cache.clear()
        self._cursor, self._top, self.following = None, None, True
        self._repaint()

    def sync(self) -> None:
        """There may be more; the next repaint shows it."""
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

    @property
    def current(self) -> Record | None:
        """The record under the cursor; the newest while following."""
        return self._ring.record(self._cursor) if self._cursor is not None else None

    @property
    def unseen(self) -> int:
        """Lines that came since it stopped following."""
        return 0 if self.following else self._ring.lines + self._ring.dropped - self._paused_at

    def set_filter(self, pattern: str) -> None:
        """Shows only records that match (`!…`: that do not); empty shows all."""
        if pattern != self.pattern:
            self.pattern = pattern
            self._hunted = pattern or self._hunted
            self._narrow(Where.typed(pattern, self.where.level))

    def set_level(self, level: Level) -> None:
        """Shows only records of at least this level."""
        self._narrow(Where(level, self.where.pattern, self.where.inverse))

    def leave(self) -> bool:
        """Takes the filter away; whether there was one."""
        if not self.pattern:
            return False
        self.set_filter("")
        return True

    def _narrow(self, where: Where) -> None:
        self.where = where
        if self._cursor is not None and not self.following:
            here = self._ring.after(self._cursor - 1, 1, where) or self._ring.before(self._cursor, 1, where)
            self._cursor = here[0] if here else None
            self._top = (self._cursor, 0) if self._cursor is not None else None
        self._repaint()
        self.post_message(self.Changed())

    # --- the window ------------------------------------------------------------------------------------------------

    def _lines(self, position: int) -> tuple[Line, ...]:
        record = self._ring.record(position)
        if record is None:
            return ()
        known = self._cache.get(position)
        if known is not None and known[0] is record:
            return known[1]
        lines = self._lines_of(record)
        if len(self._cache) > _CACHED:
            self._cache.clear()
        self._cache[position] = (record, lines)
        return lines

    def _from_bottom(self, last: int | None, height: int) -> list[_Shown]:
        """The lines up to the end of the record `last` (None: the newest), as many as fit."""
        if last is None:
            positions = self._ring.tail(height, self.where)
        else:
            positions = [*self._ring.before(last, height, self.where), last]
        shown: list[_Shown] = []
        for position in reversed(positions):
            lines = self._lines(position)
            shown[:0] = [(position, line, number == 0) for number, line in enumerate(lines)]
            if len(shown) >= height:
                break
        return shown[max(0, len(shown) - height) :]

    def _from_top(self, height: int) -> list[_Shown]:
        """The lines from the window's top on; filled from above where the end leaves room."""
        if self._top is None:
            return self._from_bottom(None, height)
        position, skipped = self._top
        if self._ring.record(position) is None:
            oldest = self._ring.after(0, 1, self.where)
            if not oldest:
                return []
            position, skipped = oldest[0], 0
            self._top = (position, 0)
        shown: list[_Shown] = []
        for each in [position, *self._ring.after(position, height, self.where)]:
            shown += [(each, line, number == 0) for number, line in enumerate(self._lines(each))]
            if len(shown) >= height + skipped:
                break
        shown = shown[skipped : height + skipped]
        return shown if len(shown) == height else self._from_bottom(None, height)

    def _repaint(self) -> None:
        """Works out the window again and repaints the lines that differ."""
        self._painted = time.monotonic()
        height = self.size.height
        if height <= 0:
            return
        if self.following:
            window = self._from_bottom(None, height)
            self._cursor = window[-1][0] if window else None
        else:
            if self._cursor is not None and self._ring.record(self._cursor) is None:
                self._cursor = next(iter(self._ring.after(self._cursor, 1, self.where)), None)
            window = self._from_top(height)
        before, self._window = self._window, window
        state = (self._cursor, self.has_focus, self.following, self.size, len(self.bookmarks))
        if state != self._drawn_state:
            self._drawn_state = state
            self.refresh()
            return
        for y in range(height):
            if before[y : y + 1] != window[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def _stand(self) -> None:
        """Stops following, the window staying where it is."""
        if self.following:
            self.following = False
            self._paused_at = self._ring.lines + self._ring.dropped
            if self._window:
                first = self._window[0][0]
                hidden = len(self._lines(first)) - sum(1 for position, _, _ in self._window if position == first)
                self._top = (first, hidden)
            self.post_message(self.Changed())

    def _go(self, position: int | None) -> None:
        """Puts the cursor on a record and the window around it."""
        if position is None:
            self.app.bell()
            return
        self._stand()
        upwards = self._cursor is not None and position < self._cursor
        self._cursor = position
        height = self.size.height
        rows = [y for y, (each, _, _) in enumerate(self._window) if each == position]
        whole = len(self._lines(position))
        if not rows or len(rows) < min(whole, height):
            if upwards:
                self._top = (position, 0)
            else:
                shown = self._from_bottom(position, height)
                hidden = len(self._lines(shown[0][0])) - sum(1 for each, _, _ in shown if each == shown[0][0])
                self._top = (shown[0][0], hidden)
        self._repaint()

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_scroll_lines(self, by: int) -> None:
        """One record on or back; beyond the newest it follows again."""
        if self._cursor is None or (self.following and by > 0):
            return
        found = (self._ring.after if by > 0 else self._ring.before)(self._cursor, 1, self.where)
        if found:
            self._go(found[0])
        elif by > 0:
            self.action_newest()

    def action_scroll_pages(self, by: int) -> None:
        """A screenful."""
        if self._cursor is None or (self.following and by > 0):
            return
        count = max(1, self.size.height - 1)
        if by > 0:
            found = self._ring.after(self._cursor, count, self.where)
            if len(found) < count:
                self.action_newest()
            else:
                self._go(found[-1])
        else:
            first = self._window[0][0] if self._window else self._cursor
            found = self._ring.before(first, count, self.where)
            self._go(found[0] if found else first)

    def action_oldest(self) -> None:
        """The oldest record kept."""
        self._go(next(iter(self._ring.after(0, 1, self.where)), None))

    def action_newest(self) -> None:
        """The end, following."""
        self.following, self._top = True, None
        self._repaint()
        self.post_message(self.Changed())

    def action_follow(self) -> None:
        """Follows, or stands still."""
        if self.following:
            self._stand()
            self._repaint()
        else:
            self.action_newest()

    def action_error(self, by: int) -> None:
        """The next or previous record at error or worse that the filter lets through."""
        if self._cursor is None:
            return
        where = Where(max(Level.ERROR, self.where.level), self.where.pattern, self.where.inverse)
        found = (self._ring.after if by > 0 else self._ring.before)(self._cursor, 1, where)
        self._go(found[0] if found else None)

    def action_hunt(self, by: int) -> None:
        """The next record that matches the filter typed last."""
        if self._cursor is None or not self._hunted:
            return
        where = Where.typed(self._hunted, self.where.level)
        found = (self._ring.after if by > 0 else self._ring.before)(self._cursor, 1, where)
        self._go(found[0] if found else None)

    def action_bookmark(self) -> None:
        """Marks the record under the cursor, or takes the mark away."""
        if self._cursor is not None:
            self.bookmarks ^= {self._cursor}
            self._repaint()
            self.post_message(self.Changed())

    def action_level(self) -> None:
        """The next higher threshold, and round to everything."""
        self.set_level(next((level for level in LEVELS if level > self.where.level), LEVELS[0]))

    def action_filter(self) -> None:
        """Asks for the text, and filters while it is typed."""
        cancel = self.pattern
        self.post_message(
            TextAsked("/", cancel, self.set_filter, each=self.set_filter, cancelled=lambda: self.set_filter(""))
        )

    def action_open(self) -> None:
        """Enter."""
        if self.current is not None or not self._window:
            self.post_message(self.Opened(self.current))

    # --- events ----------------------------------------------------------------------------------------------------

    @on(events.Resize)
    @on(events.Focus)
    @on(events.Blur)
    @on(events.Show)
    def _changed_outside(self) -> None:
        self._repaint()

    @on(events.MouseScrollDown)
    def _wheeled_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll_lines(1)

    @on(events.MouseScrollUp)
    def _wheeled_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll_lines(-1)

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        """A click moves the cursor, a double click opens."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y >= len(self._window):
            return
        position = self._window[offset.y][0]
        if position == self._cursor and event.chain == 2:
            self.action_open()
        else:
            self._go(position)

    # --- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the window, the empty text, or nothing."""
        width = self.size.width
        if y < len(self._window):
            position, line, first = self._window[y]
            here = position == self._cursor and self.has_focus and not self.following
            mark = "▶" if first and position in self.bookmarks else " "
            return self.line([(mark, "accent"), *line], width, *(("selection",) if here else ()))
        said = wrap((("", ""), *self._empty_line()), width - 2) if not self._window else []
        if y < len(said):
            return self.line([(" ", ""), *said[y]], width)
        return Strip.blank(width, self.rich_style)

    def _empty_line(self) -> Line:
        if not self.where.everything and self._ring.lines:
            return (("no line kept here matches; Esc shows all, v changes the level", "dim"),)
        return self.empty
