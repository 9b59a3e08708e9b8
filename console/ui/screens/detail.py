"""Something to read in full, over the main screen.

Owns the frame around a text. Must not make the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from console.present.text import Line
from console.ui.commands import bindings
from console.ui.widgets.text_view import TextView


class DetailScreen(ModalScreen[None]):
    """A title and lines; Esc closes, `y` copies all of it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("detail")]

    def __init__(self, title: str, lines: Sequence[Line], copy: Callable[[str], None]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._copy = copy

    def compose(self) -> ComposeResult:
        """One bordered text."""
        with Vertical(classes="dialog -full") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("j k scroll  y copy  Esc back")
            yield TextView(self._lines)

    def action_back(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        self._copy(self.query_one(TextView).text)
