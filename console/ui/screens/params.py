"""Asking for the parameters of an action that its declaration wants asked.

Owns the form. Must not convert or resolve values: an empty field means the declared default, and planning converts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from console.domain.actions import Param
from console.domain.documents import Json
from console.domain.untrusted import harmless
from console.ui.commands import bindings
from console.ui.widgets.status_bar import Piece, StatusBar


class ParamsScreen(ModalScreen[Mapping[str, Json] | None]):
    """One field for each parameter; Enter goes to the next field, and from the last one to the plan."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("confirm")]

    def __init__(self, title: str, params: Sequence[Param]) -> None:
        super().__init__()
        self._title = title
        self._params = tuple(params)

    def compose(self) -> ComposeResult:
        """The fields, each with what it is for."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(f"{harmless(self._title)}: parameters")
            box.border_subtitle = Content("Enter next  Esc cancel")
            for n, param in enumerate(self._params):
                bar = StatusBar(id=f"label-{n}")
                bar.show([Piece(f"{harmless(param.name)} "), Piece(_about(param), "dim", 1)])
                yield bar
                field = Input(id=f"field-{n}", placeholder=_default(param))
                field.cursor_blink = False
                yield field

    def on_mount(self) -> None:
        """Starts at the first field."""
        self.query_one("#field-0", Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        at = int((event.input.id or "field-0").removeprefix("field-"))
        if at + 1 < len(self._params):
            self.query_one(f"#field-{at + 1}", Input).focus()
            return
        given: dict[str, Json] = {}
        for n, param in enumerate(self._params):
            value = self.query_one(f"#field-{n}", Input).value.strip()
            if value:
                given[param.name] = value
        self.dismiss(given)

    def action_cancel(self) -> None:
        self.dismiss(None)


def _about(param: Param) -> str:
    choices = " | ".join(map(harmless, param.choices))
    return harmless(param.help) or choices or str(param.type)


def _default(param: Param) -> str:
    if param.default in (None, ""):
        return "needed" if param.required else "may stay empty"
    return f"{harmless(str(param.default))} (default)"
