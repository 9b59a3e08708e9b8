"""What each command of the main screen does.

Owns the one mapping from command id to deed. Must not hold state: everything is asked of the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.ui.command_line import run_line, ways_on
from console.ui.commands import command
from console.ui.messages import ActionChosen

if TYPE_CHECKING:
    from console.ui.screens.main import MainScreen


def press(screen: MainScreen, id: str) -> None:
    """Does the command `id` of the main screen."""
    if id.startswith("pane.") and id[5:].isdigit():
        screen.focus_pane(int(id[5:]))
    elif production := command(id).production:
        _act(screen, production)
    else:
        _DEEDS[id](screen)


def _act(screen: MainScreen, action: str) -> None:
    # Always the banner's environment: acting never looks at a cursor.
    if screen.acting:
        screen.acting.wanted(ActionChosen(action))
    else:
        screen.notice("The console is still starting.", "warning")


def _open_window(screen: MainScreen) -> None:
    if screen.acting:
        screen.acting.open_window()


def _close_window(screen: MainScreen) -> None:
    if screen.acting:
        screen.acting.close_window()


def _command_line(screen: MainScreen) -> None:
    screen.line.ask(":", "", lambda text: run_line(screen, text), complete=lambda text: ways_on(screen, text))


def _palette(screen: MainScreen) -> None:
    from console.ui.palette import open_palette

    open_palette(screen)


def _help(screen: MainScreen) -> None:
    from console.ui.screens.help import HelpScreen

    screen.app.push_screen(HelpScreen(screen.acting.names if screen.acting else ()))


def _refresh(screen: MainScreen) -> None:
    if screen.services:
        screen.services.polling.refresh()
        screen.notice("reading everything now")


def _copy(screen: MainScreen, text: str) -> None:
    if text:
        screen.copy(text)
    else:
        screen.notice("nothing here to copy", "warning")


def _drawer(screen: MainScreen) -> None:
    # An open one without the focus gets it first: its keys are what somebody reaches for.
    screen.show_drawer(not screen.drawer_open or screen.focused_pane != 0)


_DEEDS: dict[str, Callable[[MainScreen], object]] = {
    "drawer.show": _drawer,
    "pane.next": lambda screen: screen.focus_next_pane(1),
    "pane.previous": lambda screen: screen.focus_next_pane(-1),
    "pane.zoom": lambda screen: screen.zoom(),
    "screen.back": lambda screen: screen.back(),
    "window.open": _open_window,
    "window.close": _close_window,
    "command.line": _command_line,
    "palette.open": _palette,
    "help.show": _help,
    "screen.refresh": _refresh,
    "clock.toggle": lambda screen: screen.toggle_clock(),
    "copy.row": lambda screen: _copy(screen, screen.pane.copy_text()),
    "copy.command": lambda screen: _copy(screen, screen.pane.copy_command()),
    "app.detach": lambda screen: screen.app.exit(return_code=0),
}
