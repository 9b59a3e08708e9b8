"""Drawing a table's lines: where its columns stand, the header, a row, the thumb of its scroll bar.

Owns the places of the columns. Must not know which rows are shown, nor when anything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from console.present import table
from console.present.table import Column, Placed, Row
from console.ui.widgets.draw import Drawn, fit, gutter


class TablePainter:
    """The columns of one table, in the colours of its widget."""

    def __init__(self, widget: Drawn, columns: Sequence[Column]) -> None:
        self._widget = widget
        self.columns = tuple(columns)
        self.placed: tuple[Placed, ...] = ()
        self._widths: tuple[int, ...] = ()

    @property
    def inner(self) -> int:
        """Columns for text: one for the mark at the left, one for the scroll thumb at the right."""
        return max(1, self._widget.size.width - 2)

    @property
    def titled(self) -> list[int]:
        """The indexes of the columns that are shown under a title."""
        return [each.index for each in self.placed if self.columns[each.index].title]

    def use(self, columns: Sequence[Column]) -> None:
        """Draws other columns from now on."""
        self.columns, self.placed = tuple(columns), ()

    def forget_widths(self) -> None:
        """Measures anew at the next `lay_out`: columns may shrink again."""
        self.placed, self._widths = (), ()

    def lay_out(self, rows: Sequence[Row]) -> bool:
        """Measures and places the columns; whether that differs from what is on the screen."""
        wanted = table.widths(self.columns, rows, cell_len)
        if self.placed and len(wanted) == len(self._widths):
            # Columns never shrink while shown: a number that loses a digit must not move the whole table.
            wanted = tuple(map(max, wanted, self._widths))
        before, self.placed = self.placed, table.place(self.columns, wanted, self.inner)
        self._widths = wanted
        return self.placed != before

    def regions(self, row: Row, cells: Sequence[int], y: int) -> list[Region]:
        """Where these cells of a row on the line `y` stand."""
        return [Region(each.x + 1, y, each.width, 1) for each in table.spanned(self.placed, row) if each.index in cells]

    def header(self, order: tuple[int, bool] | None) -> Strip:
        """The titles, with an arrow at the column that orders the rows."""
        pieces = [(" ", "")]
        for n, each in enumerate(self.placed):
            column = self.columns[each.index]
            title = column.title
            if order and order[0] == each.index:
                title += "↑" if order[1] else "↓"
            if n:
                pieces.append((" ", ""))
            pieces.append((fit(title, each.width, column.right), "dim"))
        return self._widget.line(pieces, self._widget.size.width)

    def row(self, row: Row, *, selected: bool, marked: bool, stale: bool) -> Strip:
        """One row, without the last column of the line, which is the thumb's."""
        width, paint = self._widget.size.width, self._widget.painter()
        under = ("selection",) if selected else ()
        segments = [Segment(gutter(here=selected, marked=marked), paint(*under, "accent"))]
        for n, each in enumerate(table.spanned(self.placed, row)):
            if n:
                segments.append(Segment(" ", paint(*under)))
            if each.index < len(row.cells):
                cell = row.cells[each.index]
                state = "dim" if stale else cell.state
                text = fit(cell.text, each.width, self.columns[each.index].right)
                segments.append(Segment(text, paint(*under, "accent" if marked and not state else state)))
            else:
                segments.append(Segment(" " * each.width, paint(*under)))
        return Strip(segments).crop_extend(0, width - 1, paint(*under))

    def heading(self, row: Row) -> Strip:
        """A line between sections, as wide as the widget."""
        cells = ((cell.text, cell.state or "dim") for cell in row.cells)
        return self._widget.line([(" ", ""), *cells], self._widget.size.width)

    def thumb(self, y: int, *, top: int, lines: int, total: int) -> Strip:
        """The last column of the line `y` of so many."""
        if total <= lines:
            return Strip([Segment(" ", self._widget.rich_style)])
        size = max(1, lines * lines // total)
        start = round(top / (total - lines) * (lines - size))
        return Strip([Segment("▐" if start <= y < start + size else " ", self._widget.paint("line"))])
