"""Actions as declared: parameters, steps with their effects, and the gate that decides at the end.

Owns the declaration's values after validation. Must not resolve them for an environment; planning does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.documents import Json


class Effect(StrEnum):
    """What doing a step twice would mean: nothing, the same again, or harm."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    ONCE = "once"


class ParamType(StrEnum):
    """The types an action's parameter can have."""

    TEXT = "text"
    INT = "int"
    BOOL = "bool"
    CHOICE = "choice"
    DURATION = "duration"
    GIT_REF = "git-ref"
    RELEASE = "release"
    QUEUE = "queue"
    UUID = "uuid"
    UUIDS = "uuids"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter. `ask` puts it into the confirm dialog; `default` may hold one `{template}`."""

    name: str
    type: ParamType
    default: Json = None
    ask: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """One declared step. `params` is the kind's validated model as a plain document."""

    name: str
    kind: str
    params: Json
    on: str = "primary"
    effect: Effect = Effect.ONCE
    timeout: float = 600.0
    when: str = ""
    check: str = ""
    undo: str = ""
    on_abort: str = ""
    become: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """Probes sampled each `every` seconds for `duration`; `on_failure` is ask, hold or rollback; empty probes = all."""

    probes: tuple[str, ...] = ()
    duration: float = 120.0
    every: float = 5.0
    on_failure: str = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One YAML file. `lock` is False for actions that only touch single jobs. `file` names where it came from."""

    name: str
    title: str
    steps: tuple[StepSpec, ...]
    params: tuple[Param, ...] = ()
    gate: GateSpec | None = None
    needs: Mapping[str, Json] = field(default_factory=dict)
    lock: bool = True
    file: str = ""
    digest: str = ""
