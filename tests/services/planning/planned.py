"""A planner over the shipped actions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from console.config.actions import read_actions
from console.domain.actions import Action
from console.services.planning.planner import Planner
from console.steps import step_kinds
from tests.fakes.reach import FakeReach
from tests.services.running.stage import Stage

NONE = Path("/nonexistent")


def shipped() -> dict[str, Action]:
    actions, problems = read_actions(NONE, step_kinds())
    assert not problems
    return {one.name: one for one in actions}


def reach(stage: Stage, **changes: Any) -> FakeReach:
    environment = replace(stage.environment, **changes)
    return FakeReach(environment, shells=stage.shells, http=stage.http)


def planner(stage: Stage, **variables: str) -> Planner:
    return Planner(kinds=step_kinds(), clock=stage.clock, variables=variables)
