"""The application: paints the frame at once, gets its services afterwards, and ends cleanly whatever happens.

Owns start, end and the root safety. Must not hold a rule of operations, nor import the composition root.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
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
from console.ui.colour_depth import Depth, FewerColours
from console.ui.commands import bindings
from console.ui.screens.main import MainScreen
from console.ui.screens.small import TooSmall, fit
from console.ui.terminal import ConsoleDriver, TerminalWatch
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

    def __init__(
        self,
        factory: ServicesFactory,
        *,
        theme: str = "dark",
        ascii_only: bool = False,
        depth: Depth = Depth.TRUE,
        command: Callable[[str], str] = "opsconsole {}".format,
    ) -> None:
        # Textual caches filtered lines per filter instance, so the instances are made once.
        self._own_filters: list[LineFilter] = [*([safety.AsciiFilter()] if ascii_only else ()), safety.HarmlessFilter()]
        self._themes = load_themes(resources.themes())
        super().__init__(driver_class=ConsoleDriver)
        fewer = FewerColours(depth, self._themes, lambda: self.theme)
        self._filters = self._filters if depth is Depth.TRUE else [fewer]
        self.no_color = depth is Depth.NONE
        self._factory = factory
        self.services: Services | None = None
        self.built: Services | None = None
        """The services as soon as they exist: they have to be closed also where the screen ends before it shows any."""
        self.failure: OpsconsoleError | None = None
        self.crash: BaseException | None = None
        self.terminal_watch: TerminalWatch | None = None
        self._interrupted_at = float("-inf")
        self._framed = False
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
        for each in self._themes:
            self.register_theme(each.textual())
        # Setting the theme the usual way would make Textual read every stylesheet again before the first frame.
        self.set_reactive(App.theme, theme if theme in self.available_themes else "dark")
        self.stylesheet.set_variables(self.get_css_variables())
        self.bridge = Bridge(self._later, self._deliver)
        names = tuple(each.name for each in self._themes)
        self.main = MainScreen(self.bridge, self._write, painted=self._start_services, themes=names, command=command)
        self._ahead = Ahead(lambda: self.main.expecting)

    # --- start -----------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> MainScreen:
        return self.main

    def on_mount(self) -> None:
        """Catches signals and saves the terminal's title; services are started by the main screen's first frame."""
        if watch := self.terminal_watch:
            watch.catch_signals()
            self._write(safety.SAVE_TITLE)

    def _start_services(self) -> None:
        self._framed = True
        self._fit()
        threading.Thread(target=self._build, name="services", daemon=True).start()

    def _build(self) -> None:
        try:
            services = self.built = self._factory(self.bridge.publish)
        except OpsconsoleError as error:
            self._hand_over(partial(self._give_up, error))
        except BaseException as error:  # noqa: BLE001 -- handed to the fatal-error hook, in the screen's thread
            self._hand_over(partial(self._crash, error))
        else:
            self._hand_over(partial(self._come_alive, services))

    def _hand_over(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # The screen has ended already.
            self._later(work)

    def _come_alive(self, services: Services) -> None:
        self.services = services
        self.main.attach(services)
        for problem in (problem for theme in self._themes for problem in theme.problems):
            self.main.notice(f"theme {problem}", "warning")
        # Objects made at start-up stay for good; frozen, they are not walked by the garbage collector again and again.
        gc.collect()
        gc.freeze()

    def _give_up(self, error: OpsconsoleError) -> None:
        self.failure = error
        self.exit(return_code=error.exit_code)

    # --- threads ---------------------------------------------------------------------------------------------------

    def _later(self, work: Callable[[], None]) -> None:
        if (loop := self._loop) is None:
            raise RuntimeError("the screen is not running")
        loop.call_soon_threadsafe(self.call_next, self._do, work)

    def _do(self, work: Callable[[], None]) -> None:
        # An answer that comes while the screen is taken apart finds widgets missing.
        if self.is_running:
            work()

    def _deliver(self, message: Message) -> None:
        self.main.post_message(message)

    # --- safety ----------------------------------------------------------------------------------------------------

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's own, then the one that lets no control byte through."""
        return [*super().get_line_filters(), *self._own_filters]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def copy_to_clipboard(self, text: str) -> None:
        """Offers harmless text to tmux or the terminal."""
        self._clipboard = text
        self.main.clipboard.copy(text)

    def _fatal_error(self) -> None:
        """An unexpected error: no trace with local variables on the screen, but a report and its id."""
        error = sys.exc_info()[1]
        if error is not None:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        self.crash = error
        self.exit(return_code=1)

    def leave(self, code: int) -> None:
        """Ends the screen with an exit code; from any thread."""
        self._hand_over(partial(self.exit, return_code=code))

    def watch_title(self, title: str) -> None:
        """The terminal's title follows the banner's environment."""
        self._write(safety.title_sequence(title))

    def _write(self, sequence: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    # --- keys ------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Does what a key is bound to before the next key is looked at, unless text is being typed. Left to Textual, a
        key travels to the focused widget and back while the next one is on its way already: of `:q` or `4x`, typed
        while the screen is busy, the second would reach the pane that the first has just left."""
        if isinstance(event, events.Resize) and not self.is_headless:
            event = safety.newest_size()
            if event.size == self.screen.outer_size and self._framed:
                # The size is the same again, but the terminal has cut off what did not fit in between.
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
        """Does what a key is bound to. False when it is bound to nothing."""
        self.app_focus = True
        self._ahead.begins((self.focused or self.main) if self.screen is self.main else None)
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    def action_interrupt(self) -> None:
        """ctrl+c: closes a dialog or the input line; on the main screen, twice in two seconds, it detaches."""
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
