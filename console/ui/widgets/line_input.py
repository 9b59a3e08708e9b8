"""The one line at the bottom where text is typed: filters, reasons, answers and `:` commands.

Owns the input, its completion and who gets the text. Must not interpret it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from console.ui.commands import bindings
from console.ui.widgets.status_bar import Piece, StatusBar

Took = Callable[[str], None]
Completer = Callable[[str], Sequence[str]]


class LineInput(Horizontal):
    """Opens for one text at a time; Enter hands it over, Esc gives up, and the focus goes back where it was."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("input")]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._then: Took | None = None
        self._each: Took | None = None
        self._cancelled: Callable[[], None] | None = None
        self._complete: Completer | None = None
        self._offers: tuple[str, ...] = ()
        self._offer = -1
        self._back: Widget | None = None

    def compose(self) -> ComposeResult:
        """A title and the field."""
        yield StatusBar(id="line-title")
        field = Input(select_on_focus=False)
        field.cursor_blink = False
        yield field

    @property
    def open(self) -> bool:
        """Whether somebody is being asked."""
        return self.has_class("-open")

    @property
    def value(self) -> str:
        """What has been typed so far."""
        return self.query_one(Input).value

    def ask(
        self,
        title: str,
        initial: str,
        then: Took,
        *,
        each: Took | None = None,
        cancelled: Callable[[], None] | None = None,
        complete: Completer | None = None,
    ) -> None:
        """Asks for a line. `each` gets the text after every keystroke, `complete` gives the completions for Tab."""
        self._then, self._each, self._cancelled, self._complete = then, each, cancelled, complete
        self._offers, self._offer = (), -1
        if not self.open:
            self._back = self.screen.focused
        self.add_class("-open")
        bar = self.query_one(StatusBar)
        bar.show([Piece(f" {title}", "accent"), Piece(" " if len(title) > 1 else "")])
        bar.styles.width = len(title) + 2
        field = self.query_one(Input)
        with self.prevent(Input.Changed):
            field.value = initial
        field.cursor_position = len(initial)
        # The focus moves at once, because the first letters may be typed already.
        self.screen.set_focus(field, scroll_visible=False)

    def close(self) -> None:
        """Closes without an answer."""
        self.remove_class("-open")
        back, self._back = self._back, None
        if back is not None and back.is_attached:
            self.screen.set_focus(back, scroll_visible=False)

    def action_give_up(self) -> None:
        cancelled = self._cancelled
        self.close()
        if cancelled:
            cancelled()

    def action_complete(self, by: int) -> None:
        """Fills in the next completion."""
        field = self.query_one(Input)
        if not self._complete:
            return
        if not self._offers:
            self._offers, self._offer = tuple(self._complete(field.value)), -1
        if self._offers:
            self._offer = (self._offer + by) % len(self._offers)
            with self.prevent(Input.Changed):
                field.value = self._offers[self._offer]
            field.cursor_position = len(field.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._offers = ()
        if self._each:
            self._each(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        then = self._then
        self.close()
        if then:
            then(event.value)

    @on(events.DescendantBlur)
    def _left(self) -> None:
        # A click elsewhere must not leave a half-typed line that takes the next keys.
        if self.open and not self.query_one(Input).has_focus:
            self._back = None
            self.action_give_up()
