"""Holding a run before its next step, and going on: neither is a word about the gate."""

from __future__ import annotations

import threading
from dataclasses import replace

from console.domain.actions import GateSpec
from console.domain.runs import Outcome
from tests.services.running.stage import Stage, action, breaking, lock_state, step, twelve
from tests.waiting import eventually

GATED = GateSpec(duration=0.05, every=0.02)
SLOW = "while [ ! -e go ]; do sleep 0.05; done"


def say(stage: Stage, run: int, *kinds: str) -> None:
    for kind in kinds:
        stage.store.ask(run, who="ben", kind=kind, body="", at=stage.clock.now())
        eventually(lambda: not stage.store.requests(run))


def started(stage: Stage, run: int) -> threading.Thread:
    thread = threading.Thread(target=lambda: stage.runner(run).run())
    thread.start()
    eventually(lambda: "step_started" in stage.kinds(run))
    return thread


def test_a_held_run_does_not_begin_its_next_step_until_it_may_go_on(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("slow", SLOW, on="primary"), step("next", "touch next"))))
    thread = started(stage, row.id)
    say(stage, row.id, "hold")
    (stage.directory / "web1/go").touch()
    eventually(lambda: "step_finished" in stage.kinds(row.id))
    thread.join(1.0)
    assert thread.is_alive()
    assert stage.kinds(row.id).count("step_intended") == 1
    say(stage, row.id, "go")
    thread.join(20)
    assert stage.view(row.id).outcome is Outcome.OK
    assert (stage.directory / "web2/next").exists()


def test_a_held_run_can_be_aborted(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("slow", SLOW, on="primary"), step("next", "touch next"))))
    thread = started(stage, row.id)
    say(stage, row.id, "hold")
    (stage.directory / "web1/go").touch()
    eventually(lambda: "step_finished" in stage.kinds(row.id))
    say(stage, row.id, "abort")
    thread.join(20)
    assert stage.view(row.id).outcome is Outcome.CANCELLED
    assert not list(stage.directory.rglob("next"))
    assert lock_state(stage).value == "free"


def test_holding_and_going_on_leaves_the_gate_its_judgement(stage: Stage) -> None:
    spec = twelve(stage.directory)
    spec = replace(spec, steps=(step("slow", SLOW, on="primary"), *spec.steps), gate=GATED)
    row = stage.confirm(stage.plan(spec))
    stage.http.answer = breaking(stage, "up")
    thread = started(stage, row.id)
    say(stage, row.id, "hold", "go")
    (stage.directory / "web1/go").touch()
    thread.join(40)
    view = stage.view(row.id)
    assert view.outcome is Outcome.FAILED
    assert "three bad samples in a row of up" in view.detail
