"""Runs that operators answer, abort, hold or lose: on two directories of this machine."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.actions import Effect, GateSpec, StepSpec
from console.domain.health import ProbeResult, ProbeSpec, Status
from console.domain.runs import EventKind, Outcome, RunState
from console.errors import AuthenticationError, LockHeldError
from console.services.target.lock import LockState
from console.store.leases import Leases
from tests.fakes.http import answered
from tests.services.running.stage import HOSTS, Stage, action, breaking, failing, lock_state, release, step, twelve
from tests.waiting import eventually


def test_abort_ends_the_command_and_cancels(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("slow", "echo begun; exec sleep 60"), step("never", "touch never"))))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.kinds(row.id).count("step_output") >= 2)
    stage.store.ask(row.id, who="anna", kind="abort", body="", at=stage.clock.now())
    thread.join(30)
    view = stage.view(row.id)
    assert view.outcome is Outcome.CANCELLED
    assert "aborted by anna" in view.detail
    assert {one.outcome for one in view.steps[0].hosts.values()} == {Outcome.CANCELLED}
    assert not list(stage.directory.rglob("never"))
    assert lock_state(stage) is LockState.FREE


def test_a_manual_step_waits_for_its_answer(stage: Stage) -> None:
    manual = StepSpec(name="tell", kind="manual", params={"ask": "Tell the team", "choices": ["done", "failed"]})
    row = stage.confirm(stage.plan(action(manual, step("after", "echo {run.action} > after"))))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.view(row.id).state is RunState.NEEDS_OPERATOR)
    stage.store.ask(row.id, who="ben", kind="answer", body="perhaps", at=stage.clock.now())
    eventually(lambda: not stage.store.requests(row.id))
    eventually(lambda: stage.view(row.id).state is RunState.NEEDS_OPERATOR)
    stage.store.ask(row.id, who="ben", kind="answer", body="done", at=stage.clock.now())
    thread.join(20)
    view = stage.view(row.id)
    assert view.outcome is Outcome.OK
    assert view.steps[0].hosts[""].detail == "done, said ben"
    assert (stage.directory / "web1/after").read_text() == "try\n"


def test_nobody_answers_a_manual_step(stage: Stage) -> None:
    manual = StepSpec(name="tell", kind="manual", params={"ask": "Tell"}, timeout=0.1)
    row = stage.confirm(stage.plan(action(manual)))
    assert stage.runner(row.id).run() == 8
    assert stage.view(row.id).state is RunState.NEEDS_OPERATOR
    assert lock_state(stage) is LockState.HELD
    # An answer given while no runner lives counts as soon as one does.
    stage.store.ask(row.id, who="ben", kind="answer", body="done", at=stage.clock.now())
    assert stage.runner(row.id).run() == 0
    assert stage.view(row.id).outcome is Outcome.OK
    # The second runner shows the same question again; it was answered once.
    assert stage.kinds(row.id).count("operator_answered") == 1
    assert lock_state(stage) is LockState.FREE


def test_a_once_step_whose_end_is_unknown_asks(stage: Stage) -> None:
    # The wrapper and the command die without a word, as when a host loses its power.
    script = 'echo x >> done; kill -9 "$PPID" $$'
    row = stage.confirm(stage.plan(action(step("dies", script, on="primary"), step("after", "touch after"))))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.view(row.id).state is RunState.NEEDS_OPERATOR)
    question = stage.view(row.id).question
    assert question is not None
    assert question.choices == ("done", "failed", "look")
    stage.store.ask(row.id, who="ben", kind="answer", body="look", at=stage.clock.now())
    eventually(lambda: stage.kinds(row.id).count("operator_needed") == 2)
    stage.store.ask(row.id, who="ben", kind="answer", body="done", at=stage.clock.now())
    thread.join(20)
    assert stage.view(row.id).outcome is Outcome.OK
    assert (stage.directory / "web1/done").read_text() == "x\n"
    assert (stage.directory / "web2/after").exists()


def test_a_lease_lost_stops_the_runner_before_the_next_intent(stage: Stage) -> None:
    leases = Leases(stage.database)
    row = stage.confirm(
        stage.plan(
            action(step("slow", "while [ ! -e go ]; do sleep 0.05; done", on="primary"), step("never", "touch never"))
        )
    )
    lease = leases.take(f"run {row.id}", "first")
    ended: list[BaseException] = []

    def run() -> None:
        try:
            stage.runner(row.id, lease=lease).run()
        except LockHeldError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: "step_started" in stage.kinds(row.id))
    taken = leases.take_over(leases.read(lease.name) or lease, "second")
    (stage.directory / "web1/go").touch()
    thread.join(20)
    assert len(ended) == 1
    assert not list(stage.directory.rglob("never"))
    assert stage.runner(row.id, lease=taken).run() == 0
    assert stage.view(row.id).outcome is Outcome.OK
    assert EventKind.RUN_FINISHED.value == stage.kinds(row.id)[-1]


def test_an_abort_for_a_runner_that_died_ends_what_still_runs(stage: Stage) -> None:
    leases = Leases(stage.database)
    row = stage.confirm(stage.plan(action(step("slow", "echo $$ > pid; exec sleep 60", on="primary"))))
    lease = leases.take(f"run {row.id}", "first")

    def first() -> None:
        with pytest.raises(LockHeldError):
            stage.runner(row.id, lease=lease).run()

    thread = threading.Thread(target=first)
    thread.start()
    eventually(lambda: (stage.directory / "web1/pid").exists() and "step_started" in stage.kinds(row.id))
    taken = leases.take_over(leases.read(lease.name) or lease, "second")
    stage.store.ask(row.id, who="anna", kind="abort", body="", at=stage.clock.now())
    assert stage.runner(row.id, lease=taken).run() == 1
    thread.join(20)
    view = stage.view(row.id)
    assert view.outcome is Outcome.CANCELLED
    assert not Path("/proc", (stage.directory / "web1/pid").read_text().strip()).exists()
    assert lock_state(stage) is LockState.FREE


def test_keys_that_are_gone_park_the_run_until_somebody_has_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stage.confirm(stage.plan(action(step("slow", "while [ ! -e go ]; do sleep 0.05; done; echo x >> done"))))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.kinds(row.id).count("step_started") == 2)

    def refused() -> None:
        raise AuthenticationError("web2 refused every key")

    monkeypatch.setattr(stage.shells["web2"], "connect", refused)
    stage.shells["web2"].down = True
    eventually(lambda: "link_lost" in stage.kinds(row.id))
    (stage.directory / "web1/go").touch()
    thread.join(20)
    view = stage.view(row.id)
    assert view.state is RunState.NEEDS_OPERATOR
    assert view.question is not None
    assert "credentials gone" in view.question.text
    assert view.steps[0].hosts["web1"].outcome is Outcome.OK
    assert lock_state(stage) is LockState.HELD
    (stage.directory / "web2/go").touch()
    monkeypatch.undo()
    stage.shells["web2"].down = False
    assert stage.runner(row.id).run() == 0
    assert (stage.directory / "web2/done").read_text() == "x\n"


def test_a_held_gate_waits_for_a_word(stage: Stage) -> None:
    spec = replace(twelve(stage.directory), gate=GateSpec(duration=0.05, every=0.02, on_failure="hold"))
    row = stage.confirm(stage.plan(spec))
    stage.http.answer = breaking(stage, "up")
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.view(row.id).question is not None)
    assert lock_state(stage) is LockState.HELD
    stage.store.ask(row.id, who="ben", kind="answer", body="rollback", at=stage.clock.now())
    thread.join(30)
    assert stage.view(row.id).detail.endswith("rolled back to 2")
    assert stage.current("web2") == "2"
    assert lock_state(stage) is LockState.FREE


def test_an_abort_runs_what_the_step_declares_for_it(stage: Stage) -> None:
    slow_link = replace(release("link", "link", undo="release-link", on_abort="release-link"), effect=Effect.IDEMPOTENT)
    plan = stage.plan(action(release("code", "create"), slow_link))
    first, link = plan.steps
    link = replace(link, scripts=tuple(replace(one, script=one.script + "sleep 60\n") for one in link.scripts))
    row = stage.confirm(replace(plan, steps=(first, link)))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: stage.current("web1") == "3" and stage.current("web2") == "3")
    stage.store.ask(row.id, who="anna", kind="abort", body="", at=stage.clock.now())
    thread.join(40)
    assert stage.view(row.id).outcome is Outcome.CANCELLED
    assert [stage.current(host) for host in HOSTS] == ["2", "2"]


def test_a_wait_for_a_url_ends_with_its_answer(stage: Stage) -> None:
    asked: list[str] = []

    def answer(spec: ProbeSpec) -> ProbeResult:
        asked.append(spec.url)
        return answered(spec, Status.OK if len(asked) > 2 else Status.FAILED, 200 if len(asked) > 2 else 503)

    stage.http.answer = answer
    wait = StepSpec(name="wait", kind="wait_http", params={"url": "/up", "every": 0.2}, timeout=20)
    code, view = stage.run(stage.plan(action(wait)))
    assert (code, asked) == (0, ["http://app.test/up"] * 3)
    assert stage.output(view.run, "wait", "") == "503 failed\n503 failed\n200 ok\n"


def test_a_wait_for_a_url_gives_up(stage: Stage) -> None:
    stage.http.answer = failing("wait")
    wait = StepSpec(name="wait", kind="wait_http", params={"url": "/up", "every": 0.2}, timeout=0.3)
    code, view = stage.run(stage.plan(action(wait)))
    assert code == 1
    assert "not as wanted" in view.detail


def test_what_cannot_be_prepared_starts_nothing(stage: Stage) -> None:
    plan = stage.plan(action(release("code", "create")))
    (stage.directory / "code.tar").unlink()
    code, view = stage.run(plan)
    assert (code, view.outcome) == (1, Outcome.FAILED)
    assert "nothing was started: the archive" in view.detail
    assert "step_intended" not in stage.kinds(view.run)
