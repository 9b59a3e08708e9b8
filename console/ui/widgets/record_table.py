"""A table of records on the line API: rows change in place, and only what changed is painted.

Owns cursor, marks, sorting, filtering and scrolling of its rows. Must not know what a row means, nor read a clock:
whoever shows rows says when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events, on
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from console.present import table
from console.present.table import Column, Placed, Row
from console.ui.commands import bindings
from console.ui.messages import TextAsked
from console.ui.widgets.draw import Drawn, fit, wrap


class RecordTable(Drawn, can_focus=True):
    """Rows under columns. `show` is the only way in; it may be called at any rate."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("table")]

    class Opened(Message):
        """Enter or a double click on a row; without any row on what is said instead of them, with an empty key."""

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    class ReachedEnd(Message):
        """The cursor has come to the last row."""

    class Changed(Message):
        """The filter, the order or the marks have changed by the operator's hand."""

    def __init__(
        self, columns: Sequence[Column], *, empty: str = "", header: bool = True, sortable: bool = True
    ) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._empty = empty
        self._empty_state = "dim"
        self.header = header
        self.sortable = sortable
        self.rows: tuple[Row, ...] = ()
        self.marked: frozenset[str] = frozenset()
        self.pattern = ""
        self.order: tuple[int, bool] | None = None
        self.stale = False
        self._all: tuple[Row, ...] = ()
        self._at = -1
        self._top = 0
        self._placed: tuple[Placed, ...] = ()
        self._widths: tuple[int, ...] = ()
        self._moved_at: float | None = None
        self._hunted = ""

    # --- in and out ------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self._at] if 0 <= self._at < len(self.rows) else None

    @property
    def moved_at(self) -> float | None:
        """When data, not the operator, last put another row under the cursor (as `show` was told the time)."""
        return self._moved_at

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The marked rows, else the current one: what a command acts on."""
        if self.marked:
            return tuple(row for row in self._all if row.key in self.marked)
        return (self.current,) if self.current else ()

    @property
    def empty(self) -> str:
        """What stands there without rows."""
        return self._empty

    def say(self, text: str, state: str = "dim") -> None:
        """What stands there without rows, and in which state."""
        if (text, state) != (self._empty, self._empty_state):
            self._empty, self._empty_state = text, state
            if not self.rows:
                self.refresh()

    def show(self, rows: Sequence[Row], *, mono: float = 0.0, stale: bool = False) -> None:
        """Shows these rows. Cursor and scroll stay on their keys; marks of rows that went are dropped."""
        same = self._all == (found := tuple(rows))
        self._all = found
        kept = self.marked & table.keys(self._all)
        if kept != self.marked:
            self.marked = kept
            self.post_message(self.Changed())
        if stale != self.stale:
            self.stale = stale
            self.refresh()
        if not same or not self._placed:
            self._order_rows(mono)

    def use(self, columns: Sequence[Column], *, empty: str = "") -> None:
        """Other columns for other rows; order, marks and the cursor start anew."""
        self.columns, self._empty, self._empty_state = tuple(columns), empty, "dim"
        self.rows, self._all, self.marked, self.order, self._at, self._top = (), (), frozenset(), None, -1, 0
        self._placed = ()
        self.refresh()

    def go_to(self, key: str) -> None:
        """Puts the cursor on a key, when it is there."""
        for at, row in enumerate(self.rows):
            if row.key == key:
                self._go(at)

    def clear_marks(self) -> None:
        """Takes every mark away."""
        if self.marked:
            self.marked = frozenset()
            self.refresh()
            self.post_message(self.Changed())

    def leave(self) -> bool:
        """Takes the filter away, or else the marks; whether there was either."""
        had = bool(self.pattern or self.marked)
        if self.pattern:
            self.set_filter("")
        else:
            self.clear_marks()
        return had

    def set_filter(self, pattern: str) -> None:
        """Shows only rows that hold a text (`!text`: that do not); empty shows all."""
        if pattern != self.pattern:
            self.pattern = pattern
            self._hunted = pattern or self._hunted
            self._order_rows(None)
            self.post_message(self.Changed())

    # --- changing --------------------------------------------------------------------------------------------------

    def _order_rows(self, mono: float | None) -> None:
        column, reverse = self.order or (None, False)
        after = table.arrange(self._all, pattern=self.pattern, column=column, reverse=reverse)
        before, at, top = self.rows, self._at, self._top
        self.rows = after
        self._at = table.keep_cursor(before, at, after)
        old = before[at].key if 0 <= at < len(before) else ""
        new = after[self._at].key if self._at >= 0 else ""
        if old and new != old and mono is not None:
            self._moved_at = mono
        # The cursor stays on its line of the screen, so that rows coming in above do not push it away.
        self._top = max(0, top + self._at - at) if at >= 0 and self._at >= 0 and top else top
        self._scroll_in()
        if self._lay_out() or self._top != top or bool(before) != bool(after):
            self.refresh()
        else:
            self._repaint(before, at)

    def _lay_out(self) -> bool:
        """Measures and places the columns; whether that differs from what is on the screen."""
        wanted = table.widths(self.columns, self._all, cell_len)
        if self._placed and len(wanted) == len(self._widths):
            # Columns never shrink while shown: a number that loses a digit must not move the whole table.
            wanted = tuple(map(max, wanted, self._widths))
        placed = table.place(self.columns, wanted, self._inner)
        self._widths = wanted
        changed = placed != self._placed
        self._placed = placed
        return changed

    def _repaint(self, before: tuple[Row, ...], at: int) -> None:
        for y in range(self._lines):
            index = y + self._top
            old = before[index] if index < len(before) else None
            new = self.rows[index] if index < len(self.rows) else None
            if old == new and (index == at) == (index == self._at):
                continue
            if old is None or new is None or old.key != new.key or (index == at) != (index == self._at) or new.heading:
                self._refresh_line(index)
            else:
                self._refresh_cells(index, table.changed_cells(old, new))
        if len(before) != len(self.rows):
            self.refresh(Region(self.size.width - 1, 0, 1, self.size.height))

    def _refresh_line(self, index: int) -> None:
        y = index - self._top
        if 0 <= y < self._lines:
            self.refresh(Region(0, y + self._head, self.size.width, 1))

    def _refresh_cells(self, index: int, cells: Sequence[int]) -> None:
        y = index - self._top + self._head
        for each in table.spanned(self._placed, self.rows[index]):
            if each.index in cells:
                self.refresh(Region(each.x + 1, y, each.width, 1))

    @property
    def _head(self) -> int:
        return 1 if self.header else 0

    @property
    def _lines(self) -> int:
        return max(0, self.size.height - self._head)

    @property
    def _inner(self) -> int:
        """Columns for text: one for the mark at the left, one for the scroll thumb at the right."""
        return max(1, self.size.width - 2)

    def _scroll_in(self) -> None:
        lines = self._lines
        if lines <= 0:
            return
        if self._at >= 0:
            first = self._at - 1 if self._at > 0 and self.rows[self._at - 1].heading else self._at
            self._top = max(min(self._top, first), self._at - lines + 1)
        self._top = max(0, min(self._top, len(self.rows) - lines))

    def _go(self, at: int) -> None:
        if not 0 <= at < len(self.rows) or self.rows[at].heading or at == self._at:
            return
        before, top = self._at, self._top
        self._at = at
        self._scroll_in()
        if self._top != top:
            self.refresh()
        else:
            self._refresh_line(before)
            self._refresh_line(at)
        if at == len(self.rows) - 1:
            self.post_message(self.ReachedEnd())

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_cursor(self, by: int) -> None:
        """Moves over headings, and stops at the ends."""
        self._go(table.next_record(self.rows, self._at + by, by))

    def action_page(self, by: int) -> None:
        """A screenful."""
        to = max(0, min(len(self.rows) - 1, self._at + by * max(1, self._lines - 1)))
        self._go(table.next_record(self.rows, to, by))

    def action_edge(self, end: int) -> None:
        """First or last row."""
        self._go(table.next_record(self.rows, 0 if end < 0 else len(self.rows) - 1, -end))

    def action_open(self) -> None:
        """Enter."""
        if self.current or not self._all:
            self.post_message(self.Opened(self.current.key if self.current else ""))

    def action_mark(self) -> None:
        """Marks or unmarks, and goes on."""
        if self.current:
            self.marked = self.marked ^ {self.current.key}
            self._refresh_line(self._at)
            self.action_cursor(1)
            self.post_message(self.Changed())

    def action_sort(self, turn: int = 0) -> None:
        """By the next column shown, and back to the given order after the last; `turn` turns the order round."""
        if not self.sortable or (turn and not self.order):
            return
        if turn and self.order:
            self.order = (self.order[0], not self.order[1])
            self._reorder()
            return
        shown = [each.index for each in self._placed if self.columns[each.index].title]
        at = shown.index(self.order[0]) + 1 if self.order and self.order[0] in shown else 0
        self.order = (shown[at], False) if at < len(shown) else None
        self._reorder()

    def _reorder(self) -> None:
        self._order_rows(None)
        self.refresh()
        self.post_message(self.Changed())

    def action_filter(self) -> None:
        """Asks for the text, and filters while it is typed."""
        before = self.pattern
        self.post_message(
            TextAsked("/", before, self.set_filter, each=self.set_filter, cancelled=lambda: self.set_filter(""))
        )

    def action_hunt(self, by: int) -> None:
        """The next row that matches the filter typed last, round the ends."""
        found = {row.key for row in table.arrange(self.rows, pattern=self._hunted) if not row.heading}
        for step in range(1, len(self.rows) + 1):
            at = (self._at + by * step) % len(self.rows)
            if self.rows[at].key in found:
                self._go(at)
                return

    # --- events ----------------------------------------------------------------------------------------------------

    @on(events.Resize)
    def _resized(self) -> None:
        self._widths = ()
        self._placed = ()
        self._scroll_in()
        self._lay_out()
        self.refresh()

    @on(events.Focus)
    def _focused(self) -> None:
        self._refresh_line(self._at)

    @on(events.Blur)
    def _blurred(self) -> None:
        self._refresh_line(self._at)

    @on(events.MouseScrollDown)
    def _wheeled_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_cursor(1)

    @on(events.MouseScrollUp)
    def _wheeled_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_cursor(-1)

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._head:
            return
        at = offset.y - self._head + self._top
        if at == self._at and event.chain == 2:
            self.action_open()
        self._go(at)

    # --- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: the header, a row, the empty text, or nothing."""
        width = self.size.width
        if self.header and y == 0:
            return self._draw_header(width)
        index = y - self._head + self._top
        if index < len(self.rows):
            return self._draw_row(index, width, y)
        if not self.rows:
            said = wrap((("", ""), self._empty_text()), self._inner)
            if 0 <= y - self._head < len(said):
                return self.line([(" ", ""), *said[y - self._head]], width)
        return Strip.blank(width, self.rich_style)

    def _empty_text(self) -> tuple[str, str]:
        filtered = f"nothing holds {self.pattern}; Esc shows all", "dim"
        return filtered if self.pattern and self._all else (self._empty, self._empty_state)

    def _draw_header(self, width: int) -> Strip:
        pieces = [(" ", "")]
        for n, each in enumerate(self._placed):
            column = self.columns[each.index]
            title = column.title
            if self.order and self.order[0] == each.index:
                title += "↑" if self.order[1] else "↓"
            if n:
                pieces.append((" ", ""))
            pieces.append((fit(title, each.width, column.right), "dim"))
        return self.line(pieces, width)

    def _draw_row(self, index: int, width: int, y: int) -> Strip:
        row, paint = self.rows[index], self.painter()
        if row.heading:
            return self.line([(" ", ""), *((cell.text, cell.state or "dim") for cell in row.cells)], width)
        under = ("selection",) if index == self._at and self.has_focus else ()
        marked = row.key in self.marked
        segments = [Segment("›" if marked else " ", paint(*under, "accent"))]
        for n, each in enumerate(table.spanned(self._placed, row)):
            if n:
                segments.append(Segment(" ", paint(*under)))
            if each.index < len(row.cells):
                cell = row.cells[each.index]
                state = "dim" if self.stale else cell.state
                text = fit(cell.text, each.width, self.columns[each.index].right)
                segments.append(Segment(text, paint(*under, "accent" if marked and not state else state)))
            else:
                segments.append(Segment(" " * each.width, paint(*under)))
        strip = Strip(segments).crop_extend(0, width - 1, paint(*under))
        return Strip.join([strip, self._thumb(y - self._head)])

    def _thumb(self, y: int) -> Strip:
        lines, total = self._lines, len(self.rows)
        if total <= lines:
            return Strip([Segment(" ", self.rich_style)])
        size = max(1, lines * lines // total)
        start = round(self._top / (total - lines) * (lines - size))
        return Strip([Segment("▐" if start <= y < start + size else " ", self.paint("line"))])
