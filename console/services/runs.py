"""Runs as the screen and the command line use them (`ports.Runs`): planning, starting, following, answering.

Owns the following thread, which folds events and keeps the newest output of followed runs in memory, so that looking is
at once. Must not perform a step: runners are processes of their own, and only the state database lies between.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock, RLock
from typing import TYPE_CHECKING

from console.domain.actions import Action, ParamType
from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.plan_codec import plan_hash
from console.domain.policy import ABANDONED, Confirmation, Operator
from console.domain.runs import EventKind, Plan, Question, RunRow, RunState, RunView, fold, start_view
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError, RefusedError, UsageError
from console.ports import Clock, Publish, Reach, RunStore, Windows
from console.services.audit import Audit
from console.services.confirming import check_beginning, check_confirmation, refusal
from console.services.leases import Pulse
from console.services.lock import new_token
from console.services.loop import Loop
from console.services.planner import Planner, as_offered, check_needs

if TYPE_CHECKING:
    from console.store.leases import Leases

_EVERY = 0.2
_TAIL = 65536
_RECENT = 30
"""Runs of one environment that can be turned through."""
_LOOKED_AT = 300
"""Runs of all environments together among which those that go on are looked for."""
_KEPT = 20
"""Ended runs whose steps and output stay in memory, besides the newest of each environment."""
_BIRTH = 30.0
_ORDER = ("deploy", "rollback", "cleanup")


def lease_name(run: int) -> str:
    """The lease of a run's runner."""
    return f"run {run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDesk:
    """What runs need from the rest of the program; `start` starts a detached runner, `planner` knows the kinds."""

    environments: tuple[Environment, ...]
    actions: tuple[Action, ...]
    store: RunStore
    leases: Leases
    audit: Audit
    windows: Windows
    planner: Planner
    reach: Callable[[str], Reach]
    operator: Operator
    clock: Clock
    start: Callable[[int], None]


