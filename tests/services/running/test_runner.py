"""Whole runs through the real wrapper, lock, journal and state database, on two directories of this machine."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from console.domain.actions import Effect, GateSpec, StepSpec
from console.domain.documents import Json
from console.domain.runs import Outcome
from console.errors import RefusedError
from console.services.target.lock import LockState
from tests.services.running.stage import HOSTS, Stage, action, breaking, failing, lock_state, release, step, twelve
from tests.waiting import eventually


def test_a_deploy_of_twelve_steps(stage: Stage) -> None:
    code, view = stage.run(stage.plan(twelve(stage.directory)))
    assert (code, view.outcome, view.detail) == (0, Outcome.OK, "the gate passed")
    assert view.done == 12
    assert not view.lock_held
    assert lock_state(stage) is LockState.FREE
    for host in HOSTS:
        assert stage.current(host) == "3"
        assert (stage.directory / host / "releases/3/REVISION").exists()
    assert (stage.directory / "web1/done").read_text().split() == [
        "one", "two", "three", "four", "migrate", "five", "six",
    ]  # fmt: skip
    assert (stage.directory / "web2/done").read_text().split() == ["one", "two", "four", "five"]
    assert stage.output(view.run, "two", "web2") == "out of two\n"
    kinds = stage.kinds(view.run)
    order = ["run_started", "lock_taken", "preflight_done", "step_intended", "step_started", "step_finished"]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    assert kinds[-3:] == ["gate_decided", "lock_released", "run_finished"]
    assert stage.audit.verify().sound


def test_a_step_that_fails_ends_the_run_and_releases_the_lock(stage: Stage) -> None:
    plan = stage.plan(action(step("bad", "echo oops >&2; exit 3"), step("never", "touch never")))
    code, view = stage.run(plan)
    assert (code, view.outcome) == (1, Outcome.FAILED)
    assert "step bad failed: web1: exit status 3; web2: exit status 3" in view.detail
    assert view.steps[0].hosts["web2"].exit_status == 3
    assert not list(stage.directory.rglob("never"))
    assert lock_state(stage) is LockState.FREE
    assert view.offers == ()


def test_a_failing_gate_offers_rollback_and_keeps_the_release(stage: Stage) -> None:
    plan = stage.plan(twelve(stage.directory))
    stage.http.answer = breaking(stage, "health")
    code, view = stage.run(plan)
    assert (code, view.outcome, view.offers) == (1, Outcome.FAILED, ("rollback",))
    assert "three bad samples in a row of health" in view.detail
    assert stage.current("web1") == "3"
    assert lock_state(stage) is LockState.FREE


def test_a_failing_gate_may_roll_back_by_itself(stage: Stage) -> None:
    spec = replace(twelve(stage.directory), gate=GateSpec(duration=0.05, every=0.02, on_failure="rollback"))
    plan = stage.plan(spec)
    stage.http.answer = breaking(stage, "up")
    code, view = stage.run(plan)
    assert (code, view.outcome) == (1, Outcome.FAILED)
    assert view.detail.endswith("rolled back to 2")
    for host in HOSTS:
        assert stage.current(host) == "2"
        assert (stage.directory / host / "releases/3/BAD_RELEASE").exists()
    assert [one.name for one in view.steps if one.name.startswith("undo")] == ["undo link"]


def test_probes_that_fail_already_refuse_a_deploy_but_not_a_rollback(stage: Stage) -> None:
    stage.http.answer = failing("up")
    with pytest.raises(RefusedError, match="up"):
        stage.plan(twelve(stage.directory))
    allowed = stage.plan(twelve(stage.directory), allow_failing="up")
    assert allowed.gate is not None
    assert allowed.gate.probes == ("health",)
    back = action(release("link", "link"), gate=GateSpec(duration=0.05, every=0.02))
    assert stage.plan(back).release == "1"


@pytest.mark.parametrize("change", ["link", "release", "config"])
def test_a_change_between_plan_and_step_one_refuses(stage: Stage, change: str) -> None:
    plan = stage.plan(action(step("never", "touch never")))
    row = stage.confirm(plan)
    runner = stage.runner(row.id)
    if change == "link":
        (stage.directory / "web2/current").unlink()
        (stage.directory / "web2/current").symlink_to("releases/1")
    elif change == "release":
        (stage.directory / "web1/releases/9").mkdir()
    else:
        runner = type(runner)(replace(runner._context, config_hash="e" * 64))
    assert runner.run() == 7
    view = stage.view(row.id)
    assert view.outcome is Outcome.FAILED
    assert "no longer what is there" in view.detail
    assert not list(stage.directory.rglob("never"))
    assert lock_state(stage) is LockState.FREE


def test_the_lock_of_another_refuses_with_its_holder(stage: Stage) -> None:
    first = stage.confirm(stage.plan(action(step("slow", "while [ ! -e go ]; do sleep 0.05; done", on="primary"))))
    second = stage.confirm(stage.plan(action(step("never", "touch never"))))
    other = Stage(stage.directory)
    thread = threading.Thread(target=lambda: other.runner(first.id).run())
    thread.start()
    try:
        eventually(lambda: "step_started" in stage.kinds(first.id))
        assert stage.runner(second.id).run() == 5
        assert "held by op from 10.0.0.9 since" in stage.view(second.id).detail
        assert stage.view(second.id).outcome is Outcome.FAILED
    finally:
        (stage.directory / "web1/go").touch()
        thread.join(20)
        other.close()
    assert stage.view(first.id).outcome is Outcome.OK
    assert not list(stage.directory.rglob("never"))


def test_an_idempotent_step_that_vanished_is_tried_again(stage: Stage) -> None:
    script = 'echo x >> done; [ "$(wc -l < done)" -gt 1 ] || kill -9 "$PPID" $$'
    code, view = stage.run(stage.plan(action(step("again", script, on="primary", effect=Effect.IDEMPOTENT))))
    assert (code, view.outcome) == (0, Outcome.OK)
    assert view.steps[0].hosts["web1"].attempt == 2
    assert (stage.directory / "web1/done").read_text() == "x\nx\n"


def test_a_lost_link_is_waited_for_and_output_is_whole(stage: Stage) -> None:
    script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); [ $((i % 50)) -ne 0 ] || sleep 0.05; done"
    row = stage.confirm(stage.plan(action(step("talk", script))))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: "step_output" in stage.kinds(row.id))
    stage.shells["web2"].down = True
    eventually(lambda: "link_lost" in stage.kinds(row.id))
    assert stage.view(row.id).lost_links == ("web2",)
    stage.shells["web2"].down = False
    thread.join(30)
    view = stage.view(row.id)
    assert view.outcome is Outcome.OK
    assert view.lost_links == ()
    whole = "".join(f"line {number}\n" for number in range(400)).encode()
    for host in HOSTS:
        assert stage.store.output(row.id, "talk", host, limit=1 << 20) == whole


def test_a_host_that_is_down_at_the_start_changes_nothing(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("never", "touch never"))))
    stage.shells["web2"].down = True
    assert stage.runner(row.id).run() == 6
    view = stage.view(row.id)
    assert (view.outcome, view.done) == (Outcome.FAILED, 0)
    stage.shells["web2"].down = False
    assert lock_state(stage) is LockState.FREE


def test_steps_that_are_not_needed_are_skipped(stage: Stage) -> None:
    spec = action(release("code", "create"), release("composer", "composer", when="composer-needed"))
    code, view = stage.run(stage.plan(spec))
    assert code == 0
    assert view.steps[1].outcome is Outcome.SKIPPED


def test_secrets_reach_the_script_and_nothing_else(stage: Stage) -> None:
    params: Json = {
        "script": 'printf %s "$TOKEN" | wc -c; test -n "$TOKEN"',
        "secrets": {"TOKEN": "env:T"},
        "in": "base",
    }
    spec = action(StepSpec(name="secret", kind="shell", params=params, on="all"))
    code, view = stage.run(stage.plan(spec))
    assert code == 0, view.detail
    assert stage.output(view.run, "secret", "web1").strip() == str(len("secret of env:T"))
    hits = [path for path in stage.directory.rglob("*") if path.is_file() and b"secret of env:T" in path.read_bytes()]
    assert hits == []


def test_a_secret_that_a_command_prints_is_blotted_out(stage: Stage) -> None:
    script = 'printf "say %s twice " "$TOKEN"; sleep 0.2; printf "secret of"; sleep 0.3; printf " env:T\\nend\\n"'
    params: Json = {"script": script, "secrets": {"TOKEN": "env:T"}, "in": "base"}
    code, view = stage.run(stage.plan(action(StepSpec(name="leak", kind="shell", params=params, on="all"))))
    assert code == 0
    blot = "*" * len("secret of env:T")
    assert stage.output(view.run, "leak", "web2") == f"say {blot} twice {blot}\nend\n"
