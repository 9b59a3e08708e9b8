"""Action files: one YAML file each, validated against the step kinds it is given, every problem with its position.

Owns the format of an action file. Must not know what a step kind does: its params model and its names come from
`ports.steps`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from console.config.document import MAX_BYTES, Document, quoted, read_document
from console.config.fields import Duration, Flag, Line, Name
from console.config.kinds import params_model
from console.config.model import Section
from console.config.paths import read_own
from console.config.problems import fields_at, nearest, validate
from console.config.secrets import anchored, parse_reference
from console.domain import parameters, templates
from console.domain.actions import Action, Effect, GateSpec, Param, ParamType, StepSpec
from console.domain.documents import Json
from console.errors import ConfigError, Problem, UsageError
from console.ports.steps import StepKind, StepKinds
from console.resources import sample_config

MAX_ACTIONS = 500
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class ParamModel(Section):
    """One parameter of an action."""

    type: Literal[
        "text", "int", "bool", "choice", "duration", "git-ref", "release", "queue", "uuid", "uuids", "path"
    ] = "text"
    """What it may hold."""
    default: Any = None
    """Its value when none is given; a text may hold one `{template}`."""
    ask: Flag = False
    """Whether the confirm dialog asks for it."""
    required: Flag = False
    """Whether the action cannot be planned without it."""
    choices: list[Line] = Field(default_factory=list)
    """The words a `choice` may be."""
    help: Line = ""
    """One sentence for the dialog."""

    @model_validator(mode="after")
    def _fits(self) -> ParamModel:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError('takes "choices" with type choice, and only then')
        if isinstance(self.default, str) and templates.names(self.default):
            return self
        if self.default is not None:
            try:
                parameters.coerce(_param("default", self), self.default)
            except UsageError as error:
                expected = error.what.partition(": ")[2].rstrip(".")
                raise ValueError(f"has a default that is not {expected}") from error
        return self


class StepModel(Section):
    """What every step can say beside its one kind."""

    name: Name
    """Its name, unique in the action."""
    on: Name = "primary"
    """Where: `all`, `primary`, or a role."""
    effect: Literal["read", "idempotent", "once"] = "once"
    """What doing it twice would mean."""
    timeout: Duration = 600.0
    """How long it may take on one host."""
    when: Name | None = None
    """A named check of its kind; where that says no, the step is skipped."""
    check: Name | None = None
    """A named check of its kind that tells whether it is already done."""
    undo: Name | None = None
    """A named way back of its kind."""
    on_abort: Name | None = None
    """A named way back of its kind that runs when the step is aborted."""
    become: Name | None = None
    """The account to run it as, through `sudo -n`."""


class GateModel(Section):
    """What must hold at the end."""

    probes: Annotated[
        list[Line],
        BeforeValidator(lambda value: [] if value == "all" else value, json_schema_input_type=list[str] | str),
    ] = Field(default_factory=list)
    """Names of health questions, or `all`."""
    for_: Duration = Field(default=120.0, alias="for")
    """How long they are watched."""
    every: Duration = 5.0
    """How often they are asked."""
    on_failure: Literal["ask", "hold", "rollback"] = "ask"
    """What a failed gate does: end and offer a rollback, hold the lock until answered, or roll back by itself."""


class NeedsModel(Section):
    """What an environment must have for this action to be offered."""

    layout: Literal["releases", "in-place"] | None = None
    """The application's layout."""
    source: Literal["git", "archive", "any"] | None = None
    """The kind of `app.source`."""
    workers: Flag | None = None
    """Whether worker programs must be configured."""
    health: Flag | None = None
    """Whether health questions must be configured."""


class ActionModel(Section):
    """One action file."""

    title: Line
    """What it is called on the screen."""
    params: dict[Name, ParamModel] = Field(default_factory=dict)
    """Its parameters by name."""
    needs: NeedsModel = Field(default_factory=NeedsModel)
    """What an environment must have for it."""
    steps: Annotated[list[Any], Field(min_length=1, max_length=200)]
    """Its steps in order; exactly one step kind each."""
    gate: GateModel | None = None
    """What must hold at the end."""
    lock: Flag = True
    """Whether it takes the environment's deploy lock."""


