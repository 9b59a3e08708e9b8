"""From a key to a run: refusal, parameters, plan, confirmation, start. Always for the banner's environment.

Owns that order and the notices on the way. Must not judge what is allowed: services refuse, this module shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeVar

from textual.app import App
from textual.screen import Screen

from console.domain.actions import Action
from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.plan_codec import plan_hash
from console.domain.policy import ChangeWindow, Confirmation
from console.domain.runs import Outcome, Plan, RunState, RunView
from console.domain.snapshot import Key
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError
from console.present.offers import offer_name
from console.present.text import plural
from console.services.container import Services
from console.ui.ahead import TOO_FRESH
from console.ui.bridge import Bridge
from console.ui.commands import command
from console.ui.messages import ActionChosen

T = TypeVar("T")
_HELD = 2.0
"""The same refusal again within so many seconds comes from a key that is held down."""


class Stage(Protocol):
    """What acting needs of the main screen."""

    environment: Environment | None

    @property
    def app(self) -> App[object]: ...
    def notice(self, text: str, state: str = "ok") -> None: ...
    def show_drawer(self, wanted: bool) -> None: ...
    def follow(self, run: int) -> None: ...
    def actions_changed(self) -> None: ...


class ActionFlow:
    """Takes one chosen action at a time from its key to a run."""

    def __init__(self, stage: Stage, services: Services, bridge: Bridge) -> None:
        self._stage = stage
        self._services = services
        self._bridge = bridge
        self._actions: dict[str, Action] = {}
        self._read = False
        self.busy = ""
        self._told: dict[int, str] = {}
        self._refused: tuple[tuple[str, ...], float] = ((), 0.0)

    @property
    def names(self) -> Collection[str]:
        """The actions the banner's environment has."""
        return self._actions.keys()

    def lacks(self, action: str) -> bool:
        """Whether the banner's environment has no such action; not while its actions are being read."""
        return self._read and action not in self._actions

    @property
    def runnable(self) -> tuple[str, ...]:
        """The actions whose parameters can all be asked for; those on single jobs start from their rows instead."""
        return tuple(
            name
            for name, action in self._actions.items()
            if all(param.ask or not param.required or param.default is not None for param in action.params)
        )

    def entered(self, environment: Environment) -> None:
        """Reads the actions of an environment that has just become the banner's."""
        self._actions, self._read = {}, False
        self.busy = ""
        self._bridge.ask(lambda: self._services.runs.actions(environment.name), self._known, self._failed, "actions")

    def _known(self, actions: tuple[Action, ...]) -> None:
        self._actions, self._read = {action.name: action for action in actions}, True
        self._stage.actions_changed()

    def _work(self, words: str) -> None:
        """Shows what is being done (empty: nothing); meanwhile no other action begins."""
        self.busy = words
        self._stage.actions_changed()

    # --- from key to run -------------------------------------------------------------------------------------------

    def wanted(self, wish: ActionChosen) -> None:
        """Begins an action whose key was pressed: refuses it, asks for parameters, or plans it."""
        environment = self._stage.environment
        if environment is None or self.busy:
            return
        fresh = wish.changed_at is not None and self._services.clock.monotonic() - wish.changed_at < TOO_FRESH
        if fresh:
            self._stage.notice("The row under the cursor has just changed; look again, then press the key.", "warning")
            return
        if refusal := self._services.runs.refusal(environment.name, wish.action):
            locked = environment.protected and self._services.windows.current(environment.name) is None
            key = f" ({command('window.open').label})" if locked else ""
            self._stage.notice(f"{wish.action}: {refusal}{key}", "warning")
            self._note_refusal(environment.name, wish.action, refusal)
            return
        action = self._actions.get(wish.action)
        asked = [param for param in action.params if param.ask and param.name not in wish.params] if action else []
        if action is None or not asked:
            self._plan(environment, wish, wish.params)
            return
        from console.ui.screens.params import ParamsScreen

        def answered(given: Mapping[str, Json] | None) -> None:
            if given is not None:
                self._plan(environment, wish, {**wish.params, **given})

        self._show(ParamsScreen(action.title, asked), answered)

    def _note_refusal(self, environment: str, action: str, why: str) -> None:
        now, said = self._services.clock.monotonic(), (environment, action, why)
        before, self._refused = self._refused, (said, now)
        if before[0] == said and now - before[1] < _HELD:
            # A key that is held down is audited once, because each entry waits for the disk.
            return
        self._bridge.ask(
            lambda: self._services.runs.note_refusal(environment, action, why),
            lambda _: None,
            self._failed,
            "refusal",
            urgent=True,
        )

    def _plan(self, environment: Environment, wish: ActionChosen, params: Mapping[str, Json]) -> None:
        self._work(f"planning {wish.action} of {environment.name} …")
        self._bridge.ask(
            lambda: self._services.runs.plan(environment.name, wish.action, params),
            lambda plan: self._confirm(plan, wish),
            self._not_done,
            f"plan {wish.action}",
        )

    def _confirm(self, plan: Plan, wish: ActionChosen) -> None:
        from console.ui.screens.confirm import BriefConfirm, ConfirmScreen

        self._work("")
        mono = self._services.clock.monotonic

        def answered(typed: str | None) -> None:
            if typed is not None:
                self._start(plan, typed, wish.started)

        if wish.brief:
            self._show(BriefConfirm(plan, wish.what, mono), answered)
        else:
            self._show(ConfirmScreen(plan, mono), answered)

    def _start(self, plan: Plan, typed: str, then: Callable[[], None] | None) -> None:
        self._work(f"starting {plan.action} …")
        confirmation = Confirmation(
            plan_hash=plan_hash(plan), operator=self._services.operator, typed=typed, yes=not plan.protected
        )
        self._bridge.ask(
            lambda: self._services.runs.start(plan, confirmation),
            lambda run: self._started(run, then),
            self._not_done,
            f"start {plan.action}",
            urgent=True,
        )

    def _started(self, run: int, then: Callable[[], None] | None) -> None:
        self._work("")
        if then is not None:
            then()
        self._stage.follow(run)

    def _not_done(self, error: OpsconsoleError) -> None:
        self._work("")
        self._failed(error)

    def _failed(self, error: OpsconsoleError) -> None:
        # `busy` is not cleared: the error may come from a change window, for example, while a plan is still being made.
        self._stage.notice(harmless_error(error), "error")

    def _show(self, screen: Screen[T], answered: Callable[[T | None], None]) -> None:
        # Earlier notices must not cover the dialog.
        self._stage.app.clear_notifications()
        self._stage.app.push_screen(screen, answered)

    # --- runs and windows ------------------------------------------------------------------------------------------

    def published(self, keys: Collection[Key]) -> None:
        """Tells, with the bell, when a run ends or needs somebody."""
        for key in keys:
            if key[0] == "run":
                self._tell(self._services.runs.view(int(key[1])))

    def _tell(self, view: RunView) -> None:
        word = str(view.outcome) if view.state is RunState.FINISHED else str(view.state)
        before = self._told.get(view.run)
        self._told[view.run] = word
        if word == before or (before is None and view.state is RunState.FINISHED):
            return
        title = f"run {view.run} {harmless(view.action)}"
        if view.state is RunState.NEEDS_OPERATOR and view.question:
            self._stage.notice(f"{title} asks: {harmless(view.question.text)} · 0, then a answers", "warning")
        elif view.state is RunState.FINISHED:
            offers = (
                f" · offers {', '.join(harmless(offer_name(offer)) for offer in view.offers)}" if view.offers else ""
            )
            state = "ok" if view.outcome is Outcome.OK else "error"
            self._stage.notice(f"{title}: {word}{offers}", state)
        else:
            return
        self._stage.app.bell()

    def open_window(self) -> None:
        """Opens a change window on the banner's environment."""
        environment = self._stage.environment
        if environment is None:
            return
        if not environment.protected:
            self._stage.notice(f"{environment.name} needs no change window", "warning")
            return

        def opened(window: ChangeWindow) -> None:
            minutes = round((window.until - self._services.clock.now()).total_seconds() / 60)
            self._stage.notice(f"{environment.name} can be changed for {plural(minutes, 'minute')}")

        self._bridge.ask(
            lambda: self._services.windows.open(environment.name), opened, self._failed, "window", urgent=True
        )

    def close_window(self) -> None:
        """Closes the change window; runs under way are not touched."""
        environment = self._stage.environment
        if environment is not None:
            self._bridge.ask(
                lambda: self._services.windows.close(environment.name),
                lambda _: self._stage.notice(f"{environment.name} is read-only again"),
                self._failed,
                "window",
                urgent=True,
            )


def harmless_error(error: OpsconsoleError) -> str:
    """An error's sentences, each line harmless."""
    return "\n".join(harmless(line) for line in str(error).splitlines())
