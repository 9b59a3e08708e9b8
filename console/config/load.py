"""One call from a path to a `Config`: environments and actions, validated, or every problem at once.

Owns the order of the passes (text, keys, rules across keys, action files). Must not know a step kind or a source beyond
their Protocols, nor keep anything between calls.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.config.document import MAX_BYTES, Document, quoted, read_document
from console.config.kinds import ConfigurableSources
from console.config.model import ConfigModel
from console.config.paths import default_state_path, find_config, from_base, read_own
from console.config.problems import nearest, validate
from console.config.resolve import complaints, resolve_config, salvage
from console.domain.actions import Action
from console.domain.documents import Json
from console.domain.environment import Environment
from console.errors import ConfigError, Problem, UsageError
from console.own_commands import own_command
from console.ports.steps import StepKinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A valid configuration. `actions` are the shipped ones, overridden by name by those in `actions/` beside the file;
    `state_path` is a directory; `digest` changes with any byte of any file read."""

    path: Path
    environments: tuple[Environment, ...]
    actions: tuple[Action, ...]
    state_path: Path
    state_group: str
    digest: str

    def environment(self, name: str) -> Environment:
        """The environment of that name; UsageError names the nearest."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        names = [environment.name for environment in self.environments]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"The configuration has: {', '.join(names)}."
        raise UsageError(f"There is no environment {quoted(name)}.", fix=hint)

    def action(self, name: str) -> Action:
        """The action of that name; UsageError names the nearest."""
        for action in self.actions:
            if action.name == name:
                return action
        names = [action.name for action in self.actions]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."
        raise UsageError(f"There is no action {quoted(name)}.", fix=hint)


def load_config(
    path: Path | None,
    step_kinds: StepKinds | None = None,
    source_kinds: ConfigurableSources | None = None,
    *,
    complete: bool = False,
) -> Config:
    """Reads and validates the configuration at `path` (None: OPSCONSOLE_CONFIG, else the operator's own file).

    Without `step_kinds` no action is read, without `source_kinds` the params under `sources:` are taken as they stand.
    `complete` also looks for what the files name and what is not there (`config.references`).
    Raises ConfigError with every problem at once, InsecureError when others could have written a file.
    """
    file = find_config(path)
    data = read_own(file, MAX_BYTES)
    document = read_document(data, str(file))
    problems = list(document.problems)
    base = file.absolute().parent
    model: ConfigModel | None = None
    if document.root is not None:
        raw = document.root.plain()
        model, found = validate(ConfigModel, raw, document)
        problems += found
        problems += _crossed_problems(model, raw, document, base)
        problems += _source_problems(raw, document, source_kinds)
    actions: tuple[Action, ...] = ()
    digest = hashlib.sha256(data)
    if step_kinds is not None:
        # Most commands only read, and the models of an action file take as long to build as this file to validate.
        from console.config.actions import read_actions

        actions, found = read_actions(base / "actions", step_kinds)
        problems += found
        for action in actions:
            digest.update(action.digest.encode("ascii"))
    if complete and model is not None:
        from console.config.references import missing

        problems += missing(model, actions, document, base)
    if problems or model is None:
        raise ConfigError(tuple(sorted(set(problems))), fix=_fix(problems))
    return Config(
        path=file,
        environments=resolve_config(model, base),
        actions=actions,
        state_path=_state_path(model, base),
        state_group=model.state.group or "",
        digest=digest.hexdigest(),
    )


def _state_path(model: ConfigModel, base: Path) -> Path:
    stated = model.state.path
    return from_base(base, stated) if stated else default_state_path()


def _fix(problems: list[Problem]) -> str:
    count = len(set(problems))
    return f"{count} problem{'s' if count != 1 else ''}; `{own_command('config check')}` reads it again."


def _sections(raw: Json) -> Mapping[str, Json]:
    sections = raw.get("environments") if isinstance(raw, dict) else None
    return sections if isinstance(sections, dict) else {}


def _crossed_problems(model: ConfigModel | None, raw: Json, document: Document, base: Path) -> list[Problem]:
    """What is wrong across keys, also in environments whose single keys are wrong."""
    problems: list[Problem] = []
    for name, entry in _sections(raw).items():
        section = model.environments[name] if model else salvage(entry)
        for where, message in complaints(section, base) if section else ():
            problems.append(document.problem(message, ("environments", name, *where)))
    return problems


def _source_problems(raw: Json, document: Document, kinds: ConfigurableSources | None) -> list[Problem]:
    problems: list[Problem] = []
    for name, section in _sections(raw).items() if kinds is not None else ():
        sources = section.get("sources") if isinstance(section, dict) else None
        for source, params in sources.items() if isinstance(sources, dict) else ():
            path = ("environments", name, "sources", source)
            kind = kinds.get(source) if kinds else None
            if kind is None:
                message = f"there is no source {quoted(source)}{nearest(source, list(kinds or ()))}"
                problems.append(document.problem(message, path, key=True))
            else:
                problems += validate(kind.Params, {} if params is None else params, document, path)[1]
    return problems
