"""The facts that a run states, one type for each kind, and the words for how a run or a step ended.

Owns the kinds of events, what each says, and the outcomes. Must not say what an event means: `domain.runs.fold` does;
nor how it is stored: `domain.event_codec` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from console.domain.documents import Json


class Outcome(StrEnum):
    """How a run or a step ended. `unknown` is never shown as success."""

    OK = "ok"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


OUTPUT_KEPT = 8 * 1024 * 1024
"""Bytes of output that are kept of one step on one host; the rest stays on the host."""


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
    STEP_NOTED = "step_noted"
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


_OPTIONAL = {"optional": True}
"""Of a field whose key is written only where its value is another than the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What became of one failed job that a step retried or forgot, as it was read back."""

    uuid: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedRows:
    """The file that a step wrote rows to before it deleted them."""

    file: str
    sha256: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeBefore:
    """What a probe of the gate answered before step 1. `status` is a word of `health.Status`."""

    status: str
    detail: str = ""
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What one kind of event says.

    `more` holds what a stored event says beyond the fields: keys that a step kind adds, keys and values that only a
    newer console understands. `lacking` names fields that a stored event has no key for. With both, an event is
    written and printed again exactly as it was stored.
    """

    EVENT: ClassVar[EventKind]

    more: Mapping[str, Json] = field(default_factory=dict)
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlanned(Payload):
    """A plan was stored."""

    EVENT = EventKind.RUN_PLANNED

    plan_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfirmed(Payload):
    """Somebody confirmed the plan; `typed` when they typed the environment's name."""

    EVENT = EventKind.RUN_CONFIRMED

    who: str = ""
    typed: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Payload):
    """A runner began, or began again. `places` are the control directories of the hosts, by name."""

    EVENT = EventKind.RUN_STARTED

    resumed: bool = False
    operator: str = ""
    places: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTaken(Payload):
    """The environment's lock is this run's."""

    EVENT = EventKind.LOCK_TAKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class LockLost(Payload):
    """The environment's lock is not this run's any more, or nobody knows whose it is."""

    EVENT = EventKind.LOCK_LOST

    detail: str = field(default="", metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightDone(Payload):
    """What was looked at before step 1 was good enough. A resumed run does not ask the `probes` again."""

    EVENT = EventKind.PREFLIGHT_DONE

    warnings: tuple[str, ...] = ()
    probes: Mapping[str, ProbeBefore] | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepIntended(Payload):
    """A step is about to be started on a host. `base` is how much output its earlier attempts left; `more` is what its
    kind has to know when it has ended."""

    EVENT = EventKind.STEP_INTENDED

    attempt: int = 1
    base: int = 0
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Payload):
    """A step was started on a host. `detached` is unknown when the answer was lost with the link."""

    EVENT = EventKind.STEP_STARTED

    detached: bool | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNoted(Payload):
    """How far a step is that the runner performs itself: `more` is its kind's own."""

    EVENT = EventKind.STEP_NOTED


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput(Payload):
    """Output of a step was stored."""

    EVENT = EventKind.STEP_OUTPUT

    offset: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Payload):
    """A step ended on a host; `more` is what its kind adds. `migrated` is how many migrations were recorded meanwhile,
    None where nobody counted them."""

    EVENT = EventKind.STEP_FINISHED

    outcome: Outcome = Outcome.UNKNOWN
    exit_status: int | None = None
    detail: str = ""
    results: tuple[JobResult, ...] = field(default=(), metadata=_OPTIONAL)
    archive: ArchivedRows | None = field(default=None, metadata=_OPTIONAL)
    migrated: int | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSampled(Payload):
    """A probe of the gate answered. `status` is a word of `health.Status`."""

    EVENT = EventKind.GATE_SAMPLED

    probe: str = ""
    status: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecided(Payload):
    """The gate `passed` or `failed`."""

    EVENT = EventKind.GATE_DECIDED

    decision: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost(Payload):
    """A host cannot be reached any more."""

    EVENT = EventKind.LINK_LOST

    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRestored(Payload):
    """A host that was lost answers again."""

    EVENT = EventKind.LINK_RESTORED


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNeeded(Payload):
    """The run asks; or it is `parked`: its runner has ended, and somebody has to resume it. A question is put `again`
    after an answer that was `refused`."""

    EVENT = EventKind.OPERATOR_NEEDED

    question: str = ""
    choices: tuple[str, ...] = ()
    parked: bool = field(default=False, metadata=_OPTIONAL)
    again: bool = field(default=False, metadata=_OPTIONAL)
    refused: str | None = field(default=None, metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAnswered(Payload):
    """Somebody asked something of the run, and `request` is what. `question` is the event that an answer is for;
    `ignored` when it fits no question."""

    EVENT = EventKind.OPERATOR_ANSWERED

    request: str = ""
    who: str = ""
    body: str = ""
    question: int | None = field(default=None, metadata=_OPTIONAL)
    ignored: bool = field(default=False, metadata=_OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd(Payload):
    """How a run ended, or is about to. `offers` are the actions that a person may go on with."""

    outcome: Outcome = Outcome.UNKNOWN
    detail: str = ""
    exit_code: int | None = None
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockReleased(RunEnd):
    """The environment's lock was given up, and this is the end that the run is coming to."""

    EVENT = EventKind.LOCK_RELEASED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(RunEnd):
    """The run has ended."""

    EVENT = EventKind.RUN_FINISHED


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPayload(Payload):
    """What only a newer console understands: all of it is in `more`."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of a run. `seq` counts from 1 without gaps."""

    run: int
    seq: int
    at: datetime
    payload: Payload
    step: str = ""
    host: str = ""

    @property
    def kind(self) -> str:
        """The word of its kind, also of one that a newer console wrote."""
        payload = self.payload
        return payload.kind if isinstance(payload, UnknownPayload) else payload.EVENT
