"""Tables as pure values: columns, cells, rows, and how they are placed, sorted, filtered and compared.

Owns the arithmetic of tables. Must not draw, nor know a toolkit; widths are measured by the function it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

Measure = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One harmless text and its state: empty, dim, bold, accent, ok, warning or error. `sort` orders numbers; cells
    that look the same are equal, whatever they sort by."""

    text: str
    state: str = ""
    sort: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One row under a key that stays the same as long as it means the same thing. A heading takes no cursor."""

    key: str
    cells: tuple[Cell, ...]
    heading: bool = False

    @property
    def text(self) -> str:
        """All its texts, for filters."""
        return " ".join(cell.text for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is the least it needs, `most` the most it takes by its contents (0 = no bound); `grow` takes
    what is left over; columns with a higher `priority` go first when there is no room."""

    name: str
    title: str
    right: bool = False
    width: int = 0
    most: int = 0
    grow: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that is shown: its index, where it starts and how wide it is."""

    index: int
    x: int
    width: int


def widths(columns: Sequence[Column], rows: Sequence[Row], measure: Measure = len) -> tuple[int, ...]:
    """What each column would like: its title and contents, within its bounds."""
    wanted = []
    for index, column in enumerate(columns):
        texts = [row.cells[index].text for row in rows if not row.heading and index < len(row.cells)]
        widest = max([column.width, measure(column.title), *map(measure, texts)])
        wanted.append(min(widest, column.most) if column.most else widest)
    return tuple(wanted)


def place(columns: Sequence[Column], wanted: Sequence[int], width: int, gap: int = 1) -> tuple[Placed, ...]:
    """The columns that fit into `width`. Those of the highest priority go first; growing ones take the rest. A column
    without title and contents takes no room at all, not even its gap."""
    shown = [index for index, column in enumerate(columns) if wanted[index] or column.grow]

    def least(index: int, text: int = 8) -> int:
        column = columns[index]
        return max(column.width, min(wanted[index], text)) if column.grow else wanted[index]

    while len(shown) > 1:
        drop = max(shown, key=lambda index: (columns[index].priority, index))
        priority = columns[drop].priority
        # A readable name is worth more than the columns one could do without.
        text = 20 if priority > 1 else 8
        if not priority or sum(least(index, text) for index in shown) + gap * (len(shown) - 1) <= width:
            break
        shown.remove(drop)
    given = {index: least(index) for index in shown}
    while sum(given.values()) + gap * (len(shown) - 1) > width:
        # The column that has most above its least gives way; texts do, numbers have no bound and keep theirs.
        widest = max(shown, key=lambda index: given[index] - max(columns[index].width, 4) if columns[index].most else 0)
        if not columns[widest].most or given[widest] <= max(columns[widest].width, 4):
            break
        given[widest] -= 1
    spare = width - sum(given.values()) - gap * (len(shown) - 1)
    growing = [index for index in shown if columns[index].grow]
    placed, x = [], 0
    for index in shown:
        share = given[index]
        if index in growing and spare > 0:
            share += spare // len(growing) + (spare % len(growing) if index == growing[-1] else 0)
        placed.append(Placed(index, x, max(1, share)))
        x += share + gap
    return tuple(placed)


def matches(row: Row, pattern: str) -> bool:
    """Whether a row passes a filter: a text it holds, whatever the case; `!text` = one it does not hold."""
    if pattern.startswith("!"):
        return not pattern[1:] or pattern[1:].casefold() not in row.text.casefold()
    return pattern.casefold() in row.text.casefold()


def arrange(
    rows: Sequence[Row], *, pattern: str = "", column: int | None = None, reverse: bool = False
) -> tuple[Row, ...]:
    """Filtered and sorted rows. Headings stay, with the rows below them; a heading without rows goes when filtered."""
    sections: list[tuple[Row | None, list[Row]]] = [(None, [])]
    for row in rows:
        if row.heading:
            sections.append((row, []))
        elif not pattern or matches(row, pattern):
            sections[-1][1].append(row)
    arranged: list[Row] = []
    for heading, members in sections:
        if column is not None:
            members.sort(key=lambda row: _order(row, column), reverse=reverse)
        if heading is not None and (members or not pattern):
            arranged.append(heading)
        arranged += members
    return tuple(arranged)


def _order(row: Row, column: int) -> tuple[int, float, str]:
    cell = row.cells[column] if column < len(row.cells) else Cell("")
    return (0, cell.sort, "") if cell.sort is not None else (1, 0.0, cell.text.casefold())


def spanned(placed: tuple[Placed, ...], row: Row) -> tuple[Placed, ...]:
    """Where a row's cells stand: the last one of a row with fewer cells than columns takes the rest of the line."""
    own = [each for each in placed if each.index < len(row.cells)]
    if not own or len(own) == len(placed):
        return placed
    end = max(each.x + each.width for each in placed)
    return (*own[:-1], replace(own[-1], width=end - own[-1].x))


def changed_cells(before: Row, after: Row) -> tuple[int, ...]:
    """Indexes of the cells that differ."""
    most = max(len(before.cells), len(after.cells))
    return tuple(
        index
        for index in range(most)
        if index >= len(before.cells) or index >= len(after.cells) or before.cells[index] != after.cells[index]
    )


def keep_cursor(before: Sequence[Row], at: int, after: Sequence[Row]) -> int:
    """Where the cursor belongs after a change: on its key; when that is gone, on the next row that is still there,
    else the one before; never on a heading. -1 when there is no row to stand on."""
    index = {row.key: place for place, row in enumerate(after) if not row.heading}
    if not index:
        return -1
    if 0 <= at < len(before):
        for row in (*before[at:], *reversed(before[:at])):
            if row.key in index:
                return index[row.key]
    return min(index.values())


def next_record(rows: Sequence[Row], at: int, by: int) -> int:
    """The first row from `at` on, in steps of `by`, that takes the cursor; an index outside when there is none."""
    while 0 <= at < len(rows) and rows[at].heading:
        at += by
    return at


def keys(rows: Collection[Row]) -> frozenset[str]:
    """The keys of the rows that can be marked."""
    return frozenset(row.key for row in rows if not row.heading)
