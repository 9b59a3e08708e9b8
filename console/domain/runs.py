"""A run as everybody shows it, folded from its events.

Owns the one meaning of a run's events: the run drawer, `runs show`, `--json` and the report all call `fold`, so they
cannot disagree. Must not perform anything, nor read a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from console.domain.actions import Effect
from console.domain.event_codec import outcome_of
from console.domain.events import (
    Event,
    EventKind,
    GateDecided,
    GateSampled,
    JobResult,
    LinkLost,
    LinkRestored,
    LockLost,
    LockReleased,
    LockTaken,
    OperatorAnswered,
    OperatorNeeded,
    Outcome,
    RunConfirmed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepIntended,
    StepOutput,
)
from console.domain.plans import Danger, HostScript, Plan, PlannedHost, PlannedStep
from console.domain.policy import Operator
from console.domain.step_facts import StepFacts

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


class RunState(StrEnum):
    """Where a run stands."""

    PLANNED = "planned"
    CONFIRMED = "confirmed"
    RUNNING = "running"
    NEEDS_OPERATOR = "needs operator"
    FINISHED = "finished"


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
class HostProgress:
    """One step on one host. `outcome` None means not finished; `bytes` is the output known so far; `results` has one
    entry for each failed job the step was about; `migrated` counts the migrations that were recorded meanwhile, None
    where nobody counted them."""

    host: str
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    exit_status: int | None = None
    bytes: int = 0
    detail: str = ""
    results: tuple[JobResult, ...] = ()
    migrated: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """One step of a run. `hosts` holds `""` for steps the runner performs itself."""

    name: str
    kind: str
    effect: Effect
    text: str
    hosts: Mapping[str, HostProgress]
    facts: StepFacts = field(default_factory=StepFacts)

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
    """The operator whose hold request still stands: the run waits before its next step. Empty when there is none."""
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

    @property
    def in_gate(self) -> bool:
        """Whether the gate is looking now."""
        return self.gate_began is not None and not self.gate_decision and self.outcome is None

    @property
    def stages(self) -> tuple[int, int]:
        """How far it is: what has ended, and how much there is. The steps, and the gate as the last stage."""
        return self.done + bool(self.gate_decision), len(self.steps) + (self.gate_seconds is not None)


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
            facts=step.facts,
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
            view = replace(_folded(view, event), last_seq=event.seq)
    return view


def _folded(view: RunView, event: Event) -> RunView:
    match event.payload:
        case RunConfirmed():
            return replace(view, state=RunState.CONFIRMED)
        case RunStarted():
            return _started(view, event)
        case LockTaken():
            return replace(view, lock_held=True)
        case LockLost() | LockReleased():
            return replace(view, lock_held=False)
        case StepIntended() as intent:
            return _intended(view, event, intent)
        case StepOutput() as output:
            end = output.offset + output.length
            return _on_step(view, event, lambda progress: replace(progress, bytes=end))
        case StepFinished() as finished:
            return _finished_step(view, event, finished)
        case LinkLost() | LinkRestored():
            return _link(view, event)
        case _:
            return _folded_words(view, event)


def _folded_words(view: RunView, event: Event) -> RunView:
    """What the gate, operators and the end of the run say."""
    match event.payload:
        case GateSampled() as sample:
            gate = {**view.gate, sample.probe: sample.status}
            return replace(view, gate=gate, gate_began=view.gate_began or event.at)
        case GateDecided() as decided:
            return replace(view, gate_decision=decided.decision, detail=decided.detail or view.detail)
        case OperatorNeeded() as asked:
            question = Question(step=event.step, text=asked.question, choices=asked.choices, asked_at=event.at)
            return replace(view, state=RunState.NEEDS_OPERATOR, question=question)
        case OperatorAnswered() as answer:
            return _answered(view, answer)
        case RunFinished() as end:
            return _ended(view, event, end)
        case _:
            return view


def _on_step(view: RunView, event: Event, change: Callable[[HostProgress], HostProgress]) -> RunView:
    def changed(step: StepProgress) -> StepProgress:
        if step.name != event.step or event.host not in step.hosts:
            return step
        return replace(step, hosts={**step.hosts, event.host: change(step.hosts[event.host])})

    return replace(view, steps=tuple(changed(step) for step in view.steps))


def _started(view: RunView, event: Event) -> RunView:
    began = view.started_at or event.at
    return replace(view, state=RunState.RUNNING, started_at=began, question=None, held_by="", gate_began=None)


def _known(view: RunView, event: Event, intent: StepIntended) -> RunView:
    """`view` with a row for a step that the plan does not list: an undo, or what a step declares for an abort."""
    step = next((step for step in view.steps if step.name == event.step), None)
    if step is not None and event.host in step.hosts:
        return view
    hosts = {**(step.hosts if step else {}), event.host: HostProgress(host=event.host)}
    if step is not None:
        return replace(view, steps=tuple(replace(s, hosts=hosts) if s is step else s for s in view.steps))
    text = intent.text or event.step
    fresh = StepProgress(name=event.step, kind=intent.kind, effect=Effect.IDEMPOTENT, text=text, hosts=hosts)
    return replace(view, steps=(*view.steps, fresh))


def _intended(view: RunView, event: Event, intent: StepIntended) -> RunView:
    return _on_step(
        _known(view, event, intent),
        event,
        lambda progress: replace(
            progress,
            attempt=intent.attempt or 1,
            started_at=event.at,
            outcome=None,
            finished_at=None,
            exit_status=None,
        ),
    )


def _finished_step(view: RunView, event: Event, finished: StepFinished) -> RunView:
    return _on_step(
        view,
        event,
        lambda progress: replace(
            progress,
            outcome=finished.outcome,
            exit_status=finished.exit_status,
            finished_at=event.at,
            detail=finished.detail,
            results=finished.results,
            migrated=finished.migrated,
        ),
    )


def results_code(words: Collection[object]) -> int:
    """The exit code for failed jobs with these outcomes: 8 when one is unknown, 3 when some are ok, 1 when none is."""
    if any(outcome_of(word) is Outcome.UNKNOWN for word in words):
        return 8
    if Outcome.FAILED not in words:
        return 0
    return 3 if Outcome.OK in words else 1


def _link(view: RunView, event: Event) -> RunView:
    rest = tuple(host for host in view.lost_links if host != event.host)
    return replace(view, lost_links=(*rest, event.host) if isinstance(event.payload, LinkLost) else rest)


def _answered(view: RunView, answer: OperatorAnswered) -> RunView:
    if answer.request in ("hold", "go", "skip") and not answer.ignored:
        # A hold, go or skip request does not answer the open question; the run still asks it.
        held = {"hold": answer.who or "somebody", "go": ""}
        return replace(view, held_by=held.get(answer.request, view.held_by))
    return replace(view, state=RunState.RUNNING, question=None)


def _ended(view: RunView, event: Event, end: RunFinished) -> RunView:
    return replace(
        view,
        state=RunState.FINISHED,
        outcome=end.outcome,
        detail=end.detail or view.detail,
        offers=end.offers,
        finished_at=event.at,
        question=None,
        held_by="",
    )
