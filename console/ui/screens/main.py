"""The main screen: six panes, the run drawer, banner, input line and keys, at any size.

Owns where things stand, which pane has the focus, and who is told that something changed. Must not hold rules about
acting (ui.acting does) nor read values for a pane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from console.domain.releases import ReleaseReading
from console.domain.runs import RunState
from console.present.readings import judge, snapshots
from console.services.container import Services
from console.ui.ahead import Told
from console.ui.banner import banner, starting
from console.ui.bridge import Bridge, KeyPublished
from console.ui.commands import bindings
from console.ui.footer import footer
from console.ui.layout import Sizes, sizes
from console.ui.main_keys import press
from console.ui.messages import ActionChosen, DetailOpened, EnvironmentChosen, NoticeGiven, SummaryChanged, TextAsked
from console.ui.pane import Attached, Pane
from console.ui.panes import PANES
from console.ui.panes.run_drawer import RunDrawer
from console.ui.widgets.line_input import LineInput
from console.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from console.domain.environment import Environment
    from console.domain.snapshot import Key
    from console.ui.acting import Acting

FRAME = 0.05
"""Seconds between two refreshes of the panes, however often keys are published."""


class MainScreen(Screen[None]):
    """Everything at once; `attach` brings it to life."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("main")]
    AUTO_FOCUS = None
    # Textual repaints the whole screen when the focus moves; the two panes that it concerns do so by themselves.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(
        self,
        bridge: Bridge,
        *,
        copy: Callable[[str], None],
        painted: Callable[[], None],
        themes: tuple[str, ...],
    ) -> None:
        super().__init__()
        # The application's are for dialogs; here they would only have every widget styled a second time.
        self.HORIZONTAL_BREAKPOINTS = []
        self.bridge = bridge
        self._painted = painted
        self.copy = copy
        self.themes = themes
        self.checklist_names: tuple[str, ...] = ()
        self.services: Services | None = None
        self.environment: Environment | None = None
        self.acting: Acting | None = None
        self.local_time = False
        self.zoomed = False
        self.drawer_open = False
        self.focused_pane = 1
        self._pane_before = 1
        self.panes: dict[int, Pane] = {}
        self._keys: set[Key] = set()
        self._due = False
        self._greeted = False

    # --- composition -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The frame, whole, before anything is known."""
        slots: dict[str, list[Pane]] = {"left": [], "centre": [], "right": [], "bottom": []}
        for entry in PANES:
            module, _, name = entry.path.partition(":")
            pane = cast("type[Pane]", getattr(import_module(module), name))()
            self.panes[entry.number] = pane
            slots[entry.slot].append(pane)
        yield StatusBar(id="banner")
        yield Static(id="summaries", markup=False)
        with Vertical(id="body"):
            with Horizontal(id="top"):
                for slot in ("left", "centre", "right"):
                    yield Vertical(*slots[slot], id=slot)
            yield RunDrawer()
            yield Vertical(*slots["bottom"], id="bottom")
        yield LineInput(id="line")
        yield StatusBar(id="keys")

    def on_mount(self) -> None:
        """Draws the frame's own lines and starts the second hand."""
        self.query_one("#banner", StatusBar).show(starting("starting …"), under="raised")
        self._stand()
        self.focus_pane(self.focused_pane)
        self._draw_footer()
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self._painted)

    @property
    def drawer(self) -> RunDrawer:
        """The run drawer."""
        return self.query_one(RunDrawer)

    # --- life ------------------------------------------------------------------------------------------------------

    def attach(self, services: Services) -> None:
        """Services exist: show the first environment."""
        from console.ui.acting import Acting

        self.services = services
        self.bridge.connect(services.background)
        self.acting = Acting(self, services, self.bridge)
        self.select(services.environments[0].name)

    def select(self, name: str) -> None:
        """Makes an environment the banner's: everything shown and every key is about it from now on."""
        if self.services is None:
            return
        self.environment = next(each for each in self.services.environments if each.name == name)
        self.bridge.advance()
        self.services.polling.select(name)
        self.services.tails.select(name)
        attached = Attached(self.services, self.environment, self.bridge.ask, self.local_time)
        for pane in (*self.panes.values(), self.drawer):
            pane.attach(attached)
            pane.refresh_from(self.services)
        self._greeted = False
        self._greet()
        if self.acting:
            self.acting.entered(self.environment)
        self._ask_checklists(self.services, name)
        self.app.title = f"{name} · opsconsole"
        self._draw_banner()
        self._draw_footer()

    def _greet(self) -> None:
        """A run that goes on when its environment comes up stands in the drawer at once; the focus stays."""
        if self._greeted or self.services is None or self.environment is None:
            return
        current = self.services.runs.current(self.environment.name)
        if current is not None:
            self._greeted = True
            if current.state is not RunState.FINISHED and not self.drawer_open:
                self.drawer_open = True
                self._stand()

    def _ask_checklists(self, services: Services, name: str) -> None:
        def known(names: tuple[str, ...]) -> None:
            self.checklist_names = names

        self.checklist_names = ()
        self.bridge.ask(lambda: services.checklists.names(name), known, lambda _: None, "checklists")

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
        if self.services is None:
            return
        for pane in (*self.panes.values(), self.drawer):
            if any(pane.concerns(key) for key in found):
                pane.refresh_from(self.services)
        self._greet()
        if self.acting:
            self.acting.published(found)
        self._draw_banner()
        self._draw_footer()

    def _tick(self) -> None:
        if self.services is None:
            return
        mono = self.services.clock.monotonic()
        for pane in (*self.panes.values(), self.drawer):
            pane.tick(mono)
        self._draw_banner()
        self._draw_footer()

    def _draw_banner(self) -> None:
        if self.services is None or self.environment is None:
            return
        services, name = self.services, self.environment.name
        left, right, under = banner(
            self.environment,
            releases=snapshots(services.board, name, ReleaseReading),
            window=services.windows.current(name),
            operator=services.operator,
            alerts=len(judge(services.board, name, services.clock.monotonic()).troubles),
            now=services.clock.now(),
            local=self.local_time,
        )
        self.query_one("#banner", StatusBar).show(left, right, under)

    def _draw_footer(self) -> None:
        actions = self.acting.names if self.acting else ()
        run = self.drawer.view if not self.has_class("-drawer") else None
        now = self.services.clock.now() if self.services else None
        busy = self.acting.busy if self.acting else ""
        left, right = footer(actions, run, now, busy)
        self.query_one("#keys", StatusBar).show(left, right, "raised")

    def actions_changed(self) -> None:
        """What acting is doing, or what it could do, stands in the footer."""
        self._draw_footer()

    # --- size, focus, zoom -----------------------------------------------------------------------------------------

    @on(events.Resize)
    def _resized(self) -> None:
        self._stand()

    def _stand(self) -> None:
        found: Sizes = sizes(self.app.size.width, self.app.size.height, zoomed=self.zoomed)
        alone = 0 if self.drawer_open and self.focused_pane == 0 else self.focused_pane
        self.set_class(found.compact, "-compact")
        self.set_class(found.solo, "-solo")
        self.set_class(found.wide, "-wide")
        self.set_class(found.tall, "-tall")
        self.set_class(self.drawer_open and (not found.solo or alone == 0), "-drawer")
        for number, pane in self.panes.items():
            pane.display = not found.solo or number == alone
        for slot in ("left", "centre", "right", "bottom"):
            column = self.query_one(f"#{slot}")
            column.display = any(child.display for child in column.children)
        top = self.query_one("#top")
        top.display = any(child.display for child in top.children)
        self._draw_summaries()

    def _draw_summaries(self) -> None:
        if not self.has_class("-compact"):
            return
        lines = [pane.summary_line() for number, pane in self.panes.items() if number != self.focused_pane]
        if self.drawer.view is not None and self.focused_pane != 0:
            lines.append(self.drawer.summary_line())
        width = max(1, self.app.size.width - 2)
        clipped = [Content(" ") + line.truncate(width, ellipsis=True) for line in lines]
        self.query_one("#summaries", Static).update(Content("\n").join(clipped), layout=len(clipped) != self._lines)
        self._lines = len(clipped)

    _lines = 0

    @on(SummaryChanged)
    def _summary_changed(self) -> None:
        self._draw_summaries()

    def focus_pane(self, number: int) -> None:
        """Gives the focus to a pane; 0 is the drawer."""
        pane: Pane = self.drawer if number == 0 else self.panes[number]
        self._pane_before = self.focused_pane or self._pane_before
        self.focused_pane = number
        self._stand()
        # At once: a key typed right behind the pane's digit is already meant for that pane.
        self.set_focus(pane.focus_target(), scroll_visible=False)

    @on(events.DescendantFocus)
    def _focus_moved(self) -> None:
        # A click may have moved the focus; the small screen follows. Where it is counts, not where it came by.
        widget = self.focused
        pane = next((node for node in widget.ancestors_with_self if isinstance(node, Pane)), None) if widget else None
        if pane is not None and self.focused_pane != pane.NUMBER:
            self.focused_pane = pane.NUMBER
            self._stand()

    def focus_next_pane(self, by: int) -> None:
        """The pane after or before the focused one, the open drawer included."""
        numbers = [*([0] if self.drawer_open else []), *self.panes]
        at = numbers.index(self.focused_pane) if self.focused_pane in numbers else 0
        self.focus_pane(numbers[(at + by) % len(numbers)])

    def zoom(self) -> None:
        """The focused pane alone, and back."""
        self.zoomed = not self.zoomed
        self._stand()

    def show_drawer(self, wanted: bool) -> None:
        """Opens or closes the run drawer."""
        self.drawer_open = wanted
        if wanted:
            self.focus_pane(0)
        else:
            self.focus_pane(self.focused_pane or self._pane_before)
        self._draw_footer()

    def back(self) -> None:
        """Leaves one thing: a filter or marks, the zoom, the drawer."""
        pane = self.panes.get(self.focused_pane)
        if pane is not None and pane.go_back():
            return
        if self.zoomed:
            self.zoom()
        elif self.drawer_open and self.focused_pane == 0:
            self.show_drawer(False)

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

        self.app.push_screen(DetailScreen(message.title, message.lines, self.copy))

    @on(TextAsked)
    def _asked(self, message: TextAsked) -> None:
        self.line.ask(message.title, message.initial, message.then, each=message.each, cancelled=message.cancelled)

    @on(Told)
    def _told(self, message: Told) -> None:
        message.stop()
        message.arrived.set()

    @property
    def expecting(self) -> int:
        """How many things that keys asked for are on their way: a plan, jobs' details."""
        return bool(self.acting and self.acting.busy) + sum(pane.expecting for pane in self.panes.values())

    @property
    def line(self) -> LineInput:
        """The input line."""
        return self.query_one(LineInput)

    def notice(self, text: str, state: str = "ok") -> None:
        """Shows a harmless sentence for a few seconds."""
        seconds = 8.0 if state == "error" else 4.0
        if state == "error":
            self.notify(text, severity="error", markup=False, timeout=seconds)
        elif state == "warning":
            self.notify(text, severity="warning", markup=False, timeout=seconds)
        else:
            self.notify(text, markup=False, timeout=seconds)

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_invoke(self, id: str) -> None:
        """Any command of the main screen, by its id."""
        press(self, id)

    def follow(self, run: int) -> None:
        """Shows a run from now on, in the drawer."""
        if self.services is not None:
            self.services.runs.follow(run)
            self.drawer.follow(run)
            self.show_drawer(True)

    def toggle_clock(self) -> None:
        """Between UTC and local time, everywhere."""
        self.local_time = not self.local_time
        for pane in (*self.panes.values(), self.drawer):
            if pane.attached:
                pane.attached = replace(pane.attached, local_time=self.local_time)
                pane.refresh_from(pane.attached.services)
        self._draw_banner()

    @property
    def pane(self) -> Pane:
        """The pane with the focus, the drawer included."""
        return self.drawer if self.focused_pane == 0 else self.panes[self.focused_pane]
