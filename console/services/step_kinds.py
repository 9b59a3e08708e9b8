"""What the planner asks of a step kind: the one Protocol a file in `steps/` implements.

Owns the shape only. Must not know a kind by name; `wiring` passes them in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from console.domain.planning import PlanContext
from console.domain.runs import PlannedStep


class StepKind(Protocol):
    """One kind of step.

    `checks`, `undos` and `whens` are the names that `check:`, `undo:`/`on_abort:` and `when:` may say; the kind turns
    them into scripts in `plan`. A check ends 0 when the step's work is already done, 1 when it is not, anything else
    when that cannot be told. A `when` ends 0 to run the step, 1 to skip it.
    """

    @property
    def checks(self) -> Collection[str]: ...
    @property
    def undos(self) -> Collection[str]: ...
    @property
    def whens(self) -> Collection[str]: ...

    def plan(self, context: PlanContext) -> PlannedStep:
        """The step resolved exactly: scripts per host, text, danger. Pure. UsageError or RefusedError if it cannot."""
        ...


StepKinds = Mapping[str, StepKind]
