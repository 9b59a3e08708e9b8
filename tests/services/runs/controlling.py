"""The control of runs on a stage, with every runner that it starts written down in place of being started."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from console.domain.actions import Action
from console.domain.environment import Environment
from console.domain.plan_codec import plan_hash
from console.domain.policy import Confirmation
from console.errors import UsageError
from console.ports import Clock
from console.services.planning.planner import Planner
from console.services.runs.control import ControlContext, OpenWindows, RunControl, store_confirmed
from console.steps import step_kinds
from console.store.leases import Leases
from tests.services.running.stage import OPERATOR, Stage, action, step


@dataclass(frozen=True, slots=True)
class Declared:
    """A configuration with the stage's environment and some actions."""

    stage: Stage
    actions: tuple[Action, ...]

    def environment(self, name: str) -> Environment:
        if name != self.stage.environment.name:
            raise UsageError(f"There is no environment {name}.")
        return self.stage.environment

    def action(self, name: str) -> Action:
        found = [action for action in self.actions if action.name == name]
        if not found:
            raise UsageError(f"There is no action {name}.")
        return found[0]


def control_on(
    stage: Stage,
    windows: OpenWindows,
    start: Callable[[int], None],
    *,
    actions: tuple[Action, ...] = (action(step("one", "true")),),
    leases: Leases | None = None,
    clock: Clock | None = None,
    runner_end: Callable[[int, str], str] | None = None,
) -> RunControl:
    """The control of runs over the stage's state, for its operator."""
    return RunControl(
        ControlContext(
            declared=Declared(stage, actions),
            store=stage.store,
            leases=leases or Leases(stage.database),
            audit=stage.audit,
            windows=windows,
            planner=lambda: Planner(kinds=step_kinds(), clock=stage.clock),
            reach=lambda _name: nullcontext(stage.reach),
            operator=OPERATOR,
            clock=clock or stage.clock,
            start=start,
            runner_end=runner_end,
        )
    )


def confirmed(stage: Stage) -> int:
    """The number of a run that was planned and confirmed as the faces do it, and has no runner yet."""
    plan = stage.plan(action(step("one", "true")))
    said = Confirmation(plan_hash=plan_hash(plan), operator=OPERATOR, typed="", yes=True)
    return store_confirmed(stage.store, plan, said, at=stage.clock.now())
