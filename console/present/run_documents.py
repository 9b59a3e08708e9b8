"""Plans, runs and events as the JSON documents that programs get, and events as lines for a terminal.

Owns every key of `plan`, `run`, `runs` and `failed retry`. Must not read, decide an exit code, nor sanitise JSON: it is
exact, and ASCII-escaped where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.domain.documents import Json
from console.domain.event_codec import encode_payload
from console.domain.events import (
    GateDecided,
    GateSampled,
    LinkLost,
    OperatorAnswered,
    OperatorNeeded,
    Payload,
    PreflightDone,
    RunConfirmed,
    RunFinished,
    RunPlanned,
    RunStarted,
    StepFinished,
    StepOutput,
    StepStarted,
)
from console.domain.plan_codec import plan_hash
from console.domain.plans import Plan, PlannedStep
from console.domain.runs import Event, RunRow, RunView, StepProgress
from console.domain.untrusted import harmless
from console.present.payload import stamp

_MARGIN = "\n" + " " * 9


def plan_document(plan: Plan) -> dict[str, Json]:
    """What `plan --json` prints."""
    return {
        "environment": plan.environment,
        "action": plan.action,
        "title": plan.title,
        "plan_hash": plan_hash(plan),
        "params": dict(plan.params),
        "release": plan.release or None,
        "commit": plan.commit or None,
        "rollback_target": plan.rollback_target or None,
        "protected": plan.protected,
        "lock": plan.lock,
        "hosts": [
            {"name": host.name, "address": host.address, "host_key": host.host_key, "current": host.current or None}
            for host in plan.hosts
        ],
        "steps": [step_document(step) for step in plan.steps],
        "gate": _gate(plan),
        "notes": list(plan.notes),
    }


def step_document(step: PlannedStep) -> dict[str, Json]:
    """One planned step; `scripts` are the exact texts by host."""
    return {
        "name": step.name,
        "kind": step.kind,
        "hosts": list(step.hosts),
        "text": step.text,
        "danger": step.danger.value,
        "effect": step.effect.value,
        "timeout_seconds": step.timeout,
        "scripts": {script.host: script.script for script in step.scripts},
    }


def run_document(row: RunRow, view: RunView) -> dict[str, Json]:
    """What `runs show --json` prints."""
    question = view.question
    return {
        "run": row.id,
        "name": row.name,
        "environment": row.environment,
        "action": row.action,
        "plan_hash": plan_hash(row.plan),
        "params": dict(row.plan.params),
        "operator": row.operator.label,
        "created_at": stamp(row.created_at),
        "started_at": stamp(view.started_at),
        "finished_at": stamp(view.finished_at),
        "state": view.state.value,
        "outcome": view.outcome.value if view.outcome else None,
        "detail": view.detail,
        "offers": list(view.offers),
        "lock_held": view.lock_held,
        "question": {"step": question.step, "text": question.text, "choices": list(question.choices)}
        if question
        else None,
        "steps": [_run_step(step, _planned(row, step.name)) for step in view.steps],
    }


def run_summary(row: RunRow, view: RunView) -> dict[str, Json]:
    """One element of `runs list --json`."""
    return {
        "run": row.id,
        "environment": row.environment,
        "action": row.action,
        "operator": row.operator.label,
        "created_at": stamp(row.created_at),
        "state": view.state.value,
        "outcome": view.outcome.value if view.outcome else None,
        "detail": view.detail,
    }


def event_document(event: Event) -> dict[str, Json]:
    """One line of `run --json`."""
    document: dict[str, Json] = {"at": stamp(event.at), "kind": str(event.kind), "run": event.run, "seq": event.seq}
    if event.step:
        document["step"] = event.step
    if event.host:
        document["host"] = event.host
    said = encode_payload(event.payload)
    return {**document, **{key: value for key, value in said.items() if key not in document}}


def event_line(event: Event) -> str:
    """One event for a person, empty for those that only clutter; its further lines stand below the first."""
    where = " ".join(part for part in (event.step, f"on {event.host}" if event.host else "") if part)
    said = _MARGIN.join(harmless(line) for line in _words(event.payload).split("\n"))
    if isinstance(event.payload, StepOutput | StepStarted | RunPlanned):
        return ""
    name = harmless(event.kind).replace("_", " ")
    return f"{event.at:%H:%M:%S} {name}" + (f" {harmless(where)}" if where else "") + (f": {said}" if said else "")


class EventLines:
    """The events of one run for a person, in their order. Of a gate's samples only those that say something else than
    the sample of that probe before: a gate of two minutes takes more than a hundred."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def line(self, event: Event) -> str:
        """The event's line, empty for those that only clutter."""
        if isinstance(event.payload, RunStarted):
            self._said.clear()
        if isinstance(event.payload, GateSampled):
            before = self._said.get(event.payload.probe)
            self._said[event.payload.probe] = event.payload.status
            if before == event.payload.status:
                return ""
        return event_line(event)


