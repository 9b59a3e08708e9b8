"""What each command of the main screen does.

Owns the one mapping from a command's id to what it does. Must not hold state: everything is asked of the screen.
"""

from __future__ import annotations

from collections.abc import Callable

from console.ui.command_line import run_line, ways_on
from console.ui.commands import production_of
from console.ui.console_view import ConsoleView
from console.ui.layout import DRAWER
from console.ui.messages import ActionChosen


def press(view: ConsoleView, id: str) -> None:
    """Does the command `id` of the main screen."""
    if id.startswith("pane.") and id[5:].isdigit():
        view.focus_pane(int(id[5:]))
    elif production := production_of(id):
        _act(view, production)
    else:
        _DEEDS[id](view)


def _act(view: ConsoleView, action: str) -> None:
    # Always the banner's environment: acting never looks at a cursor.
    if view.acting:
        view.acting.wanted(ActionChosen(action))
    else:
        view.notice("The console is still starting.", "warning")


def _open_window(view: ConsoleView) -> None:
    if view.acting:
        view.acting.open_window()


def _close_window(view: ConsoleView) -> None:
    if view.acting:
        view.acting.close_window()


def _command_line(view: ConsoleView) -> None:
    view.line.ask(":", "", lambda text: run_line(view, text), complete=lambda text: ways_on(view, text))


def _palette(view: ConsoleView) -> None:
    from console.ui.palette import open_palette

    open_palette(view)


def _help(view: ConsoleView) -> None:
    from console.ui.screens.help import HelpScreen

    # The keys that are live where the focus is are looked for first.
    here = (view.pane.NAME, *view.pane.CHAIN)
    view.app.push_screen(HelpScreen(view.acting.names if view.acting else (), here))


def _refresh(view: ConsoleView) -> None:
    if view.services:
        view.services.polling.refresh()
        view.notice("reading everything now")


def _copy(view: ConsoleView, text: str) -> None:
    if text:
        view.app.copy_to_clipboard(text)
    else:
        view.notice("nothing here to copy", "warning")


def _drawer(view: ConsoleView) -> None:
    # An open drawer that has no focus gets the focus instead of being closed: the operator wants its keys.
    view.show_drawer(not view.arrangement.drawer_open or view.arrangement.focused != DRAWER)


def _back(view: ConsoleView) -> None:
    """Leaves the first of these that there is: filter or marks, the zoom, the drawer."""
    if view.pane.go_back():
        return
    if view.arrangement.zoomed:
        view.zoom()
    elif view.arrangement.focused == DRAWER and view.arrangement.drawer_open:
        view.show_drawer(False)


_DEEDS: dict[str, Callable[[ConsoleView], object]] = {
    "drawer.show": _drawer,
    "pane.next": lambda view: view.focus_pane(view.arrangement.beside(1)),
    "pane.previous": lambda view: view.focus_pane(view.arrangement.beside(-1)),
    "pane.zoom": lambda view: view.zoom(),
    "screen.back": _back,
    "window.open": _open_window,
    "window.close": _close_window,
    "command.line": _command_line,
    "palette.open": _palette,
    "help.show": _help,
    "screen.refresh": _refresh,
    "clock.toggle": lambda view: view.toggle_clock(),
    "copy.row": lambda view: _copy(view, view.pane.copy_text()),
    "copy.file": lambda view: view.clipboard.to_file(),
    "copy.command": lambda view: _copy(view, view.pane.copy_command()),
    "app.detach": lambda view: view.app.exit(return_code=0),
}
