"""Fences and living steps of other runs: what begins beside them, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from console.domain.runs import Outcome
from console.services.target.lock import LockState, new_token
from console.services.target.remote_step import RemoteStep, Start, StartProof, parse_start, start_text
from tests.services.running.stage import HOSTS, QUICK, Stage, action, lock_state, step
from tests.services.running.taking_over import WAITS, Other, begun, let_go
from tests.waiting import eventually


def test_nothing_begins_beside_a_living_step_of_another_run(stage: Stage, other: Other) -> None:
    plan = stage.plan(action(step("never", "touch never")))
    control = stage.environment.paths(stage.environment.hosts[1]).control
    (Path(control)).mkdir(parents=True)
    (Path(control) / "fence").write_text("aa 1\n")
    living = RemoteStep(control=control, run="77-0a1b2c3d", step="migrate")
    script = f"cd {stage.directory}/web2; {WAITS}"
    text = start_text(living, script, proof=StartProof(token="aa", locks=False))
    assert parse_start(stage.shells["web2"].run(text)).start is Start.STARTED
    row = stage.confirm(plan)
    assert stage.runner(row.id).run() == 5
    view = stage.view(row.id)
    assert "web2: step migrate of run 77-0a1b2c3d is running, for " in view.detail
    assert view.outcome is Outcome.FAILED
    assert lock_state(stage) is LockState.FREE
    let_go(stage)
    eventually(lambda: (Path(living.directory) / "rc").exists())
    assert stage.runner(stage.confirm(plan).id).run() == 0


def test_a_host_that_cannot_be_fenced_ends_the_run_before_step_one(stage: Stage) -> None:
    plan = stage.plan(action(step("never", "touch never", on="primary")))
    control = Path(stage.environment.paths(stage.environment.hosts[1]).control)
    control.mkdir()
    (control / "fence").mkdir()
    row = stage.confirm(plan)
    assert stage.runner(row.id).run() == 7
    assert "web2: the control directory cannot be used" in stage.view(row.id).detail
    assert "step_intended" not in stage.kinds(row.id)
    assert lock_state(stage) is LockState.FREE


def test_a_run_begun_by_a_console_without_fences_writes_them_when_it_is_resumed(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("dies", 'kill -9 "$PPID" $$', on="primary"), step("two", "touch two"))))
    assert stage.runner(row.id, pace=replace(QUICK, question=0.1)).run() == 8
    for host in stage.environment.hosts:
        for file in Path(stage.environment.paths(host).control).glob("*fence*"):
            file.unlink()
    stage.store.ask(row.id, who="ana", kind="answer", body="done", at=stage.clock.now())
    assert stage.runner(row.id).run() == 0
    for host in stage.environment.hosts:
        fence = Path(stage.environment.paths(host).control) / "fence"
        assert fence.read_text().split()[0] == row.token
        assert (stage.directory / host.name / "two").exists()


def test_a_run_without_a_lock_runs_beside_a_deploy_and_leaves_its_fence_alone(stage: Stage, other: Other) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), step("next", "touch next"))))
    aside = other.stage.plan(action(step("retry", "touch retried"), lock=False))
    code, view = other.stage.run(aside)
    assert (code, view.outcome) == (0, Outcome.OK)
    assert all((stage.directory / host / "retried").exists() for host in HOSTS)
    let_go(stage)
    thread.join(30)
    assert stage.view(run).outcome is Outcome.OK
    assert all((stage.directory / host / "next").exists() for host in HOSTS)


def test_a_deploy_begins_beside_a_step_that_takes_no_lock(stage: Stage, other: Other) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), lock=False)))
    code, view = other.stage.run(other.stage.plan(action(step("deploy", "touch deployed"))))
    assert (code, view.outcome) == (0, Outcome.OK)
    let_go(stage)
    thread.join(30)
    assert stage.view(run).outcome is Outcome.OK


def test_a_fence_that_is_anothers_though_the_lock_is_ours_starts_nothing_and_says_so(stage: Stage) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), step("never", "touch never", on="web"))))
    control = Path(stage.environment.paths(stage.environment.hosts[1]).control)
    (control / "fence").write_text(f"{new_token()} 7\n")
    let_go(stage)
    thread.join(30)
    view = stage.view(run)
    assert view.outcome is Outcome.FAILED
    assert "web2: nothing was started: " in view.detail
    assert "does another environment use that directory?" in view.detail
    assert not (stage.directory / "web2/never").exists()
    assert lock_state(stage) is LockState.FREE
