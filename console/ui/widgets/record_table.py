"""A table of records on the line API: rows change in place, and only what changed is painted.

Owns what of the table is painted again, and its keys. Must not know what a row means, nor read a clock: callers of
`show` tell the time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from console.present import table
from console.present.table import Column, Row
from console.ui.commands import bindings
from console.ui.messages import TextAsked
from console.ui.widgets.draw import Drawn, wrap
from console.ui.widgets.table_model import TableModel
from console.ui.widgets.table_painter import TablePainter


class RecordTable(Drawn, can_focus=True):
    """Rows under columns. `show` is the only way in, and may be called at any rate; `model` tells what is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("table")]

    class Opened(Message):
        """Enter or a double click on a row; with an empty key while a sentence stands in place of rows."""

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    class ReachedEnd(Message):
        """The cursor has come to the last row."""

    class Moved(Message):
        """The cursor stands on another row by the operator's hand, or the table has another size or gained or lost the
        focus: what is told of the current row beside the table may be another thing."""

    class Changed(Message):
        """The filter, the order or the marks have changed by the operator's hand."""

    def __init__(
        self, columns: Sequence[Column], *, empty: str = "", header: bool = True, sortable: bool = True
    ) -> None:
        super().__init__()
        self.model = TableModel(lambda: self._lines)
        self._painter = TablePainter(self, columns)
        self._empty = (empty, "dim")
        self._head = 1 if header else 0
        self._sortable = sortable
        self.stale = False

    # --- in and out ------------------------------------------------------------------------------------------------

    @property
    def empty(self) -> str:
        """The text in place of rows while there are none."""
        return self._empty[0]

    def say(self, text: str, state: str = "dim") -> None:
        """Sets the text in place of rows while there are none, and its state."""
        if (text, state) != self._empty:
            self._empty = (text, state)
            if not self.model.rows:
                self.refresh()

    def room(self, index: int) -> int:
        """How wide a column is now; 0 when it has no place."""
        return next((each.width for each in self._painter.placed if each.index == index), 0)

    def show(self, rows: Sequence[Row], *, mono: float = 0.0, stale: bool = False) -> None:
        """Shows these rows. Cursor and scroll stay on their keys; marks of rows that went are dropped."""
        same = self.model.all == (found := tuple(rows))
        if self.model.take(found):
            self.post_message(self.Changed())
        if stale != self.stale:
            self.stale = stale
            self.refresh()
        if not same or not self._painter.placed:
            before, at, top = self.model.rows, self.model.at, self.model.top
            self.model.arrange(mono)
            if self._painter.lay_out(found) or self.model.top != top or bool(before) != bool(self.model.rows):
                self.refresh()
            else:
                self._repaint(before, at)

    def use(self, columns: Sequence[Column], *, empty: str = "") -> None:
        """Other columns for other rows; order, marks and the cursor start anew."""
        self._empty = (empty, "dim")
        self.model.empty()
        self._painter.use(columns)
        self.refresh()

    def go_to(self, key: str) -> None:
        """Puts the cursor on a key, when it is there."""
        self._go(self.model.place(key))

    def clear_marks(self) -> None:
        """Takes every mark away."""
        if self.model.marked:
            self.model.marked = frozenset()
            self.refresh()
            self.post_message(self.Changed())

    def unmark(self, keys: Collection[str]) -> None:
        """Takes the marks of these keys away; others, made meanwhile, stay."""
        before = self.model.marked
        self.model.marked = before.difference(keys)
        if self.model.marked != before:
            self.refresh()
            self.post_message(self.Changed())

    def leave(self) -> bool:
        """Takes the filter away, or else the marks; whether there was either."""
        had = bool(self.model.pattern or self.model.marked)
        if self.model.pattern:
            self.set_filter("")
        else:
            self.clear_marks()
        return had

    def set_filter(self, pattern: str) -> None:
        """Shows only rows that hold a text (`!text`: that do not); empty shows all."""
        if self.model.filter(pattern):
            self._arranged()

    # --- changing --------------------------------------------------------------------------------------------------

    @property
    def _lines(self) -> int:
        return max(0, self.size.height - self._head)

    def _arranged(self) -> None:
        """Shows another filter or order, which is the operator's doing."""
        self._painter.lay_out(self.model.all)
        self.refresh()
        self.post_message(self.Changed())

    def _repaint(self, before: tuple[Row, ...], at: int) -> None:
        """Paints the lines and cells that differ from the rows and the cursor of before."""
        rows, top = self.model.rows, self.model.top
        for index in range(top, top + self._lines):
            old = before[index] if index < len(before) else None
            new = rows[index] if index < len(rows) else None
            moved = (index == at) != (index == self.model.at)
            if old == new and not moved:
                continue
            if old is None or new is None or old.key != new.key or moved or new.heading:
                self._refresh_line(index)
            else:
                for region in self._painter.regions(new, table.changed_cells(old, new), index - top + self._head):
                    self.refresh(region)
        if len(before) != len(rows):
            self.refresh(Region(self.size.width - 1, 0, 1, self.size.height))

    def _refresh_line(self, index: int) -> None:
        y = index - self.model.top
        if 0 <= y < self._lines:
            self.refresh(Region(0, y + self._head, self.size.width, 1))

    def _go(self, at: int) -> None:
        before, top = self.model.at, self.model.top
        if not self.model.go(at):
            return
        if self.model.top != top:
            self.refresh()
        else:
            self._refresh_line(before)
            self._refresh_line(at)
        self.post_message(self.Moved())
        if at == len(self.model.rows) - 1:
            self.post_message(self.ReachedEnd())

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_cursor(self, by: int) -> None:
        """Moves the cursor, passing over headings; stops at the ends."""
        self._go(self.model.step(by))

    def action_page(self, by: int) -> None:
        self._go(self.model.page(by))

    def action_edge(self, end: int) -> None:
        self._go(self.model.edge(end))

    def action_open(self) -> None:
        current = self.model.current
        if current or not self.model.all:
            self.post_message(self.Opened(current.key if current else ""))

    def action_mark(self) -> None:
        """Marks or unmarks the row, and moves to the next."""
        if self.model.toggle_mark():
            self._refresh_line(self.model.at)
            self.action_cursor(1)
            self.post_message(self.Changed())

    def action_sort(self, turn: int = 0) -> None:
        """Sorts by the next column shown, and after the last restores the given order; `turn` reverses the order."""
        if not self._sortable:
            return
        if turn:
            if not self.model.reverse():
                return
        else:
            self.model.sort_next(self._painter.titled)
        self._arranged()

    def action_filter(self) -> None:
        """Asks for the text, and filters while it is typed."""
        before, then = self.model.pattern, self.set_filter
        self.post_message(TextAsked("/", before, then, each=then, cancelled=lambda: then("")))

    def action_hunt(self, by: int) -> None:
        """Moves to the next row that matches the filter typed last, and goes round at the ends."""
        self._go(self.model.hunt(by))

    # --- events ----------------------------------------------------------------------------------------------------

    @on(events.Resize)
    def _resized(self) -> None:
        self._painter.forget_widths()
        self.model.scroll_in()
        self._painter.lay_out(self.model.all)
        self.refresh()
        self.post_message(self.Moved())

    @on(events.Focus)
    @on(events.Blur)
    def _focus_changed(self) -> None:
        self._refresh_line(self.model.at)
        self.post_message(self.Moved())

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _wheeled(self, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        event.stop()
        self.action_cursor(1 if isinstance(event, events.MouseScrollDown) else -1)

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._head:
            return
        at = offset.y - self._head + self.model.top
        if at == self.model.at and event.chain == 2:
            self.action_open()
        self._go(at)

    # --- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: the header, a row, the empty text, or nothing."""
        model, painter, at = self.model, self._painter, y - self._head
        if at < 0:
            return painter.header(model.order)
        if at + model.top < len(model.rows):
            row = model.rows[at + model.top]
            if row.heading:
                return painter.heading(row)
            selected = at + model.top == model.at and self.has_focus
            drawn = painter.row(row, selected=selected, marked=row.key in model.marked, stale=self.stale)
            return Strip.join([drawn, painter.thumb(at, top=model.top, lines=self._lines, total=len(model.rows))])
        if not model.rows:
            filtered = f"nothing holds {model.pattern}; Esc shows all", "dim"
            said = wrap((("", ""), filtered if model.pattern and model.all else self._empty), painter.inner)
            if at < len(said):
                return self.line([(" ", ""), *said[at]], self.size.width)
        return Strip.blank(self.size.width, self.rich_style)
