"""The base of the panes whose rows stand in one table: what Enter, Esc, `y`, `Y` and each second do there.

Owns what those panes share. Must not know what a row means: a subclass opens it.
"""

from __future__ import annotations

from typing import ClassVar

from console.ui.pane import SECOND, Attached, Pane
from console.ui.widgets.record_table import RecordTable


class TablePane(Pane):
    """A pane with a `RecordTable`. A subclass composes it, fills it in `refresh_from` and opens a row in `open_row`."""

    COMMAND: ClassVar[str] = ""
    """The command that shows the same on the command line."""

    @property
    def table(self) -> RecordTable:
        """The rows."""
        return self.query_one(RecordTable)

    def open_row(self, key: str, attached: Attached) -> None:
        """Enter on a row; a row that stands for a failed reading has been opened already."""

    def marks(self) -> tuple[tuple[str, str], ...]:
        """The pieces of the title that tell marks and filter."""
        marked, pattern = self.table.model.marked, self.table.model.pattern
        return (
            *(((f"{len(marked)} marked", "accent"),) if marked else ()),
            *(((f"/{pattern}", "accent"),) if pattern else ()),
        )

    def tick(self, mono: float) -> None:
        """Draws again, because readings grow old without news."""
        if mono - self.refreshed_at >= SECOND:
            self.redraw()

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        """Enter: the whole error of a failed reading, or what the row stands for."""
        if not self.open_unread(message.key) and self.attached is not None:
            self.open_row(message.key, self.attached)

    def copy_text(self) -> str:
        """The row, its columns two spaces apart."""
        row = self.table.model.current
        return "  ".join(cell.text for cell in row.cells if cell.text) if row else ""

    def copy_command(self) -> str:
        """The same on the command line."""
        return self.attached.command(f"{self.COMMAND} -e {self.attached.environment.name}") if self.attached else ""

    def go_back(self) -> bool:
        """Leaves filter or marks."""
        return self.table.leave()
