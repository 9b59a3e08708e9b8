"""The window into a log ring: which lines it shows, where its cursor stands, what it lets through.

Owns what the operator and new records do to these. Pure: must not draw, nor know a toolkit. Only records that have a
place are made into lines.
"""

from __future__ import annotations

from collections.abc import Callable

from console.domain.logs import Level, LogRing, Record, Where
from console.present.text import Line

LEVELS = (Level.NONE, Level.INFO, Level.WARNING, Level.ERROR)
_CACHED = 2000
Shown = tuple[int, Line, bool]
"""A line with the position of its record, and whether it is the record's first one."""


class LogWindow:
    """As many lines as `height` says, of records that `lines_of` makes into lines.

    `cursor` is the position of a record, None when there is none; `shown` is what `update` has worked out last.
    """

    def __init__(self, lines_of: Callable[[Record], tuple[Line, ...]], height: Callable[[], int]) -> None:
        self._lines_of = lines_of
        self._height = height
        self.ring = LogRing()
        self.following = True
        self.where = Where()
        self.pattern = ""
        self.bookmarks: set[int] = set()
        self.cursor: int | None = None
        self.shown: list[Shown] = []
        self._top: tuple[int, int] | None = None
        self._hunted = ""
        self._paused_at = 0
        self._cache: dict[int, tuple[Record, tuple[Line, ...]]] = {}

    def show(self, ring: LogRing) -> bool:
        """Shows another ring from its end on; filter and level stay, bookmarks are dropped. Whether it is another."""
        if ring is self.ring:
            return False
        self.ring = ring
        self.bookmarks.clear()
        self._cache.clear()
        self.cursor, self._top, self.following = None, None, True
        return True

    @property
    def current(self) -> Record | None:
        """The record under the cursor; the newest while following."""
        return self.ring.record(self.cursor) if self.cursor is not None else None

    @property
    def unseen(self) -> int:
        """Lines that came since it stopped following."""
        return 0 if self.following else self.ring.lines + self.ring.dropped - self._paused_at

    # --- what it lets through --------------------------------------------------------------------------------------

    def filter(self, pattern: str) -> bool:
        """Lets through only records that match (`!…`: that do not); whether that is another filter."""
        if pattern == self.pattern:
            return False
        self.pattern = pattern
        self._hunted = pattern or self._hunted
        self._narrow(Where.typed(pattern, self.where.level))
        return True

    def set_level(self, level: Level) -> None:
        """Lets through only records of at least this level."""
        self._narrow(Where(level, self.where.pattern, self.where.inverse))

    def raise_level(self) -> None:
        """The next higher of the levels on offer; after the highest, everything."""
        self.set_level(next((level for level in LEVELS if level > self.where.level), LEVELS[0]))

    def _narrow(self, where: Where) -> None:
        self.where = where
        if self.cursor is not None and not self.following:
            here = self.ring.after(self.cursor - 1, 1, where) or self.ring.before(self.cursor, 1, where)
            self.cursor = here[0] if here else None
            self._top = (self.cursor, 0) if self.cursor is not None else None

    # --- lines -----------------------------------------------------------------------------------------------------

    def update(self) -> list[Shown]:
        """Works out what is shown now; what was shown before."""
        before = self.shown
        if self.following:
            self.shown = self._from_bottom(None)
            self.cursor = self.shown[-1][0] if self.shown else None
        else:
            if self.cursor is not None and self.ring.record(self.cursor) is None:
                self.cursor = next(iter(self.ring.after(self.cursor, 1, self.where)), None)
            self.shown = self._from_top()
        return before

    def _lines(self, position: int) -> tuple[Line, ...]:
        record = self.ring.record(position)
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

    def _from_bottom(self, last: int | None) -> list[Shown]:
        """The lines up to the end of the record `last` (None: the newest), as many as fit."""
        height = self._height()
        if last is None:
            positions = self.ring.tail(height, self.where)
        else:
            positions = [*self.ring.before(last, height, self.where), last]
        shown: list[Shown] = []
        for position in reversed(positions):
            lines = self._lines(position)
            shown[:0] = [(position, line, number == 0) for number, line in enumerate(lines)]
            if len(shown) >= height:
                break
        return shown[max(0, len(shown) - height) :]

    def _from_top(self) -> list[Shown]:
        """The lines from the window's top on; filled from above where the end leaves room."""
        if self._top is None:
            return self._from_bottom(None)
        height, (position, skipped) = self._height(), self._top
        if self.ring.record(position) is None:
            oldest = self.oldest()
            if oldest is None:
                return []
            position, skipped = oldest, 0
            self._top = (position, 0)
        shown: list[Shown] = []
        for each in [position, *self.ring.after(position, height, self.where)]:
            shown += [(each, line, number == 0) for number, line in enumerate(self._lines(each))]
            if len(shown) >= height + skipped:
                break
        shown = shown[skipped : height + skipped]
        return shown if len(shown) == height else self._from_bottom(None)

    def _begin_at(self, shown: list[Shown]) -> None:
        """Makes the first of these lines the window's first."""
        first = shown[0][0]
        hidden = len(self._lines(first)) - sum(1 for position, _, _ in shown if position == first)
        self._top = (first, hidden)

    # --- moving ----------------------------------------------------------------------------------------------------

    def stand(self) -> bool:
        """Stops following, the window staying where it is; whether it was following."""
        if not self.following:
            return False
        self.following = False
        self._paused_at = self.ring.lines + self.ring.dropped
        if self.shown:
            self._begin_at(self.shown)
        return True

    def follow(self) -> None:
        """Goes to the end and follows again."""
        self.following, self._top = True, None

    def go(self, position: int) -> None:
        """Puts the cursor on a record and the window around it; it has to stand still."""
        upwards = self.cursor is not None and position < self.cursor
        self.cursor = position
        rows = sum(1 for each, _, _ in self.shown if each == position)
        if not rows or rows < min(len(self._lines(position)), self._height()):
            if upwards:
                self._top = (position, 0)
            else:
                self._begin_at(self._from_bottom(position))

    def toggle_bookmark(self) -> bool:
        """Marks the record under the cursor, or takes the mark away; whether there is one."""
        if self.cursor is None:
            return False
        self.bookmarks ^= {self.cursor}
        return True

    # --- finding ---------------------------------------------------------------------------------------------------

    def oldest(self) -> int | None:
        """The first record kept that is let through."""
        return next(iter(self.ring.after(0, 1, self.where)), None)

    def beside(self, by: int, where: Where | None = None) -> int | None:
        """The next record (`by` 1) or the one before (-1) that the filter, or `where`, lets through."""
        if self.cursor is None:
            return None
        look = self.ring.after if by > 0 else self.ring.before
        return next(iter(look(self.cursor, 1, self.where if where is None else where)), None)

    def error(self, by: int) -> int | None:
        """The next or previous record at error or worse that the filter lets through."""
        level = max(Level.ERROR, self.where.level)
        return self.beside(by, Where(level, self.where.pattern, self.where.inverse))

    def match(self, by: int) -> int | None:
        """The next or previous record that matches the filter typed last."""
        return self.beside(by, Where.typed(self._hunted, self.where.level))

    @property
    def hunts(self) -> bool:
        """Whether a filter has been typed, and there is a record to look from."""
        return self.cursor is not None and bool(self._hunted)

    def page(self, by: int) -> int | None:
        """The record a page further; downwards None where the end is nearer than a page."""
        if self.cursor is None:
            return None
        count = max(1, self._height() - 1)
        if by > 0:
            found = self.ring.after(self.cursor, count, self.where)
            return found[-1] if len(found) == count else None
        first = self.shown[0][0] if self.shown else self.cursor
        return next(iter(self.ring.before(first, count, self.where)), first)