def run_state_document(view: RunView) -> dict[str, Json]:
    """How a run stands: its outcome and why, and what it asks while it has none."""
    question = view.question
    return {
        "run": view.run,
        "state": view.state.value,
        "outcome": view.outcome.value if view.outcome else None,
        "detail": view.detail or (question.text if question else ""),
        "choices": list(question.choices) if question else [],
    }


def changes_document(view: RunView, events: Iterable[Event]) -> dict[str, Json]:
    """What `failed retry --json` and `failed forget --json` print of their run: how it stands, and `results[]` for the
    jobs that it came to."""
    return {"environment": view.environment, **run_state_document(view), "results": _results(events)}


def _results(events: Iterable[Event]) -> list[Json]:
    found: list[Json] = []
    for event in events:
        if isinstance(event.payload, StepFinished):
            results = encode_payload(event.payload).get("results")
            found += results if isinstance(results, list) else []
    return found


def archived_rows(events: Iterable[Event]) -> tuple[str, ...]:
    """The files that a forget wrote the rows to before they went."""
    found = (event.payload.archive for event in events if isinstance(event.payload, StepFinished))
    return tuple(archive.file for archive in found if archive is not None)


def _words(payload: Payload) -> str:
    match payload:
        case StepFinished() | RunFinished():
            return _listed(payload.outcome, payload.detail)
        case GateSampled():
            return f"{payload.probe} {payload.status}"
        case GateDecided():
            return _listed(payload.decision, payload.detail)
        case OperatorNeeded():
            choices = ", ".join(payload.choices)
            return payload.question + (f" [{choices}]" if choices else "")
        case OperatorAnswered():
            return " ".join(word for word in (payload.request, payload.body, payload.who) if word)
        case PreflightDone():
            return "; ".join(payload.warnings)
        case LinkLost():
            return payload.detail
        case RunConfirmed():
            return _listed(f"by {payload.who}", payload.reason)
        case _:
            return ""


def _listed(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _gate(plan: Plan) -> Json:
    if plan.gate is None:
        return None
    return {
        "probes": list(plan.gate.probes),
        "seconds": plan.gate.duration,
        "on_failure": plan.gate.on_failure,
    }


def _planned(row: RunRow, name: str) -> PlannedStep | None:
    return next((step for step in row.plan.steps if step.name == name), None)


def _run_step(step: StepProgress, planned: PlannedStep | None) -> dict[str, Json]:
    ends = [progress for progress in step.hosts.values() if progress.exit_status is not None]
    worst = max((progress.exit_status or 0 for progress in ends), default=None)
    return {
        "name": step.name,
        "kind": step.kind,
        "hosts": list(planned.hosts) if planned else [host for host in step.hosts if host],
        "text": step.text,
        "danger": planned.danger.value if planned else "caution",
        "effect": step.effect.value,
        "outcome": step.outcome.value if step.outcome else None,
        "exit_status": worst,
        "seconds": _seconds(step),
        "on": [
            {
                "host": progress.host or None,
                "attempt": progress.attempt,
                "outcome": progress.outcome.value if progress.outcome else None,
                "exit_status": progress.exit_status,
                "detail": progress.detail,
                "output_bytes": progress.bytes,
            }
            for progress in step.hosts.values()
        ],
    }


def _seconds(step: StepProgress) -> Json:
    began = [progress.started_at for progress in step.hosts.values() if progress.started_at]
    ended = [progress.finished_at for progress in step.hosts.values() if progress.finished_at]
    if not began or step.outcome is None or not ended:
        return None
    return round((max(ended) - min(began)).total_seconds(), 3)
