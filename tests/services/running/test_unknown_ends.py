"""Ends that nobody knows, and locks and leases that went elsewhere: the way back must not make things worse."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from console.domain.actions import GateSpec
from console.domain.events import Payload, PreflightDone
from console.domain.plan_codec import plan_hash
from console.domain.policy import Confirmation, Operator
from console.domain.runs import Event, Outcome, PlannedStep, RunState
from console.errors import LeaseLostError, UnreachableError
from console.services.running.host_work import Performer, Work, WorkEnd
from console.services.runs.control import store_confirmed
from console.services.target.lock import EnvironmentLock, LockState, holder_of
from tests.services.running.stage import Stage, action, breaking, lock_state, release, step, twelve
from tests.waiting import eventually

ROLLING_BACK = GateSpec(duration=0.05, every=0.02, on_failure="rollback")


def asked(stage: Stage, run: int, what: str) -> bool:
    question = stage.view(run).question
    return question is not None and what in question.text


def dying(planned: PlannedStep) -> PlannedStep:
    """The step with a way back that dies without a word."""
    dead = tuple(replace(one, script='kill -9 "$PPID" $$') for one in planned.undo)
    return replace(planned, undo=dead)


def test_a_way_back_of_unknown_end_keeps_the_lock_and_asks(stage: Stage) -> None:
    plan = stage.plan(replace(twelve(stage.directory), gate=ROLLING_BACK))
    steps = [dying(one) if one.undo else one for one in plan.steps]
    steps[0] = replace(steps[0], undo=tuple(replace(one, script="touch undone") for one in steps[0].scripts))
    plan = replace(plan, steps=tuple(steps))
    stage.http.answer = breaking(stage, "up")
    row = stage.confirm(plan)
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.view(row.id).state is RunState.NEEDS_OPERATOR, 30)
    question = stage.view(row.id).question
    assert question is not None
    assert question.text.startswith("undo link on web1: how it ended is unknown")
    assert "Its check" not in question.text
    assert lock_state(stage) is LockState.HELD
    for host in ("web1", "web2"):
        eventually(partial(asked, stage, row.id, f"undo link on {host}"))
        stage.store.ask(row.id, who="ben", kind="answer", body="failed", at=stage.clock.now())
    thread.join(30)
    view = stage.view(row.id)
    assert view.outcome is Outcome.FAILED
    assert "the way back failed: link" in view.detail
    assert view.detail.endswith(f"; not undone after it: {steps[0].name}")
    assert view.offers == ("rollback",)
    assert lock_state(stage) is LockState.FREE


def test_a_wish_after_a_look_does_not_repeat_the_look_for_ever(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("dies", 'kill -9 "$PPID" $$', on="primary"))))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.view(row.id).state is RunState.NEEDS_OPERATOR)
    for body, kind in (("look", "answer"), ("", "hold")):
        stage.store.ask(row.id, who="ben", kind=kind, body=body, at=stage.clock.now())
    eventually(lambda: stage.kinds(row.id).count("operator_answered") == 2)
    eventually(lambda: stage.view(row.id).question is not None)
    stage.store.ask(row.id, who="ben", kind="answer", body="done", at=stage.clock.now())
    thread.join(20)
    assert not thread.is_alive()
    assert stage.view(row.id).outcome is Outcome.OK


def test_nothing_is_rolled_back_under_the_lock_of_another(stage: Stage) -> None:
    spec = replace(twelve(stage.directory), gate=replace(ROLLING_BACK, on_failure="hold"))
    row = stage.confirm(stage.plan(spec))
    stage.http.answer = breaking(stage, "up")
    runner = stage.runner(row.id)
    thread = threading.Thread(target=runner.run)
    thread.start()
    eventually(lambda: stage.view(row.id).question is not None)
    lock = EnvironmentLock(stage.shells["web1"], stage.environment, stage.clock)
    ben = Operator(uid=1, login="ben", host="elsewhere", origin="")
    lock.steal(
        lock.status(), holder_of(ben, token="b" * 32, why="", at=stage.clock.now()), reason="x", audit=stage.audit
    )
    runner._held.poke()
    eventually(runner._held.lost.is_set)
    stage.store.ask(row.id, who="anna", kind="answer", body="rollback", at=stage.clock.now())
    thread.join(30)
    assert stage.view(row.id).detail.endswith("not rolled back: the lock was taken over by somebody else")
    assert stage.current("web1") == "3"
    assert lock.status().state is LockState.HELD


def test_a_runner_without_its_lease_leaves_the_lock_to_the_one_that_has_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = stage.confirm(stage.plan(action(step("never", "touch never"))))
    runner = stage.runner(row.id)
    append = stage.store.append

    def lost(run: int, payload: Payload, **more: Any) -> Event:
        if isinstance(payload, PreflightDone):
            raise LeaseLostError("the lease is no longer ours")
        return append(run, payload, **more)

    monkeypatch.setattr(stage.store, "append", lost)
    with pytest.raises(LeaseLostError):
        runner.run()
    assert lock_state(stage) is LockState.HELD
    assert not list(stage.directory.rglob("never"))


def test_an_error_between_steps_parks_the_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stage.confirm(stage.plan(action(step("one", "echo x >> done", on="primary"), release("code", "create"))))
    perform = Performer.perform

    def gone(self: Performer, work: Work) -> WorkEnd:
        if work.step == "code":
            raise UnreachableError("web1 has gone")
        return perform(self, work)

    with monkeypatch.context() as patch:
        patch.setattr(Performer, "perform", gone)
        assert stage.runner(row.id).run() == 8
    assert "the run cannot go on: web1 has gone" in str(stage.view(row.id).question)
    assert lock_state(stage) is LockState.HELD
    assert stage.runner(row.id).run() == 0
    assert (stage.directory / "web1/done").read_text() == "x\n"


def test_a_release_whose_answer_was_lost_is_a_release(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    give_up = EnvironmentLock.give_up
    tries: list[bool | None] = []

    def deaf(self: EnvironmentLock, token: str) -> bool | None:
        tries.append(give_up(self, token))
        if len(tries) == 1:
            raise UnreachableError("the answer was lost")
        return tries[-1]

    monkeypatch.setattr(EnvironmentLock, "give_up", deaf)
    code, view = stage.run(stage.plan(action(step("one", "true"))))
    assert (code, tries) == (0, [True, None])
    assert not view.lock_held
    assert stage.kinds(view.run)[-1:] == ["run_finished"]
    assert "lock_released" in stage.kinds(view.run)


def test_the_reason_that_was_given_stands_in_the_audit(stage: Stage) -> None:
    plan = stage.plan(action(step("one", "true")))
    confirmation = Confirmation(plan_hash=plan_hash(plan), operator=plan.operator, yes=True, reason="ticket 7")
    run = store_confirmed(stage.store, plan, confirmation, at=stage.clock.now())
    assert stage.runner(run).run() == 0
    assert [entry.detail for entry in stage.audit.entries() if entry.result == "intent"] == ["reason: ticket 7"]


def test_a_run_is_not_resumed_where_its_traces_are_not(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stage.confirm(stage.plan(action(step("one", "echo x >> done", on="primary"), step("two", "touch two"))))

    def dies(_self: Performer, _work: Work) -> WorkEnd:
        raise UnreachableError("web1 has gone")

    with monkeypatch.context() as patch:
        perform = Performer.perform
        patch.setattr(Performer, "perform", lambda self, work: (dies if work.step == "two" else perform)(self, work))
        assert stage.runner(row.id).run() == 8
    runner = stage.runner(row.id)
    elsewhere = {**runner._places(), "web1": "/elsewhere/.opsconsole"}
    monkeypatch.setattr(runner, "_places", lambda: elsewhere)
    assert runner.run() == 8
    assert "other directories" in str(stage.view(row.id).question)
    assert not list(stage.directory.rglob("two"))
    assert lock_state(stage) is LockState.HELD
    assert stage.runner(row.id).run() == 0
    assert (stage.directory / "web1/done").read_text() == "x\n"
