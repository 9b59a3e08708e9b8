"""The application: paints the frame at once, gets its services behind it, and ends cleanly whatever happens.

Owns start, end and the root safety. Must not hold a rule of operations, and never imports the composition root: it is
given a factory.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from signal import Signals
from typing import ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.message import Message
from textual.widgets import Input

from console import resources
from console.errors import OpsconsoleError
from console.services.container import Services, ServicesFactory
from console.ui import safety
from console.ui.ahead import Ahead
from console.ui.bridge import Bridge
from console.ui.commands import bindings
from console.ui.leaving import failed, tell_run
from console.ui.screens.main import MainScreen
from console.ui.screens.small import TooSmall, fit
from console.ui.themes import DARK, load_themes, variables

TWICE = 2.0
"""Seconds within which a second ctrl+c detaches."""


class ConsoleApp(App[None], inherit_bindings=False):
    """The screen. `failure` is what the factory raised, `crash` an unexpected error of our own."""

    CSS_PATH = "console.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    TITLE = "opsconsole"

    def __init__(self, factory: ServicesFactory, *, theme: str = "dark", ascii_only: bool = False) -> None:
        # The same ones always: what they said of a line is remembered by who said it.
        self._own_filters: tuple[LineFilter, ...] = (
            *((safety.AsciiFilter(),) if ascii_only else ()),
            safety.HarmlessFilter(),
        )
        super().__init__()
        self._factory = factory
        self.services: Services | None = None
        self.failure: OpsconsoleError | None = None
        self.crash: BaseException | None = None
        self._interrupted_at = float("-inf")
        self._framed = False
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
        self._themes = load_themes(resources.themes())
        for each in self._themes:
            self.register_theme(each.textual())
        # Setting it the usual way reads every stylesheet again once the screen runs, which is before the first frame.
        self.set_reactive(App.theme, theme if theme in self.available_themes else "dark")
        self.stylesheet.set_variables(self.get_css_variables())
        self.bridge = Bridge(self._later, self._deliver)
        names = tuple(each.name for each in self._themes)
        self.main = MainScreen(self.bridge, copy=self.copy_to_clipboard, painted=self._start_services, themes=names)
        self._ahead = Ahead(lambda: self.main.expecting)

    # --- start -----------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> MainScreen:
        """The main screen is the bottom of the stack."""
        return self.main

    def on_mount(self) -> None:
        """Signals first; the main screen says when its frame has been painted."""
        if not self.is_headless:
            self._install_signals()
            self._write(safety.SAVE_TITLE)

    def _start_services(self) -> None:
        self._framed = True
        self._fit()
        threading.Thread(target=self._build, name="services", daemon=True).start()

    def _build(self) -> None:
        try:
            services = self._factory(self.bridge.publish)
        except OpsconsoleError as error:
            self._later(partial(self._give_up, error))
        except BaseException as error:  # noqa: BLE001 -- handed to the fatal-error hook, in the screen's thread
            self._later(partial(self._crash, error))
        else:
            self._later(partial(self._come_alive, services))

    def _come_alive(self, services: Services) -> None:
        self.services = services
        self.main.attach(services)
        for problem in (problem for theme in self._themes for problem in theme.problems):
            self.main.notice(f"theme {problem}", "warning")
        # What start-up has made stays; the collector need not walk it again and again.
        gc.collect()
        gc.freeze()

    def _give_up(self, error: OpsconsoleError) -> None:
        self.failure = error
        self.exit(return_code=error.exit_code)

    # --- threads ---------------------------------------------------------------------------------------------------

    def _later(self, work: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            raise RuntimeError("the screen is not running")
        loop.call_soon_threadsafe(self.call_next, work)

    def _deliver(self, message: Message) -> None:
        self.main.post_message(message)

    # --- safety ----------------------------------------------------------------------------------------------------

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's own, then the one that lets no control byte through."""
        return [*super().get_line_filters(), *self._own_filters]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tokens, for any theme that lacks them."""
        return variables(DARK)

    def copy_to_clipboard(self, text: str) -> None:
        """Offers harmless text to the terminal's clipboard; the only way out for OSC 52."""
        self._clipboard = text
        if self._driver is not None:
            if safety.write_clipboard(self._driver.write, text):
                self.main.notice(f"copied {len(text):,} characters")
            else:
                self.main.notice("too long for the clipboard; use the command line instead", "warning")

    def _fatal_error(self) -> None:
        """An unexpected error: no trace with local variables on the screen, but a report and its id."""
        error = sys.exc_info()[1]
        if error is not None:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        self.crash = error
        self.exit(return_code=1)

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number, code in safety.EXIT_OF_SIGNAL.items():
            loop.add_signal_handler(number, self._signalled, number, code)

    def _signalled(self, number: Signals, code: int) -> None:  # noqa: ARG002
        # A terminal that has gone blocks the output queue; runs do not need this process, so it may die hard.
        timer = threading.Timer(2.0, os._exit, (code,))
        timer.daemon = True
        timer.start()
        self.exit(return_code=code)

    def watch_title(self, title: str) -> None:
        """The terminal's title follows the banner's environment."""
        self._write(safety.title_sequence(title))

    def _write(self, sequence: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    # --- keys ------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Does what a key is bound to before the next key is looked at, unless text is being typed.

        Keys would otherwise travel to the focused widget and back while the next one is on its way already: of `:q`
        or `4x`, typed while the screen is busy, the second would reach the pane that the first has just left.
        """
        if isinstance(event, events.Resize) and not self.is_headless:
            event = safety.newest_size()
            if event.size == self.screen.outer_size and self._framed:
                # Made smaller and large again before anything was laid out: nothing to lay out, but the terminal has
                # cut off what no longer fitted.
                self.screen.refresh()
        if isinstance(event, events.Key) and not event.is_forwarded:
            held = await self._ahead.holds(event.time)
            if held and self.screen is self.main and event.key != "ctrl+c":
                return
            if not isinstance(self.focused, Input) and await self._bound(event.key):
                return
        await super().on_event(event)
        if isinstance(event, events.Resize):
            self._fit()

    def _fit(self) -> None:
        if self._framed:
            fit(self)

    async def _bound(self, key: str) -> bool:
        """Does what a key is bound to; whether it is."""
        self.app_focus = True
        self._ahead.begins((self.focused or self.main) if self.screen is self.main else None)
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    def action_interrupt(self) -> None:
        """ctrl+c: closes what lies over the main screen; twice in two seconds it detaches."""
        if self.screen is not self.main and not isinstance(self.screen, TooSmall):
            self.pop_screen()
            return
        if self.main.line.open:
            self.main.line.action_give_up()
            return
        now = time.monotonic()
        if now - self._interrupted_at < TWICE:
            self.exit(return_code=0)
        else:
            self._interrupted_at = now
            self.main.notice("ctrl+c again detaches; runs go on", "warning")


def run_screen(
    factory: ServicesFactory, *, theme: str = "dark", command: Callable[[str], str] = "opsconsole {}".format
) -> int:
    """Runs the screen until the operator leaves; its exit code. Raises what the factory raised on purpose.

    `command` makes words of ours a line that can be pasted afterwards.
    """
    app = ConsoleApp(factory, theme=theme, ascii_only=safety.wants_ascii(os.environ))
    try:
        app.run()
    finally:
        terminal = sys.__stdout__
        if terminal is not None and terminal.isatty():
            terminal.write(safety.RESTORE_TITLE)
            terminal.flush()
    if app.services is not None:
        tell_run(app.services, app.main.environment, command)
        app.services.close()
    if app.failure is not None:
        raise app.failure
    if app.crash is not None:
        raise failed(app.crash)
    return app.return_code or 0
