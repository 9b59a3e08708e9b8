"""The palette of ctrl+p: every command of the table, each environment, action, checklist and theme.

Owns the search over them. Must not declare commands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widgets import Input

from console.domain.untrusted import harmless
from console.ui.command_index import all_commands, places
from console.ui.command_line import run_line, ways_on
from console.ui.commands import Command
from console.ui.console_view import ConsoleView

Entry = tuple[str, str, Callable[[], None]]


class QuietPalette(CommandPalette):
    """Textual's palette without a blinking cursor: an open palette that nobody types into writes nothing."""

    def on_mount(self) -> None:
        """Stops the cursor from blinking."""
        self.query_one(Input).cursor_blink = False


def open_palette(view: ConsoleView) -> None:
    """Opens the palette over the main screen."""
    if isinstance(view.app.screen, CommandPalette):
        return

    class MainProvider(Provider):
        """The commands that can be invoked from where the focus is."""

        async def discover(self) -> Hits:
            for title, help, deed in entries(view):
                yield DiscoveryHit(Content(title), deed, text=title, help=help)

        async def search(self, query: str) -> Hits:
            matcher = self.matcher(query)
            for title, help, deed in entries(view):
                if (score := matcher.match(title)) > 0:
                    yield Hit(score, matcher.highlight(title), deed, text=title, help=help)

    view.app.push_screen(QuietPalette(providers=[MainProvider], placeholder="Search commands"))


def entries(view: ConsoleView) -> list[Entry]:
    """Title, help and deed of everything on offer: actions, then the focused pane's own commands, then others."""
    actions = view.acting.names if view.acting else ()
    here = [each for each in all_commands() if each.where == view.pane.NAME]
    main = [
        each
        for each in all_commands()
        if each.where == "main" and (not each.production or each.production in actions) and each.id != "palette.open"
    ]
    acts, rest = [each for each in main if each.production], [each for each in main if not each.production]
    found: list[Entry] = [(_title(each), each.help, partial(invoke, view, each)) for each in (*acts, *here, *rest)]
    words = [line for line in ways_on(view, "") if " " in line]
    return found + [(harmless(f":{line}"), "", partial(run_line, view, line)) for line in words]


def _title(command: Command) -> str:
    place = f"{places()[command.where]}: " if command.where != "main" else ""
    return f"{place}{command.title}  ({command.label})"


def invoke(view: ConsoleView, command: Command) -> None:
    """Does a command where it belongs: on the main screen or in the focused pane."""
    if command.where == "main":
        view.action_invoke(command.id)
    else:
        pane = view.pane
        pane.call_later(pane.run_action, command.action)
