"""The main screen: six panes, the run drawer, banner, input line and keys, at any size.

Owns when things are drawn, which widget has the focus, and what becomes of a pane's messages. Must not hold rules about
acting (ui.action_flow does) nor read values for a pane.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from console.services.container import Services
from console.ui.action_flow import ActionFlow
from console.ui.ahead import TypeAheadMarker
from console.ui.banner import starting
from console.ui.bridge import Bridge, KeyPublished
from console.ui.clipboard import Clipboard
from console.ui.command_index import commands_of
from console.ui.commands import bound, production_of
from console.ui.environment_switch import EnvironmentSwitch
from console.ui.layout import DRAWER, Arrangement, sizes
from console.ui.main_keys import press
from console.ui.messages import ActionChosen, DetailOpened, EnvironmentChosen, NoticeGiven, SummaryChanged, TextAsked
from console.ui.pane import Pane
from console.ui.pane_group import PaneGroup
from console.ui.status_lines import draw_banner, draw_footer
from console.ui.widgets.line_input import LineInput
from console.ui.widgets.status_bar import StatusBar
from console.ui.widgets.summaries import Summaries

if TYPE_CHECKING:
    from console.domain.environment import Environment
    from console.domain.snapshot import Key

FRAME = 0.05
"""Seconds between two refreshes of the panes, however often keys are published."""
SLOTS = ("left", "centre", "right", "bottom")


class MainScreen(Screen[None]):
    """The screen with all panes; `attach` gives it the services."""

    BINDINGS: ClassVar[list[BindingType]] = [*bound(commands_of("main"))]
    AUTO_FOCUS = None
    # Textual repaints the whole screen when the focus moves; the two panes that it concerns do so by themselves.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(
        self,
        bridge: Bridge,
        write: Callable[[str], None],
        *,
        painted: Callable[[], None],
        themes: tuple[str, ...],
        command: Callable[[str], str] = "opsconsole {}".format,
    ) -> None:
        super().__init__()
        # The application's breakpoints are for dialogs; here they would only make Textual style every widget twice.
        self.HORIZONTAL_BREAKPOINTS = []
        self.bridge = bridge
        self._painted = painted
        self.clipboard = Clipboard(write, lambda text, state: self.post_message(NoticeGiven(text, state)), os.environ)
        self.themes = themes
        self._command = command
        self.services: Services | None = None
        self.switch: EnvironmentSwitch | None = None
        self.environment: Environment | None = None
        self.acting: ActionFlow | None = None
        self.local_time = False
        self.panes = PaneGroup()
        self.arrangement = Arrangement(tuple(self.panes.numbered))
        self.line = LineInput(id="line")
        self._keys: set[Key] = set()
        self._due = False

    # --- composition -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The whole frame, before any data is known."""
        yield StatusBar(id="banner")
        yield Summaries(id="summaries")
        with Vertical(id="body"):
            with Horizontal(id="top"):
                for slot in SLOTS[:-1]:
                    yield Vertical(*self.panes.in_slot(slot), id=slot)
            yield self.panes.drawer
            yield Vertical(*self.panes.in_slot("bottom"), id="bottom")
        yield self.line
        yield StatusBar(id="keys")

    def on_mount(self) -> None:
        """Draws the banner and the footer, and starts the tick of each second."""
        self.query_one("#banner", StatusBar).show(starting("starting …"), under="raised")
        self.focus_pane(self.arrangement.focused)
        self.actions_changed()
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self._painted)

    # --- life ------------------------------------------------------------------------------------------------------

    def attach(self, services: Services) -> None:
        """Takes the services and shows the first environment."""
        self.services = services
        self.bridge.connect(services.background)
        self.switch = EnvironmentSwitch(services, self.bridge, self.panes, self._command)
        self.acting = ActionFlow(self, services, self.bridge)
        self.select(services.environments[0].name)

    def select(self, name: str) -> None:
        """Makes an environment the banner's: everything shown and every key is about it from now on."""
        if self.switch is None:
            return
        self.environment = self.switch.select(name, local=self.local_time)
        self._greet()
        if self.acting:
            self.acting.entered(self.environment)
        self.app.title = f"{name} · opsconsole"
        self._draw_lines()

    def _greet(self) -> None:
        """Opens the drawer when the environment that was just selected has an unfinished run; the focus stays."""
        if self.switch is not None and self.switch.meets_unfinished_run() and not self.arrangement.drawer_open:
            self.arrangement.drawer_open = True
            self.place_panes()

    @on(KeyPublished)
    def _published(self, message: KeyPublished) -> None:
        self._keys.add(message.key)
        if not self._due:
            self._due = True
            self.set_timer(FRAME, self._flush)

    def _flush(self) -> None:
        self._due = False
        found, self._keys = self._keys, set()
        for key in found:
            self.bridge.take(key)
        if self.services is None or not self.app.is_running:
            return
        self.panes.published(found, self.services)
        self._greet()
        if self.acting:
            self.acting.published(found)
        self._draw_lines()

    def _tick(self) -> None:
        # The timer still fires while the application, about to end, removes the panes.
        if self.services is None or not self.app.is_running:
            return
        self.panes.tick(self.services.clock.monotonic())
        self._draw_lines()

    def _draw_lines(self) -> None:
        if self.services is not None and self.environment is not None:
            bar = self.query_one("#banner", StatusBar)
            draw_banner(bar, self.services, self.environment, local=self.local_time)
        self.actions_changed()

    def actions_changed(self) -> None:
        """Draws the footer again, which shows what `acting` is doing or could do."""
        run = None if self.has_class("-drawer") else self.panes.drawer.view
        draw_footer(self.query_one("#keys", StatusBar), self.services, self.acting, run)

    # --- size, focus, zoom -----------------------------------------------------------------------------------------

    @on(events.Resize)
    def place_panes(self) -> None:
        """Gives every pane the place that it has now, or none."""
        found = sizes(self.app.size.width, self.app.size.height, zoomed=self.arrangement.zoomed)
        self.set_class(found.compact, "-compact")
        self.set_class(found.solo, "-solo")
        self.set_class(found.wide, "-wide")
        self.set_class(found.tall, "-tall")
        self.set_class(self.arrangement.shows(DRAWER, found), "-drawer")
        for number, pane in self.panes.numbered.items():
            pane.display = self.arrangement.shows(number, found)
        for slot in (*SLOTS, "top"):
            column = self.query_one(f"#{slot}")
            column.display = any(child.display for child in column.children)
        self._draw_summaries()

    @on(SummaryChanged)
    def _draw_summaries(self) -> None:
        if self.has_class("-compact"):
            lines = self.panes.summaries(self.arrangement.focused)
            self.query_one(Summaries).show(lines, self.app.size.width - 2)

    @property
    def pane(self) -> Pane:
        """The pane with the focus, the drawer included."""
        return self.panes[self.arrangement.focused]

    def focus_pane(self, number: int) -> None:
        """Gives the focus to a pane; 0 is the drawer."""
        self.arrangement.focus(number)
        self.place_panes()
        # The focus moves at once, because a key typed right after the pane's digit is meant for that pane.
        self.set_focus(self.pane.focus_target(), scroll_visible=False)

    @on(events.DescendantFocus)
    def _focus_moved(self) -> None:
        # After a click on another pane the small screen has to show that pane. Events may come late, so the widget that
        # has the focus now counts.
        widget = self.focused
        pane = next((node for node in widget.ancestors_with_self if isinstance(node, Pane)), None) if widget else None
        if pane is not None and self.arrangement.focused != pane.NUMBER:
            self.arrangement.focused = pane.NUMBER
            self.place_panes()

    def zoom(self) -> None:
        """Shows the focused pane alone, or all panes again."""
        self.arrangement.zoomed = not self.arrangement.zoomed
        self.place_panes()

    def show_drawer(self, wanted: bool) -> None:
        """Opens or closes the run drawer."""
        self.focus_pane(self.arrangement.open_drawer(wanted))
        self.actions_changed()

    # --- what panes ask --------------------------------------------------------------------------------------------

    @on(EnvironmentChosen)
    def _chosen(self, message: EnvironmentChosen) -> None:
        self.select(message.name)

    @on(ActionChosen)
    def _action_chosen(self, message: ActionChosen) -> None:
        if self.acting:
            self.acting.wanted(message)

    @on(NoticeGiven)
    def _noticed(self, message: NoticeGiven) -> None:
        self.notice(message.text, message.state)

    @on(DetailOpened)
    def _detail(self, message: DetailOpened) -> None:
        from console.ui.screens.detail import DetailScreen

        self.app.push_screen(DetailScreen(message.title, message.lines, self.app.copy_to_clipboard))

    @on(TextAsked)
    def _asked(self, message: TextAsked) -> None:
        self.line.ask(message.title, message.initial, message.then, each=message.each, cancelled=message.cancelled)

    @on(TypeAheadMarker)
    def _marker_arrived(self, message: TypeAheadMarker) -> None:
        message.stop()
        message.arrived.set()

    @property
    def expecting(self) -> int:
        """How many things that keys asked for are on their way: a plan, jobs' details."""
        return bool(self.acting and self.acting.busy) + self.panes.expecting

    def notice(self, text: str, state: str = "ok") -> None:
        """Shows a harmless sentence for a few seconds."""
        if state == "error":
            self.notify(text, severity="error", markup=False, timeout=8.0)
        else:
            self.notify(text, severity="warning" if state == "warning" else "information", markup=False, timeout=4.0)

    # --- keys ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An action that this environment does not have has no key."""
        wanted = production_of(str(parameters[0])) if action == "invoke" else ""
        return not (wanted and self.acting and self.acting.lacks(wanted))

    def action_invoke(self, id: str) -> None:
        """Does any command of the main screen, by its id."""
        press(self, id)

    def follow(self, run: int) -> None:
        """Shows a run from now on, in the drawer."""
        if self.services is not None:
            self.services.runs.follow(run)
            self.panes.drawer.follow(run)
            self.show_drawer(True)

    def toggle_clock(self) -> None:
        """Switches all times on the screen between UTC and local time."""
        self.local_time = not self.local_time
        self.panes.show_times(local=self.local_time)
        self._draw_lines()
