"""Whether a run leaves its application in maintenance mode: by its plan, and by what its events say happened.

Owns that rule for whoever ends, shows or goes on with a run. Must not read a host: what is true there now may differ,
because somebody else may have ended the mode.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.domain.plans import Plan, PlannedStep, abort_name, undo_name
from console.domain.runs import Outcome, RunView, StepProgress
from console.domain.step_facts import Maintenance, StepFacts


def left_down(plan: Plan, view: RunView) -> PlannedStep | None:
    """The step that set the mode, or may have, and that no later step and no way back has ended; None without one.

    A later step ends it on its own hosts alone: the mode is a file of each host unless a store keeps it for all.
    """
    progress = {step.name: step for step in view.steps}
    found: PlannedStep | None = None
    hosts: set[str] = set()
    for step in plan.steps:
        done = progress.get(step.name)
        if done is None:
            continue
        if step.facts.maintenance is Maintenance.DOWN and _begun(done):
            found, hosts = step, hosts | {name for name, host in done.hosts.items() if host.attempt}
        elif step.facts.maintenance is Maintenance.UP and done.outcome is Outcome.OK:
            hosts -= done.hosts.keys()
    return None if found is None or not hosts or brought_up(found, view) else found


def brought_up(step: PlannedStep, view: RunView) -> bool:
    """Whether a way back of this step ended the mode that it had set."""
    names = (undo_name(step.name), abort_name(step.name))
    return any(one.name in names and one.outcome is Outcome.OK for one in view.steps)


def set_down(plan: Plan, view: RunView) -> PlannedStep | None:
    """The last begun step that set the mode, whatever became of it."""
    progress = {step.name: step for step in view.steps}
    steps = [step for step in plan.steps if step.facts.maintenance is Maintenance.DOWN]
    return next((step for step in reversed(steps) if _begun(progress.get(step.name))), None)


def ends_down(steps: Iterable[StepFacts], *, down: bool = False) -> bool:
    """Whether the application is in maintenance mode after these steps, if it was (`down`) or was not before them."""
    for facts in steps:
        down = facts.maintenance is Maintenance.DOWN or (down and facts.maintenance is not Maintenance.UP)
    return down


def _begun(step: StepProgress | None) -> bool:
    return step is not None and any(host.attempt for host in step.hosts.values())


def waiting_words(plan: Plan, view: RunView) -> str:
    """What to say first of a run that waits for somebody: that visitors are turned away meanwhile; else empty."""
    step = left_down(plan, view)
    return "" if step is None else f"The step {step.name} has put the site into maintenance mode. "