def read_actions(own: Path, kinds: StepKinds) -> tuple[tuple[Action, ...], list[Problem]]:
    """The shipped actions, overridden by name by the files in `own`, sorted by name; and all problems in them."""
    files = {path.stem: (path, False) for path in _yaml_files(sample_config() / "actions")}
    actions: list[Action] = []
    problems: list[Problem] = []
    try:
        files.update({path.stem: (path, True) for path in _yaml_files(own)})
    except OSError as error:
        # Not passed over: an own `deploy` that cannot be seen must not let the shipped one run in its place.
        problems.append(Problem(str(own), 0, 0, f"the actions here cannot be listed: {error.strerror}"))
    if len(files) > MAX_ACTIONS:
        problems.append(Problem(str(own), 0, 0, f"there are {len(files)} actions, and at most {MAX_ACTIONS} are read"))
    for name, (path, foreign) in sorted(files.items())[:MAX_ACTIONS]:
        if not _FILE_NAME.fullmatch(name):
            problems.append(Problem(str(path), 0, 0, "an action's file name must be small letters, digits, - and _"))
            continue
        try:
            data = read_own(path, MAX_BYTES) if foreign else path.read_bytes()
        except ConfigError as error:
            problems += error.problems
            continue
        action, found = read_action(data, path, kinds)
        problems += found
        if action is not None:
            actions.append(action)
    return tuple(actions), problems


def read_action(data: bytes, path: Path, kinds: StepKinds) -> tuple[Action | None, list[Problem]]:
    """One action from the bytes of its file, or None with every problem in it."""
    document = read_document(data, str(path))
    problems = list(document.problems)
    if document.root is None:
        return None, problems
    model, found = validate(ActionModel, document.root.plain(), document)
    problems += found
    steps: list[StepSpec] = []
    raw = document.root.plain()
    entries = raw.get("steps") if isinstance(raw, dict) else None
    names: set[str] = set()
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        step, found = _read_step(entry, index, document, kinds, path)
        problems += found
        if step is not None:
            if step.name in names:
                problems.append(
                    document.problem(f"a second step is called {quoted(step.name)}", ("steps", index, "name"))
                )
            names.add(step.name)
            steps.append(step)
    if model is None:
        return None, problems
    problems += _template_problems(model, document)
    if problems:
        return None, problems
    return _action(model, steps, path, hashlib.sha256(data).hexdigest()), []


def _yaml_files(directory: Path) -> list[Path]:
    try:
        found = [directory / name for name in os.listdir(directory)]  # noqa: PTH208 - iterdir is lazy and raises later
    except FileNotFoundError:
        return []
    return sorted(path for path in found if path.suffix in (".yaml", ".yml"))


def _read_step(
    entry: Json, index: int, document: Document, kinds: StepKinds, file: Path
) -> tuple[StepSpec | None, list[Problem]]:
    path = ("steps", index)
    if not isinstance(entry, dict):
        return None, [document.problem("a step must be a mapping with a name and one kind", path)]
    common = fields_at(StepModel, ())
    named = [key for key in entry if key in kinds]
    problems = [
        document.problem(
            f"unknown step kind or key {quoted(key)}{nearest(key, [*common, *kinds])}", (*path, key), key=True
        )
        for key in entry
        if key not in common and key not in kinds
    ]
    if len(named) > 1:
        problems.append(document.problem(f"a step has one kind, not {len(named)}", (*path, named[1]), key=True))
    elif not named and not problems:
        problems.append(document.problem(f"this step has no kind{nearest('', list(kinds))}", path))
    model, found = validate(StepModel, {key: entry[key] for key in entry if key in common}, document, path)
    problems += found
    if not named:
        return None, problems
    kind = kinds[named[0]]
    params, found = validate(params_model(kind), entry[named[0]], document, (*path, named[0]))
    problems += found
    if model is None:
        return None, problems
    problems += _name_problems(model, kind, named[0], document, path)
    if params is None or problems:
        return None, problems
    dumped = cast("Json", params.model_dump(mode="json", by_alias=True))
    problems += _anchor_secrets(dumped, document, (*path, named[0]), file.parent)
    return (None, problems) if problems else (_step(model, named[0], dumped), [])


