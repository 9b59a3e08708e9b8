"""Whether a run leaves its application in maintenance mode, by its plan and by its events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.domain.actions import Effect
from console.domain.left_down import brought_up, ends_down, left_down, set_down, waiting_words
from console.domain.plans import Plan
from console.domain.runs import HostProgress, HostScript, Outcome, PlannedStep, RunView, StepProgress
from console.domain.step_facts import Maintenance, StepFacts
from tests.services.planning.test_rules import make_plan

NONE, DOWN, UP = (StepFacts(maintenance=mode) for mode in Maintenance)


def planned(name: str, facts: StepFacts) -> PlannedStep:
    scripts = tuple(HostScript(host=host, script="true", text=name) for host in ("web1", "web2"))
    return PlannedStep(
        name=name, kind="x", hosts=("web1", "web2"), text=name, effect=Effect.IDEMPOTENT, scripts=scripts, facts=facts
    )


def seen(**ends: tuple[Outcome | None, ...]) -> RunView:
    """A view whose steps were begun with these ends, by name."""
    steps = tuple(
        StepProgress(
            name=name.replace("_", " "),
            kind="x",
            effect=Effect.IDEMPOTENT,
            text=name,
            hosts={
                f"web{at}": HostProgress(host=f"web{at}", attempt=1, outcome=end) for at, end in enumerate(found, 1)
            },
        )
        for name, found in ends.items()
    )
    return RunView(run=1, environment="lab", action="x", title="X", operator="op", steps=steps)


def plan() -> Plan:
    return make_plan(steps=(planned("down", DOWN), planned("work", NONE), planned("up", UP)))


OK, FAILED = Outcome.OK, Outcome.FAILED


@pytest.mark.parametrize(
    ("view", "left"),
    [
        (seen(), False),
        (seen(down=(OK, OK)), True),
        (seen(down=(None, None)), True),
        (seen(down=(OK, FAILED)), True),
        (seen(down=(OK, OK), work=(FAILED, OK)), True),
        (seen(down=(OK, OK), up=(OK, FAILED)), True),
        (seen(down=(OK, OK), up=(OK, None)), True),
        (seen(down=(OK, OK), up=(OK, OK)), False),
        (seen(down=(OK, OK), up=(OK,)), True),
        (seen(down=(OK,), up=(OK,)), False),
        (seen(down=(OK, OK), undo_down=(OK, OK)), False),
        (seen(down=(OK, OK), undo_down=(OK, FAILED)), True),
        (seen(down=(OK, OK), on_abort_down=(OK, OK)), False),
        (seen(work=(OK, OK), up=(FAILED, OK)), False),
    ],
)
def test_only_what_was_begun_and_not_ended_everywhere_is_left_down(view: RunView, left: bool) -> None:
    found = left_down(plan(), view)
    assert (found is not None and found.name == "down") is left
    assert bool(waiting_words(plan(), view)) is left


def test_a_step_that_never_came_to_it_left_nothing() -> None:
    skipped = StepProgress(
        name="down",
        kind="x",
        effect=Effect.ONCE,
        text="",
        hosts={"web1": HostProgress(host="web1", outcome=Outcome.SKIPPED)},
    )
    view = replace(seen(), steps=(skipped,))
    assert left_down(plan(), view) is None and set_down(plan(), view) is None


def test_a_way_back_that_worked_is_remembered() -> None:
    view = seen(down=(OK, OK), undo_down=(OK, OK))
    step = set_down(plan(), view)
    assert step is not None and brought_up(step, view)


def test_of_a_plan_alone() -> None:
    assert ends_down([DOWN, NONE]) and not ends_down([DOWN, NONE, UP]) and not ends_down([NONE])
    assert ends_down([NONE], down=True) and not ends_down([UP], down=True)
    assert ends_down([UP, DOWN])
