"""Every key, from the command table.

Owns the layout of help. Must not declare a key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from console.present.text import Line
from console.ui.command_index import commands_of, places
from console.ui.commands import bindings
from console.ui.widgets.text_view import TextView


def help_lines(width: int, actions: Collection[str], first: Sequence[str] = ()) -> tuple[Line, ...]:
    """The table as lines; in two columns from 100 characters. Keys of actions other than `actions` are left out; the
    places `first` stand before the others."""
    blocks: list[list[Line]] = []
    found = places()
    for where in (*first, *(each for each in found if each not in first)):
        heading = found[where]
        rows = [row for row in commands_of(where) if not row.production or row.production in actions]
        if not rows:
            continue
        block: list[Line] = [((heading, "accent-bold"),)]
        for row in rows:
            block.append(((f"{row.label:>10}  ", "bold"), (row.help, "")))
        blocks.append([*block, ()])
    if width < 100:
        return tuple(line for block in blocks for line in block)
    half = sum(map(len, blocks)) // 2
    left: list[Line] = []
    while blocks and len(left) + len(blocks[0]) // 2 <= half:
        left += blocks.pop(0)
    right = [line for block in blocks for line in block]
    column = width // 2 - 2
    rows_of = max(len(left), len(right))
    left += [()] * (rows_of - len(left))
    right += [()] * (rows_of - len(right))
    return tuple((*_fit(one, column), *_fit(other, column)) for one, other in zip(left, right, strict=True))


def _fit(line: Line, width: int) -> Line:
    fitted: list[tuple[str, str]] = []
    left = width
    for text, state in line:
        fitted.append((text if len(text) <= left else text[: max(0, left - 1)] + "…" * (left > 0), state))
        left = max(0, left - len(text))
    return (*fitted, (" " * left, ""))


class HelpScreen(ModalScreen[None]):
    """`?` shows it, Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("help")]

    def __init__(self, actions: Collection[str], first: Sequence[str] = ()) -> None:
        super().__init__()
        self._actions = frozenset(actions)
        self._first = tuple(first)

    def compose(self) -> ComposeResult:
        """One bordered text."""
        with Vertical(classes="dialog -full -broad") as box:
            box.border_title = Content("Keys")
            box.border_subtitle = Content("j k scroll  Esc back")
            yield TextView()

    def on_resize(self) -> None:
        """Lays the columns out for this width."""
        view = self.query_one(TextView)
        self.call_after_refresh(lambda: view.show(help_lines(view.size.width - 2, self._actions, self._first)))

    def action_close(self) -> None:
        self.dismiss(None)
