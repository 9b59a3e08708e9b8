"""The events of a run, and the fold from events to what everybody shows.

Owns the one meaning of a run's events: the run drawer, `runs show`, `--json` and the report all call `fold`, so they
cannot disagree. Must not perform anything, nor read a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.plans import Danger, HostScript, Plan, PlannedHost, PlannedStep
from console.domain.policy import Operator

__all__ = [
    "Danger",
    "Event",
    "EventKind",
    "HostProgress",
    "HostScript",
    "JobResult",
    "Outcome",
    "Plan",
    "PlannedHost",
    "PlannedStep",
    "Question",
    "RunRow",
    "RunState",
    "RunView",
    "StepProgress",
    "fold",
    "results_code",
    "start_view",
]


class Outcome(StrEnum):
    """How a run or a step ended. `unknown` is never shown as success."""

    OK = "ok"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class RunState(StrEnum):
    """Where a run stands."""

    PLANNED = "planned"
    CONFIRMED = "confirmed"
    RUNNING = "running"
    NEEDS_OPERATOR = "needs operator"
    FINISHED = "finished"


class EventKind(StrEnum):
    """Every kind of fact a run can state, in the order of a life."""

    RUN_PLANNED = "run_planned"
    RUN_CONFIRMED = "run_confirmed"
    RUN_STARTED = "run_started"
    LOCK_TAKEN = "lock_taken"
    LOCK_LOST = "lock_lost"
    PREFLIGHT_DONE = "preflight_done"
    STEP_INTENDED = "step_intended"
    STEP_STARTED = "step_started"
    STEP_OUTPUT = "step_output"
    STEP_FINISHED = "step_finished"
    GATE_SAMPLED = "gate_sampled"
    GATE_DECIDED = "gate_decided"
    LINK_LOST = "link_lost"
    LINK_RESTORED = "link_restored"
    OPERATOR_NEEDED = "operator_needed"
    OPERATOR_ANSWERED = "operator_answered"
    LOCK_RELEASED = "lock_released"
    RUN_FINISHED = "run_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of a run. `seq` counts from 1 without gaps; `data` per kind is described in docs/architecture.md."""

    run: int
    seq: int
    at: datetime
    kind: EventKind
    step: str = ""
    host: str = ""
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run's row. `name` is the number and 8 random hex: its directory on the hosts."""

    id: int
    name: str
    environment: str
    action: str
    plan: Plan
    operator: Operator
    created_at: datetime
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What became of one failed job that a step retried or forgot, as it was read back."""

    uuid: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProgress:
    """One step on one host. `outcome` None means not finished; `bytes` is the output known so far; `results` has one
    entry for each failed job the step was about."""

    host: str
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    exit_status: int | None = None
    bytes: int = 0
    detail: str = ""
    results: tuple[JobResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """One step of a run. `hosts` holds `""` for steps the runner performs itself."""

    name: str
    kind: str
    effect: Effect
    text: str
    hosts: Mapping[str, HostProgress]

    @property
    def outcome(self) -> Outcome | None:
        """The worst of its hosts once all have ended, else None."""
        ends = [progress.outcome for progress in self.hosts.values()]
        if not ends or any(end is None for end in ends):
            return None
        order = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.CANCELLED, Outcome.OK, Outcome.SKIPPED)
        return next(end for end in order if end in ends)

    @property
    def running(self) -> bool:
        """Whether any host has begun and not ended."""
        return any(p.attempt and p.outcome is None for p in self.hosts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a run asks of an operator. `choices` are the words `runs answer` takes."""

    step: str
    text: str
    choices: tuple[str, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as everybody shows it, folded from its events."""

    run: int
    environment: str
    action: str
    title: str
    operator: str
    state: RunState = RunState.PLANNED
    outcome: Outcome | None = None
    steps: tuple[StepProgress, ...] = ()
    question: Question | None = None
    lock_held: bool = False
    held_by: str = ""
    """Who wants it to hold before its next step; empty when it goes on."""
    lost_links: tuple[str, ...] = ()
    gate: Mapping[str, str] = field(default_factory=dict)
    gate_decision: str = ""
    gate_began: datetime | None = None
    gate_seconds: float | None = None
    offers: tuple[str, ...] = ()
    detail: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    last_seq: int = 0

    @property
    def done(self) -> int:
        """Steps that have ended."""
        return sum(step.outcome is not None for step in self.steps)


def start_view(row: RunRow) -> RunView:
    """The view before any event: every step open."""
    plan = row.plan
    steps = tuple(
        StepProgress(
            name=step.name,
            kind=step.kind,
            effect=step.effect,
            text=step.text,
            hosts={host: HostProgress(host=host) for host in (step.hosts if step.scripts else ("",))},
        )
        for step in plan.steps
    )
    return RunView(
        run=row.id,
        environment=row.environment,
        action=row.action,
        title=plan.title,
        operator=row.operator.label,
        steps=steps,
        gate_seconds=plan.gate.duration if plan.gate else None,
    )


def fold(view: RunView, events: Iterable[Event]) -> RunView:
    """`view` after `events`, in order; events already folded (seq ≤ last_seq) are passed over."""
    for event in events:
        if event.seq > view.last_seq:
            change = _FOLDS.get(event.kind)
            view = replace(change(view, event) if change else view, last_seq=event.seq)
    return view


def _text(event: Event, key: str) -> str:
    value = event.data.get(key)
    return value if isinstance(value, str) else ""


def _number(event: Event, key: str) -> int | None:
    value = event.data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _words(event: Event, key: str) -> tuple[str, ...]:
    value = event.data.get(key)
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _on_step(view: RunView, event: Event, change: Callable[[HostProgress], HostProgress]) -> RunView:
    def changed(step: StepProgress) -> StepProgress:
        if step.name != event.step or event.host not in step.hosts:
            return step
        return replace(step, hosts={**step.hosts, event.host: change(step.hosts[event.host])})

    return replace(view, steps=tuple(changed(step) for step in view.steps))


def _confirmed(view: RunView, _event: Event) -> RunView:
    return replace(view, state=RunState.CONFIRMED)


def _started(view: RunView, event: Event) -> RunView:
    began = view.started_at or event.at
    return replace(view, state=RunState.RUNNING, started_at=began, question=None, held_by="", gate_began=None)


def _lock(view: RunView, event: Event) -> RunView:
    return replace(view, lock_held=event.kind is EventKind.LOCK_TAKEN)


def _known(view: RunView, event: Event) -> RunView:
    """`view` with a row for a step that no plan lists: an undo, or what an abort calls for."""
    step = next((step for step in view.steps if step.name == event.step), None)
    if step is not None and event.host in step.hosts:
        return view
    hosts = {**(step.hosts if step else {}), event.host: HostProgress(host=event.host)}
    if step is not None:
        return replace(view, steps=tuple(replace(s, hosts=hosts) if s is step else s for s in view.steps))
    text = _text(event, "text") or event.step
    fresh = StepProgress(name=event.step, kind=_text(event, "kind"), effect=Effect.IDEMPOTENT, text=text, hosts=hosts)
    return replace(view, steps=(*view.steps, fresh))


def _intended(view: RunView, event: Event) -> RunView:
    attempt = _number(event, "attempt") or 1
    return _on_step(
        _known(view, event),
        event,
        lambda progress: replace(
            progress, attempt=attempt, started_at=event.at, outcome=None, finished_at=None, exit_status=None
        ),
    )


def _output(view: RunView, event: Event) -> RunView:
    end = (_number(event, "offset") or 0) + (_number(event, "length") or 0)
    return _on_step(view, event, lambda progress: replace(progress, bytes=end))


def _finished_step(view: RunView, event: Event) -> RunView:
    return _on_step(
        view,
        event,
        lambda progress: replace(
            progress,
            outcome=Outcome(_text(event, "outcome")),
            exit_status=_number(event, "exit_status"),
            finished_at=event.at,
            detail=_text(event, "detail"),
            results=_results(event),
        ),
    )


def _results(event: Event) -> tuple[JobResult, ...]:
    found = event.data.get("results")
    return tuple(
        JobResult(uuid=str(each.get("uuid")), outcome=_outcome(each.get("outcome")), detail=str(each.get("detail", "")))
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict)
    )


def results_code(words: Collection[object]) -> int:
    """The exit code for failed jobs with these outcomes: 8 when one is unknown, 3 when some are ok, 1 when none is."""
    if any(_outcome(word) is Outcome.UNKNOWN for word in words):
        return 8
    if Outcome.FAILED not in words:
        return 0
    return 3 if Outcome.OK in words else 1


def _outcome(word: object) -> Outcome:
    """A word that a newer console may have written is no success."""
    return Outcome(word) if isinstance(word, str) and word in set(Outcome) else Outcome.UNKNOWN


def _sampled(view: RunView, event: Event) -> RunView:
    gate = {**view.gate, _text(event, "probe"): _text(event, "status")}
    return replace(view, gate=gate, gate_began=view.gate_began or event.at)


def _decided(view: RunView, event: Event) -> RunView:
    return replace(view, gate_decision=_text(event, "decision"), detail=_text(event, "detail") or view.detail)


def _link(view: RunView, event: Event) -> RunView:
    rest = tuple(host for host in view.lost_links if host != event.host)
    return replace(view, lost_links=(*rest, event.host) if event.kind is EventKind.LINK_LOST else rest)


def _needed(view: RunView, event: Event) -> RunView:
    question = Question(
        step=event.step, text=_text(event, "question"), choices=_words(event, "choices"), asked_at=event.at
    )
    return replace(view, state=RunState.NEEDS_OPERATOR, question=question)


def _answered(view: RunView, event: Event) -> RunView:
    asked = _text(event, "request")
    if asked in ("hold", "go", "skip") and not event.data.get("ignored"):
        # A wish is no answer: what the run has asked it still asks.
        held = {"hold": _text(event, "who") or "somebody", "go": ""}
        return replace(view, held_by=held.get(asked, view.held_by))
    return replace(view, state=RunState.RUNNING, question=None)


def _ended(view: RunView, event: Event) -> RunView:
    return replace(
        view,
        state=RunState.FINISHED,
        outcome=Outcome(_text(event, "outcome")),
        detail=_text(event, "detail") or view.detail,
        offers=_words(event, "offers"),
        finished_at=event.at,
        question=None,
        held_by="",
    )


_FOLDS = {
    EventKind.RUN_CONFIRMED: _confirmed,
    EventKind.RUN_STARTED: _started,
    EventKind.LOCK_TAKEN: _lock,
    EventKind.LOCK_LOST: _lock,
    EventKind.LOCK_RELEASED: _lock,
    EventKind.STEP_INTENDED: _intended,
    EventKind.STEP_OUTPUT: _output,
    EventKind.STEP_FINISHED: _finished_step,
    EventKind.GATE_SAMPLED: _sampled,
    EventKind.GATE_DECIDED: _decided,
    EventKind.LINK_LOST: _link,
    EventKind.LINK_RESTORED: _link,
    EventKind.OPERATOR_NEEDED: _needed,
    EventKind.OPERATOR_ANSWERED: _answered,
    EventKind.RUN_FINISHED: _ended,
}
