"""Plans: what would happen, exactly, host by host.

Owns the values that a confirmation is bound to. Must not resolve anything; planning does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from console.domain.actions import Effect, GateSpec
from console.domain.documents import Json
from console.domain.policy import Operator
from console.domain.step_facts import StepFacts


class Danger(StrEnum):
    """How loudly a plan names a step."""

    SAFE = "safe"
    CAUTION = "caution"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostScript:
    """What runs on one host. `script` is exact POSIX sh text (secrets appear as `${OPSCONSOLE_SECRET_n}` only);
    `text` is the one line a person reads."""

    host: str
    script: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step resolved for one environment.

    `scripts` is empty where the runner performs the step itself; its resolved `params` say what. `facts` is what the
    kind declares about it.
    `check` answers by exit status: 0 already done, 1 not done, anything else unknown. `when`: 0 run it, 1 skip it.
    `undo` and `on_abort` run on the same hosts. `secrets` are references in the order of their numbers.
    """

    name: str
    kind: str
    hosts: tuple[str, ...]
    text: str
    effect: Effect
    danger: Danger = Danger.CAUTION
    timeout: float = 600.0
    params: Mapping[str, Json] = field(default_factory=dict)
    scripts: tuple[HostScript, ...] = ()
    check: tuple[HostScript, ...] = ()
    when: tuple[HostScript, ...] = ()
    undo: tuple[HostScript, ...] = ()
    on_abort: tuple[HostScript, ...] = ()
    secrets: tuple[str, ...] = ()
    facts: StepFacts = field(default_factory=StepFacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHost:
    """A host as it was when the plan was made; `host_key` is the fingerprint `SHA256:…`, empty for no SSH."""

    name: str
    address: str
    host_key: str
    current: str = ""
    releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would happen, exactly. Its hash binds a confirmation to it (see `plan_document`).

    `release` is the new release's name or the rollback's target; `commit` what a ref was pinned to. `notes` are
    sentences an operator must read; `gate_urls` maps probe names to URLs. `config_hash` covers this environment's
    resolved section and the action's file.
    """

    action: str
    title: str
    environment: str
    protected: bool
    params: Mapping[str, Json]
    steps: tuple[PlannedStep, ...]
    hosts: tuple[PlannedHost, ...]
    operator: Operator
    lock: bool = True
    gate: GateSpec | None = None
    release: str = ""
    commit: str = ""
    rollback_target: str = ""
    notes: tuple[str, ...] = ()
    config_hash: str = ""
    made_at: datetime | None = None


def undo_name(step: str) -> str:
    """What the undoing of a step is called in the journal."""
    return f"undo {step}"


def abort_name(step: str) -> str:
    """What a step declares for an abort is called in the journal."""
    return f"on abort {step}"
