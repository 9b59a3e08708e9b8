"""An application directory on this machine, and contexts to plan steps for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.config.kinds import params_model
from console.domain.actions import Effect, StepSpec
from console.domain.environment import AppSpec, CodeSource, Environment
from console.domain.plan_context import PlanContext, Target
from console.domain.runs import PlannedStep
from console.steps import step_kinds
from tests.fakes.reach import make_environment

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def environment_at(base: Path | str, **changes: Any) -> Environment:
    """One host, release directories in `base`."""
    environment = make_environment()
    app = AppSpec(path=str(base), source=CodeSource(git="git@example.com:team/app.git", ref="main"))
    return replace(environment, app=app, hosts=environment.hosts[:1], **changes)


def plan_step(environment: Environment, kind: str, params: Any, **changes: Any) -> PlannedStep:
    """The step planned on all hosts; `changes` go to the spec or the context."""
    one = step_kinds()[kind]
    document = params_model(one).model_validate(params).model_dump(mode="json", by_alias=True)
    names = {"name", "effect", "timeout", "when", "check", "undo", "on_abort", "become"}
    spec_changes = {key: value for key, value in changes.items() if key in names}
    base: dict[str, Any] = {"name": kind, "kind": kind, "params": document, "on": "all", "effect": Effect.ONCE}
    spec = StepSpec(**{**base, **spec_changes})
    context = PlanContext(
        environment=environment,
        scope={"param": {}, "app": {}, "env": {"name": environment.name}, "run": {"action": "deploy"}},
        step=spec,
        hosts=environment.hosts,
        target=Target(release="7", creates=True, commit=COMMIT, ref="main"),
        operator="op@bastion",
        before={host.name: "6" for host in environment.hosts},
        releases={host.name: ("5", "6") for host in environment.hosts},
    )
    rest = {key: value for key, value in changes.items() if key not in names}
    return one.plan(replace(context, **rest))


def sh(script: str, *, path: Path | None = None, variables: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Runs a script with the local sh; its exit status and both streams."""
    environ = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(
        ["sh"],
        input=script.encode(),
        capture_output=True,
        timeout=30,
        check=False,
        env={**environ, **(variables or {})},
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def tool(folder: Path, name: str, body: str) -> None:
    """A stand-in for a command, first in PATH."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
