"""Gates of whole runs: what was so before step 1, and who remembers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from console.domain.actions import StepSpec
from console.domain.events import PreflightDone
from console.domain.health import ProbeResult, ProbeSpec, Status
from console.domain.runs import Outcome
from console.errors import UsageError
from console.services.target.lock import LockState
from tests.fakes.http import answered
from tests.services.running.stage import Stage, failing, lock_state, twelve

Answering = Callable[[ProbeSpec], ProbeResult]


def queue_warns(spec: ProbeSpec) -> ProbeResult:
    return _warning(spec, "checks.queue: warn")


def mail_warns(spec: ProbeSpec) -> ProbeResult:
    return _warning(spec, "checks.mail: warn")


def _warning(spec: ProbeSpec, concern: str) -> ProbeResult:
    if spec.name != "up":
        return answered(spec)
    return replace(answered(spec, Status.WARNING), concerns=(concern,), detail=concern)


def test_a_probe_that_begins_to_fail_between_plan_and_step_1_refuses_the_run(stage: Stage) -> None:
    plan = stage.plan(twelve(stage.directory))
    stage.http.answer = failing("up")
    code, view = stage.run(plan)
    assert (code, view.outcome, view.done) == (7, Outcome.FAILED, 0)
    assert "Failing before step 1: up" in view.detail and "Nothing was changed" in view.detail
    assert not list(stage.directory.rglob("done")) and lock_state(stage) is LockState.FREE


def test_a_warning_of_before_passes_the_gate_and_is_named_in_the_plan(stage: Stage) -> None:
    stage.http.answer = queue_warns
    plan = stage.plan(twelve(stage.directory))
    assert "A warning now: up (checks.queue: warn); the same one passes the gate." in plan.notes
    code, view = stage.run(plan)
    assert (code, view.outcome) == (0, Outcome.OK)


@pytest.mark.parametrize(("before", "after"), [(answered, queue_warns), (queue_warns, mail_warns)])
def test_a_runner_that_goes_on_knows_what_was_so_before_step_1(
    stage: Stage, before: Answering, after: Answering
) -> None:
    stage.http.answer = before
    asking = StepSpec(name="ask", kind="manual", params={"ask": "Go on?"}, timeout=0.2)
    spec = twelve(stage.directory)
    row = stage.confirm(stage.plan(replace(spec, steps=(spec.steps[0], asking, *spec.steps[1:]))))
    assert stage.runner(row.id).run() == 8, "nobody answers the first runner"
    # What the world says by now is no measure of what it was.
    stage.http.answer = after
    stage.store.ask(row.id, who="anna", kind="answer", body="done", at=stage.clock.now())
    assert stage.runner(row.id).run() == 1
    view = stage.view(row.id)
    assert view.outcome is Outcome.FAILED and view.offers == ("rollback",)
    assert "warn, not so before step 1)" in view.detail
    noted = [one.payload for one in stage.store.events(row.id)]
    assert [one.probes is not None for one in noted if isinstance(one, PreflightDone)] == [True, False]


def test_only_probes_that_are_there_may_be_allowed_to_fail(stage: Stage) -> None:
    with pytest.raises(UsageError, match="not configured: upp"):
        stage.plan(twelve(stage.directory), allow_failing="upp")
