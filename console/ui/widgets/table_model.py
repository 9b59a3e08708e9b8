"""Which rows a table shows, and where it stands in them: filter, order, marks, cursor and first line.

Owns what the operator and new data do to these. Pure: must not draw, nor know a toolkit or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.present import table
from console.present.table import Row


class TableModel:
    """All rows, and the window over those that the filter lets through. `lines` says how many have a place.

    `at` is the place of the cursor among `rows`, -1 when there is none; `top` that of the first row shown. `moved_at`
    is when data, not the operator, last put another row under the cursor.
    """

    def __init__(self, lines: Callable[[], int]) -> None:
        self._lines = lines
        self.all: tuple[Row, ...] = ()
        self.rows: tuple[Row, ...] = ()
        self.marked: frozenset[str] = frozenset()
        self.pattern = ""
        self.order: tuple[int, bool] | None = None
        self.at = -1
        self.top = 0
        self.moved_at: float | None = None
        self._hunted = ""

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.at] if 0 <= self.at < len(self.rows) else None

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The marked rows, else the current one: what a command acts on."""
        if self.marked:
            return tuple(row for row in self.all if row.key in self.marked)
        return (self.current,) if self.current else ()

    # --- rows ------------------------------------------------------------------------------------------------------

    def empty(self) -> None:
        """Forgets rows, order, marks and cursor; the filter stays."""
        self.rows, self.all, self.marked, self.order, self.at, self.top = (), (), frozenset(), None, -1, 0

    def take(self, rows: tuple[Row, ...]) -> bool:
        """Takes other rows, to be arranged next; whether that drops marks, of rows that went."""
        self.all = rows
        before, self.marked = self.marked, self.marked & table.keys(rows)
        return before != self.marked

    def arrange(self, mono: float | None) -> None:
        """Filters and orders the rows anew. Cursor and scroll stay on their keys. `mono` is the time (s) when it is
        data that changed, None when the operator did it."""
        column, reverse = self.order or (None, False)
        before, at, top = self.rows, self.at, self.top
        self.rows = table.arrange(self.all, pattern=self.pattern, column=column, reverse=reverse)
        self.at = table.keep_cursor(before, at, self.rows)
        old = before[at].key if 0 <= at < len(before) else ""
        new = self.rows[self.at].key if self.at >= 0 else ""
        if old and new != old and mono is not None:
            self.moved_at = mono
        # The cursor stays on its line of the screen, so that rows coming in above do not push it away.
        self.top = max(0, top + self.at - at) if at >= 0 and self.at >= 0 and top else top
        self.scroll_in()

    def scroll_in(self) -> None:
        """Moves the first line so that the cursor is seen, with a heading right above it, and no room is wasted."""
        lines = self._lines()
        if lines <= 0:
            return
        if self.at >= 0:
            first = self.at - 1 if self.at > 0 and self.rows[self.at - 1].heading else self.at
            self.top = max(min(self.top, first), self.at - lines + 1)
        self.top = max(0, min(self.top, len(self.rows) - lines))

    # --- what the operator does ------------------------------------------------------------------------------------

    def filter(self, pattern: str) -> bool:
        """Lets through only rows that hold a text (`!text`: that do not); whether that is another filter."""
        if pattern == self.pattern:
            return False
        self.pattern = pattern
        self._hunted = pattern or self._hunted
        self.arrange(None)
        return True

    def sort_next(self, columns: Sequence[int]) -> None:
        """Orders by the next of these columns, and after the last by none."""
        at = columns.index(self.order[0]) + 1 if self.order and self.order[0] in columns else 0
        self.order = (columns[at], False) if at < len(columns) else None
        self.arrange(None)

    def reverse(self) -> bool:
        """Turns the order round; whether there is one."""
        if self.order is None:
            return False
        self.order = (self.order[0], not self.order[1])
        self.arrange(None)
        return True

    def toggle_mark(self) -> bool:
        """Marks the current row, or takes its mark away; whether there is one."""
        if self.current is None:
            return False
        self.marked = self.marked ^ {self.current.key}
        return True

    def go(self, at: int) -> bool:
        """Puts the cursor on a row; whether it takes the cursor and did not have it."""
        if not 0 <= at < len(self.rows) or self.rows[at].heading or at == self.at:
            return False
        self.at = at
        self.scroll_in()
        return True

    def step(self, by: int) -> int:
        """The row so many further, past headings."""
        return table.next_record(self.rows, self.at + by, by)

    def page(self, by: int) -> int:
        """The row so many pages further, or the last one on the way."""
        to = max(0, min(len(self.rows) - 1, self.at + by * max(1, self._lines() - 1)))
        return table.next_record(self.rows, to, by)

    def edge(self, end: int) -> int:
        """The first row (-1) or the last (1)."""
        return table.next_record(self.rows, 0 if end < 0 else len(self.rows) - 1, -end)

    def hunt(self, by: int) -> int:
        """The next row that the filter typed last lets through, round the ends; -1 when there is none."""
        found = {row.key for row in table.arrange(self.rows, pattern=self._hunted) if not row.heading}
        ways = ((self.at + by * step) % len(self.rows) for step in range(1, len(self.rows) + 1))
        return next((at for at in ways if self.rows[at].key in found), -1)

    def place(self, key: str) -> int:
        """Where the row of a key stands, -1 when it is not shown."""
        return next((at for at, row in enumerate(self.rows) if row.key == key), -1)
