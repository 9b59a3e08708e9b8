"""What a configuration names that is not there: files of secrets, the group of the state, health questions of gates.

Owns these checks, which look beyond the file itself. They are for `config check` alone: what is missing for one
environment must not keep the others from being looked at.
"""

from __future__ import annotations

import grp
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.config.document import MAX_BYTES, Document, quoted, read_document
from console.config.model import ConfigModel
from console.config.paths import absence, from_base
from console.config.problems import nearest
from console.config.resolve import passwords, probe_name
from console.config.secrets import parse_reference
from console.domain.actions import Action
from console.errors import Problem


def missing(model: ConfigModel, actions: Sequence[Action], document: Document, base: Path) -> list[Problem]:
    """Every one of them, where it is named."""
    return [
        *_groups(model, document),
        *_secret_files(model, document, base),
        *(problem for action in actions for problem in _gate_probes(model, action)),
    ]


def _groups(model: ConfigModel, document: Document) -> Iterator[Problem]:
    if model.state.group:
        try:
            grp.getgrnam(model.state.group)
        except KeyError:
            yield document.problem(f"there is no group {quoted(model.state.group)} on this machine", ("state", "group"))


def _secret_files(model: ConfigModel, document: Document, base: Path) -> Iterator[Problem]:
    for name, section in model.environments.items():
        for path, text in passwords(section):
            try:
                reference = parse_reference(text)
            except ValueError:
                continue
            if reference.kind not in ("file", "dotenv"):
                continue
            body = reference.body.rpartition("#")[0] if reference.kind == "dotenv" else reference.body
            file = from_base(base, body)
            if why := absence(file):
                yield document.problem(f"the secret file {file}: {why}", ("environments", name, *path))


def _gate_probes(model: ConfigModel, action: Action) -> Iterator[Problem]:
    """Health questions that a gate names and no environment has; what one environment lacks its plan says."""
    known = {probe_name(probe) for section in model.environments.values() for probe in section.health}
    lacking = [at for at, probe in enumerate(action.gate.probes if action.gate else ()) if probe not in known]
    if not lacking or action.gate is None:
        return
    document = read_document(Path(action.file).read_bytes()[: MAX_BYTES + 1], action.file)
    for at in lacking:
        probe = action.gate.probes[at]
        message = f"no environment has a health question {quoted(probe)}{nearest(probe, sorted(known))}"
        yield document.problem(message, ("gate", "probes", at))
