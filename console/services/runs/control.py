"""The one control of runs, for every face of the console: planning, starting, asking, resuming, looking, attaching.

Owns what each of these checks, in which order, and that every refusal is audited. The faces differ in how a change
window comes to be (`ControlContext.windows`) and in what they show. Must not perform a step, ask a person anything, nor
print.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from console.domain.actions import Action
from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.events import RunConfirmed, RunPlanned
from console.domain.plan_codec import plan_hash
from console.domain.plans import Plan
from console.domain.policy import ABANDONED, ChangeWindow, Confirmation, Operator
from console.domain.runs import Event, RunRow, RunView, fold, start_view
from console.errors import OpsconsoleError, RefusedError, UsageError
from console.own_commands import own_command
from console.ports import Clock, Reach
from console.services.planning.saved_plans import accepted_plan, derived_again
from console.services.records.audit import Audit
from console.services.runs.attachment import Attachment
from console.services.runs.confirmation import check_beginning, check_confirmation, refusal
from console.services.runs.liveness import Runners, abandoned, as_seen
from console.services.target.lock import new_token

if TYPE_CHECKING:
    from console.services.planning.planner import Planner
    from console.store.leases import Leases
    from console.store.runs import RunStore


class Declared(Protocol):
    """The environments and actions of a configuration, found by name; UsageError when there is none of that name."""

    @property
    def actions(self) -> tuple[Action, ...]: ...
    def environment(self, name: str) -> Environment: ...
    def action(self, name: str) -> Action: ...


class OpenWindows(Protocol):
    """The change windows that are open for the operator of this process."""

    def current(self, environment: str) -> ChangeWindow | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlContext:
    """What the control of runs needs from the rest of the program. `reach` opens an environment for the length of a
    plan, `planner` knows the step kinds, `start` starts a detached runner, `runner_end` tells how the newest runner of
    a run ended, given who has its lease still."""

    declared: Declared
    store: RunStore
    leases: Leases
    audit: Audit
    windows: OpenWindows
    planner: Callable[[], Planner]
    reach: Callable[[str], AbstractContextManager[Reach]]
    operator: Operator
    clock: Clock
    start: Callable[[int], None]
    runner_end: Callable[[int, str], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHistory:
    """A run as it is stored: its row, its events so far, and what people see of it."""

    row: RunRow
    events: tuple[Event, ...]
    view: RunView


@dataclass(frozen=True, slots=True)
class Newest:
    """Some runs, newest first. `bound` says that there are more, and is empty when there are none."""

    runs: tuple[RunHistory, ...]
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestResult:
    """What became of a request: its kind (empty for a resume), and whether a runner had to be started to take it."""

    kind: str
    started: bool


class RunControl:
    """Plans, starts, asks, resumes and looks at runs for one operator. Usable from any thread."""

    def __init__(self, context: ControlContext) -> None:
        self.context = context
        self.runners = Runners(context.leases, context.clock, end=context.runner_end)

    # --- planning and starting ---------------------------------------------------------------------------------------

    def refusal(self, environment: str, action: str) -> str:
        """Why an action cannot start now, as far as that is known without asking a host; empty when it can; at once."""
        target = self.context.declared.environment(environment)
        try:
            found = self.context.declared.action(action)
        except UsageError:
            return f"there is no such action; one is a file actions/{action}.yaml beside the configuration"
        return refusal(target, found, self.context.windows.current(environment))

    def note_refusal(self, environment: str, action: str, why: str) -> None:
        """Audits that an action was wanted and refused before anybody planned it."""
        with suppress(RefusedError), self._refusals(action, environment):
            raise RefusedError(why)

    def plan(self, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
        """What would happen, exactly: asks every host and changes nothing."""
        self.context.declared.environment(environment)
        chosen = self.context.declared.action(action)
        with self._refusals(action, environment), self.context.reach(environment) as reach:
            return self.context.planner().plan(chosen, params, reach, self.context.operator)

    def saved_plan(self, file: Path, environment: str, action: str) -> Plan:
        """A plan that was written to a file, once it is accepted for what is configured now and for this operator."""
        target, chosen = self.context.declared.environment(environment), self.context.declared.action(action)
        with self._refusals(action, environment):
            plan = accepted_plan(file, target, chosen, self.context.operator)
            with self.context.reach(environment) as reach:
                return derived_again(plan, chosen, reach, self.context.planner())

    @contextmanager
    def confirming(self, plan: Plan) -> Iterator[None]:
        """A context in which somebody is asked to confirm a plan: a refusal raised in it is audited like any other."""
        with self._refusals(plan.action, plan.environment, plan_hash(plan)):
            yield

    def start(self, plan: Plan, confirmation: Confirmation) -> int:
        """Stores a confirmed plan, starts a detached runner and returns the run's number."""
        with self.confirming(plan):
            check_confirmation(plan, confirmation, self.context.windows.current(plan.environment))
        run = store_confirmed(self.context.store, plan, confirmation, at=self.context.clock.now())
        self._start(run)
        return run

    def _start(self, run: int) -> None:
        try:
            self.context.start(run)
        except OpsconsoleError as error:
            # The run is stored by now: whoever hears of the failure can go on with it, or end it.
            ways = f"{own_command(f'runs resume {run}')} starts another, {own_command(f'runs abort {run}')} ends it."
            raise OpsconsoleError(error.what, done=error.done, fix=f"{error.fix}\n{ways}".strip()) from error

    def _refusals(self, action: str, environment: str, bound: str = "") -> AbstractContextManager[None]:
        return self.context.audit.refusals(f"run.{action}", environment=environment, plan_hash=bound)

    # --- what is asked of a run --------------------------------------------------------------------------------------

    def ask(self, run: int, kind: str, body: str = "") -> RequestResult:
        """Hands the run a request: abort, answer, hold, go or skip. Without a runner another is started to take it.

        UsageError when the run has ended or does not take this answer; RefusedError when the request would begin a
        protected run without a change window. Aborting never needs one.
        """
        row, living = self.context.store.run(run), self.runners.living(run)
        with self._requests("run.request", row):
            view = self._going_on(row)
            if kind == "answer":
                if _resumes(view, body, living=living):
                    kind = "abort" if body == "abort" else ""
                else:
                    _check_answer(view if living else abandoned(view, at=self.context.clock.now()), body)
            if kind and kind != "abort" and not living:
                self._check_beginning(row, view)
        if not kind:
            self.resume(run)
            return RequestResult(kind="", started=True)
        self._note("run.request", row, f"{kind} {body}".strip() if kind != "abort" else kind)
        self.context.store.ask(run, who=self.context.operator.label, kind=kind, body=body, at=self.context.clock.now())
        # The runner may have ended between the first look at it and the request.
        started = not living or not self.runners.living(run)
        if started:
            self._start(run)
        return RequestResult(kind=kind, started=started)

    def resume(self, run: int) -> None:
        """Starts a runner that goes on with the run; no step is done twice.

        UsageError when the run has ended or its runner is alive; to know that may take ten seconds.
        """
        row = self.context.store.run(run)
        with self._requests("run.resume", row):
            self._going_on(row)
            if self.runners.living(run) and self.runners.beating(run):
                raise UsageError(f"Run {run} has a runner.", fix=f"Follow it with: {own_command(f'runs attach {run}')}")
            self._check_beginning(row, self._going_on(row))
        self._note("run.resume", row, "")
        self._start(run)

    def _going_on(self, row: RunRow) -> RunView:
        view = fold(start_view(row), self.context.store.events(row.id))
        if view.outcome is not None:
            raise UsageError(f"Run {row.id} has ended: {view.outcome}.", done="Nothing was changed.")
        return view

    def _check_beginning(self, row: RunRow, view: RunView) -> None:
        check_beginning(row.plan, view, self.context.windows.current(row.environment))

    def _requests(self, what: str, row: RunRow) -> AbstractContextManager[None]:
        return self.context.audit.refusals(what, environment=row.environment, run=row.id, also=(UsageError,))

    def _note(self, what: str, row: RunRow, detail: str) -> None:
        self.context.audit.write(what, environment=row.environment, run=row.id, result="ok", detail=detail)

    # --- looking -----------------------------------------------------------------------------------------------------

    def history(self, run: int) -> RunHistory:
        """One run, whole. UsageError when there is none of that number."""
        return self._history(self.context.store.run(run))

    def newest(self, environment: str = "", *, limit: int) -> Newest:
        """The newest runs, newest first; of one environment when it is named."""
        if environment:
            self.context.declared.environment(environment)
        rows = self.context.store.runs(environment=environment, limit=limit + 1)
        bound = f"the newest {limit:,}; older ones are left out" if len(rows) > limit else ""
        return Newest(tuple(self._history(row) for row in rows[:limit]), bound)

    def attach(self, run: int, *, started: bool = False) -> Attachment:
        """The run from its first event on, for somebody who waits for its end. `started` says that its runner was
        started just now."""
        return Attachment(self.context.store, self.runners, self.context.clock, run, started=started)

    def _history(self, row: RunRow) -> RunHistory:
        events = self.context.store.events(row.id)
        view = fold(start_view(row), events)
        living = view.outcome is not None or self.runners.living(row.id)
        if not living:
            # A runner writes the run's end before it gives up its lease, so an end that was just missed is found now.
            events += self.context.store.events(row.id, view.last_seq)
            view = fold(view, events)
        now = self.context.clock.now()
        seen = as_seen(row, view, living=living, now=now, ended=self.runners.ended)
        return RunHistory(row=row, events=events, view=seen)


def store_confirmed(store: RunStore, plan: Plan, confirmation: Confirmation, *, at: datetime) -> int:
    """Stores a confirmed plan with a fresh lock token as a new run, and returns its number."""
    row = store.create(plan, name_suffix=secrets.token_hex(4), token=new_token(), at=at)
    store.append(row.id, RunPlanned(plan_hash=confirmation.plan_hash), at=at)
    who, reason = confirmation.operator.label, confirmation.reason
    store.append(row.id, RunConfirmed(who=who, typed=bool(confirmation.typed), reason=reason), at=at)
    return row.id


def _resumes(view: RunView, word: str, *, living: bool) -> bool:
    """Whether an answer (resume, abort) is about the missing runner, and not about a question that the run asked."""
    asking = view.question is not None and bool(view.question.choices)
    return not living and word in ABANDONED and not asking


def _check_answer(view: RunView, word: str) -> None:
    choices = view.question.choices if view.question else ()
    if word not in choices:
        raise UsageError(f"Run {view.run} takes: {', '.join(choices) or 'no answer now'}.", done="Nothing was changed.")
