"""What a step kind may use while one of its steps is at work (`ports.steps.StepContext`).

Owns the view of a runner's means that kinds get. Must not hand out what writes the journal or takes the lock.
"""

from __future__ import annotations

from pathlib import Path

from console.domain.environment import Environment
from console.domain.runs import PlannedStep
from console.ports import Clock, Reach
from console.services.running.runner_context import RunnerContext


class StepAtWork:
    """One step of the run."""

    def __init__(self, context: RunnerContext, step: PlannedStep) -> None:
        self._context = context
        self._step = step

    @property
    def step(self) -> PlannedStep:
        """The step as it was planned."""
        return self._step

    @property
    def environment(self) -> Environment:
        """The run's environment."""
        return self._context.reach.environment

    @property
    def reach(self) -> Reach:
        """The environment's clients."""
        return self._context.reach

    @property
    def clock(self) -> Clock:
        """The runner's clock."""
        return self._context.clock

    @property
    def run(self) -> str:
        """The run's name."""
        return self._context.row.name

    @property
    def archives(self) -> Path:
        """Where archives are kept on this machine."""
        return self._context.archives