def _anchor_secrets(params: Json, document: Document, path: tuple[object, ...], base: Path) -> list[Problem]:
    """Makes the references under a step's `secrets` name the same file wherever they are resolved; what is none of them
    is a problem, for a plan is stored with them."""
    found = params.get("secrets") if isinstance(params, dict) else None
    secrets = found if isinstance(found, dict) else {}
    problems: list[Problem] = []
    for name, text in secrets.items():
        try:
            if parse_reference(str(text)).plain:
                raise ValueError(
                    'must be a reference, not the secret itself: write "env:NAME", "file:PATH", "cmd:[…]", '
                    '"dotenv:PATH#KEY" or "remote-env:KEY"'
                )
            secrets[name] = anchored(str(text), base)
        except ValueError as error:
            problems.append(document.problem(str(error), (*path, "secrets", name)))
    return problems


def _name_problems(
    model: StepModel, kind: StepKind, kind_name: str, document: Document, path: tuple[object, ...]
) -> list[Problem]:
    asked = (
        ("when", model.when, kind.whens),
        ("check", model.check, kind.checks),
        ("undo", model.undo, kind.undos),
        ("on_abort", model.on_abort, kind.undos),
    )
    return [
        document.problem(
            f"the step kind {quoted(kind_name)} has no {key} {quoted(name)}{nearest(name, list(known))}", (*path, key)
        )
        for key, name, known in asked
        if name is not None and name not in known
    ]


def _template_problems(model: ActionModel, document: Document) -> list[Problem]:
    """Templates that name nothing, or a parameter that the action does not declare."""
    known = {*model.params, parameters.ALLOW_FAILING}
    problems: list[Problem] = []
    used: list[tuple[tuple[object, ...], Json]] = [
        (("params", name, "default"), param.default) for name, param in model.params.items()
    ]
    raw = document.root.plain() if document.root is not None else None
    entries = raw.get("steps") if isinstance(raw, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        used += [(("steps", index, key), value) for key, value in (entry.items() if isinstance(entry, dict) else ())]
    for path, value in used:
        for name in sorted(templates.names(value) - templates.NAMES):
            root, _, rest = name.partition(".")
            if root != "param":
                near = nearest(name, templates.NAMES)
                problems.append(document.problem(f"{{{name}}} stands for nothing{near}", path))
            elif rest not in known:
                near = nearest(rest, list(model.params))
                problems.append(document.problem(f"{{{name}}} names no parameter of this action{near}", path))
    return problems


def _step(model: StepModel, kind: str, params: Json) -> StepSpec:
    return StepSpec(
        name=model.name,
        kind=kind,
        params=params,
        on=model.on,
        effect=Effect(model.effect),
        timeout=model.timeout,
        when=model.when or "",
        check=model.check or "",
        undo=model.undo or "",
        on_abort=model.on_abort or "",
        become=model.become or "",
    )


def _param(name: str, model: ParamModel) -> Param:
    return Param(
        name=name,
        type=ParamType(model.type),
        default=model.default,
        ask=model.ask,
        required=model.required,
        choices=tuple(model.choices),
        help=model.help,
    )


def _action(model: ActionModel, steps: list[StepSpec], path: Path, digest: str) -> Action:
    gate = model.gate
    needs = cast("Mapping[str, Json]", model.needs.model_dump(mode="json", exclude_none=True))
    return Action(
        name=path.stem,
        title=model.title,
        steps=tuple(steps),
        params=tuple(_param(name, param) for name, param in model.params.items()),
        gate=GateSpec(probes=tuple(gate.probes), duration=gate.for_, every=gate.every, on_failure=gate.on_failure)
        if gate
        else None,
        needs=needs,
        lock=model.lock,
        file=str(path),
        digest=digest,
    )