class LiveRuns:
    """`ports.Runs` over the state database."""

    def __init__(self, desk: RunDesk, publish: Publish) -> None:
        self._desk = desk
        self._publish = publish
        self._lock = Lock()
        """Held only while memory is looked at or changed: whoever draws the screen takes it."""
        self._reading = RLock()
        """Held while the state database is asked; always taken before the other one."""
        self._rows: dict[int, RunRow] = {}
        self._views: dict[int, RunView] = {}
        self._tails: dict[tuple[int, str, str], bytes] = {}
        self._recent: dict[str, tuple[int, ...]] = {}
        self._ended: set[int] = set()
        self._seen: dict[int, None] = {}
        """The runs in `_views`, those that were looked at last at the end."""
        self._alive: dict[int, bool] = {}
        self._pulses: dict[int, Pulse] = {}
        self._changed = -1
        self._turns = 0
        self._loop = Loop("runs", self._turn, clock=desk.clock, crashed=lambda _error: None)

    def start_following(self) -> LiveRuns:
        """Starts the thread, at once; itself."""
        self._loop.start()
        return self

    def close(self) -> None:
        """Ends the thread; running runs go on."""
        self._loop.close()

    # --- planning and starting ---------------------------------------------------------------------------------------

    def actions(self, environment: str) -> tuple[Action, ...]:
        """Every action the environment can have, in key order; those for single failed jobs belong to their pane."""
        target = self._environment(environment)
        able = [
            as_offered(action, target)
            for action in self._desk.actions
            if not any(param.type is ParamType.UUIDS and param.required for param in action.params)
            and _needs_met(action, target)
        ]
        return tuple(sorted(able, key=lambda action: (_place(action.name), action.name)))

    def refusal(self, environment: str, action: str) -> str:
        """Why it cannot start now, empty when it can; from what is known, at once."""
        target = self._environment(environment)
        try:
            found = self._action(action)
        except UsageError:
            return f"there is no such action; one is a file actions/{action}.yaml beside the configuration"
        said = refusal(target, found, self._desk.windows.current(environment))
        if said or not found.lock:
            return said
        current = self.current(environment)
        # Whether a run that lost its runner still has the lock only the host knows: the plan asks it.
        if current is not None and current.lock_held and current.outcome is None and self._alive.get(current.run, True):
            return f"run {current.run} ({current.title}) holds the lock"
        return ""

    def plan(self, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
        """What would happen, exactly; changes nothing."""
        self._environment(environment)
        return self._desk.planner.plan(self._action(action), params, self._desk.reach(environment), self._desk.operator)

    def start(self, plan: Plan, confirmation: Confirmation) -> int:
        """Stores the confirmed plan and starts a detached runner; the run's number. Refusals are audited."""
        window = self._desk.windows.current(plan.environment)
        try:
            check_confirmation(plan, confirmation, window)
        except RefusedError as error:
            self._desk.audit.write(
                f"run.{plan.action}",
                environment=plan.environment,
                plan_hash=plan_hash(plan),
                result="refused",
                detail=error.what,
            )
            raise
        run = store_confirmed(self._desk.store, plan, confirmation, at=self._desk.clock.now())
        self.follow(run)
        self._desk.start(run)
        return run

    # --- following ---------------------------------------------------------------------------------------------------

    def view(self, run: int) -> RunView:
        """The run folded so far; at once for runs being followed."""
        self.follow(run)
        with self._lock:
            self._seen[run] = self._seen.pop(run, None)
            return self._with_liveness(self._views[run])

    def follow(self, run: int) -> None:
        """From now on publishes `("run", ID)` whenever there is more."""
        if self._follows(run):
            return
        with self._reading:
            if self._follows(run):
                return
            row = self._desk.store.run(run)
            view, tails = self._read(start_view(row))
            with self._lock:
                self._rows[run], self._views[run] = row, view
                self._tails.update(tails)
        self._publish(("run", str(run)))

    def _follows(self, run: int) -> bool:
        with self._lock:
            return run in self._views

    def output(self, run: int, step: str, host: str, *, last: int = _TAIL) -> Raw:
        """The newest bytes of a step's output; at once."""
        with self._lock:
            return Raw(self._tails.get((run, step, host), b"")[-last:])

    def current(self, environment: str) -> RunView | None:
        """The run to look at, if any: one that goes on before ended ones, of these the lock's holder; at once."""
        with self._lock:
            newest = self._recent.get(environment, ())[:1]
            found = [
                view
                for run, view in self._views.items()
                if view.environment == environment and (run in newest or view.outcome is None)
            ]
            return self._with_liveness(max(found, key=self._rank)) if found else None

    def _rank(self, view: RunView) -> tuple[bool, bool, bool, int]:
        goes_on = view.outcome is None
        living = goes_on and self._alive.get(view.run, True)
        return living, goes_on, goes_on and view.lock_held, view.run

    def recent(self, environment: str) -> tuple[int, ...]:
        """The numbers of its newest runs, newest first; at once."""
        with self._lock:
            return self._recent.get(environment, ())

    def ask(self, run: int, kind: str, body: str = "") -> None:
        """Hands the runner a request; when no runner lives, one is started to take it.

        RefusedError when that would begin a protected run without a change window; aborting never needs one.
        """
        view = self.view(run)
        if view.outcome is not None:
            raise UsageError(f"Run {run} has ended: {view.outcome}.")
        operator = self._desk.operator.label
        living = self._living(run)
        if kind == "answer" and not living and body in ABANDONED:
            kind = "abort" if body == "abort" else ""
        if not living and kind != "abort":
            self._check_beginning(run, view)
        self._desk.audit.write(
            "run.request",
            environment=view.environment,
            run=run,
            result="ok",
            detail=f"{kind or 'resume'} {body}".strip(),
        )
        if kind:
            self._desk.store.ask(run, who=operator, kind=kind, body=body, at=self._desk.clock.now())
        if not living:
            self._desk.start(run)

    def _check_beginning(self, run: int, view: RunView) -> None:
        try:
            check_beginning(self._rows[run].plan, view, self._desk.windows.current(view.environment))
        except RefusedError as error:
            self._desk.audit.write(
                "run.request", environment=view.environment, run=run, result="refused", detail=error.what
            )
            raise

    # --- the thread --------------------------------------------------------------------------------------------------

    def _turn(self) -> float:
        changed = self._desk.store.changed()
        self._turns += 1
        if self._turns % 5 == 1:
            self._watch_leases()
        if changed == self._changed:
            return _EVERY
        self._changed = changed
        self._find_runs()
        with self._lock:
            open_runs = [run for run, view in self._views.items() if view.outcome is None]
        for run in open_runs:
            if self._catch_up(run):
                self._publish(("run", str(run)))
        return _EVERY

    def _find_runs(self) -> None:
        """Follows the newest run of each environment and every other one that goes on."""
        recent: dict[str, list[int]] = {}
        for run, environment in self._desk.store.newest(_LOOKED_AT):
            mine = recent.setdefault(environment, [])
            mine.append(run)
            if run in self._ended and len(mine) > 1:
                continue
            if len(mine) > 1 and not self._follows(run) and self._desk.store.ended(run):
                self._ended.add(run)
            else:
                self.follow(run)
        for environment, runs in recent.items():
            shown = tuple(runs[:_RECENT])
            if self._recent.get(environment) != shown:
                with self._lock:
                    self._recent[environment] = shown
                self._publish(("runs", environment))
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Drops what ended and was not looked at for longest: a screen may stay open for weeks."""
        with self._reading, self._lock:
            newest = {runs[0] for runs in self._recent.values()}
            order = [*(run for run in self._views if run not in self._seen), *self._seen]
            ended = [run for run in order if run not in newest and self._views[run].outcome is not None]
            gone = set(ended[: max(0, len(ended) - _KEPT)])
            for run in gone:
                self._ended.add(run)
                self._seen.pop(run, None)
                self._pulses.pop(run, None)
                self._alive.pop(run, None)
                del self._views[run], self._rows[run]
            if gone:
                self._tails = {key: tail for key, tail in self._tails.items() if key[0] not in gone}

    def _watch_leases(self) -> None:
        """Notices that a run has no runner any more: nobody writes an event about that."""
        with self._lock:
            open_runs = [run for run, view in self._views.items() if view.outcome is None]
        for run in open_runs:
            living = self._living(run)
            if self._alive.get(run) == living:
                continue
            # A runner that has ended has written so before it gave up its lease: both become known at once.
            self._catch_up(run, living)
            self._publish(("run", str(run)))

    def _living(self, run: int) -> bool:
        """Whether it has a runner; of one on another machine that died this is known after ten seconds of following."""
        with self._reading:
            pulse = self._pulses.get(run)
            if pulse is None:
                pulse = self._pulses[run] = Pulse(self._desk.leases, lease_name(run), self._desk.clock)
            return pulse.living()

    def _catch_up(self, run: int, living: bool | None = None) -> bool:
        """Folds what is new, and what was just seen of its runner; whether there was anything new."""
        with self._reading:
            before = self._views[run]
            view, tails = self._read(before)
            grown = view is not before
            living = self._alive.get(run) if living is None else living
            if grown and living is False:
                # Whoever wrote it took the lease first, maybe after we last looked; events read, the lease is true.
                living = self._living(run)
            with self._lock:
                self._views[run] = view
                self._tails.update(tails)
                if living is not None:
                    self._alive[run] = living
        return grown

    def _read(self, view: RunView) -> tuple[RunView, dict[tuple[int, str, str], bytes]]:
        """The run with its newer events, and the ends of the outputs that these have grown."""
        store, run = self._desk.store, view.run
        events = store.events(run, view.last_seq)
        tails = {}
        for step, host in {(event.step, event.host) for event in events if event.kind is EventKind.STEP_OUTPUT}:
            size = store.output_size(run, step, host)
            tails[run, step, host] = store.output(run, step, host, offset=max(0, size - _TAIL), limit=_TAIL)
        return fold(view, events), tails

    def _with_liveness(self, view: RunView) -> RunView:
        now = self._desk.clock.now()
        row = self._rows[view.run]
        # A runner that was just started has no lease yet.
        young = view.state is RunState.CONFIRMED and (now - row.created_at).total_seconds() < _BIRTH
        if view.outcome is not None or young or self._alive.get(view.run, True):
            return view
        return abandoned(view, at=now)

    def _environment(self, name: str) -> Environment:
        for environment in self._desk.environments:
            if environment.name == name:
                return environment
        raise UsageError(f"There is no environment {name}.")

    def _action(self, name: str) -> Action:
        for action in self._desk.actions:
            if action.name == name:
                return action
        raise UsageError(f"There is no action {name}.")


def store_confirmed(store: RunStore, plan: Plan, confirmation: Confirmation, *, at: datetime) -> int:
    """Stores a confirmed plan with a fresh lock token as a new run; its number."""
    row = store.create(plan, name_suffix=secrets.token_hex(4), token=new_token(), at=at)
    store.append(row.id, EventKind.RUN_PLANNED, at=at, data={"plan_hash": confirmation.plan_hash})
    said: dict[str, Json] = {
        "who": confirmation.operator.label,
        "typed": bool(confirmation.typed),
        "reason": confirmation.reason,
    }
    store.append(row.id, EventKind.RUN_CONFIRMED, at=at, data=said)
    return row.id


def abandoned(view: RunView, *, at: datetime) -> RunView:
    """A run whose runner is gone, as people must see it: it needs an operator. An open question stays as it is."""
    if view.question is not None and view.question.choices:
        return view
    text = view.question.text if view.question else "Its runner is gone."
    question = Question(step="", text=f"{text} Resume it, or abort it.", choices=ABANDONED, asked_at=at)
    return replace(view, state=RunState.NEEDS_OPERATOR, question=question)


def _needs_met(action: Action, environment: Environment) -> bool:
    try:
        check_needs(action, environment)
    except OpsconsoleError:
        return False
    return True


def _place(name: str, order: Sequence[str] = _ORDER) -> int:
    return order.index(name) if name in order else len(order)
