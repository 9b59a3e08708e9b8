"""Whole runs through the real wrapper, lock, journal and state database, on two directories of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.actions import Effect, GateSpec, StepSpec
from console.domain.documents import Json
from console.domain.health import ProbeResult, ProbeSpec
from console.domain.runs import EventKind, Outcome, RunState
from console.errors import RefusedError
from console.services.lock import EnvironmentLock, LockState
from tests.services.acting import HOSTS, Stage, action, failing, release, step, twelve


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


def eventually(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for a condition."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)


def lock_state(stage: Stage) -> LockState:
    return EnvironmentLock(stage.shells["web1"], stage.environment, stage.clock).status().state


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
    stage.http.answer = failing("health")
    code, view = stage.run(plan)
    assert (code, view.outcome, view.offers) == (1, Outcome.FAILED, ("rollback",))
    assert "three bad samples in a row of health" in view.detail
    assert stage.current("web1") == "3"
    assert lock_state(stage) is LockState.FREE


def test_a_failing_gate_may_roll_back_by_itself(stage: Stage) -> None:
    spec = replace(twelve(stage.directory), gate=GateSpec(duration=0.05, every=0.02, on_failure="rollback"))
    plan = stage.plan(spec)
    stage.http.answer = failing("up")
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
        runner = type(runner)(replace(runner._means, config_hash="e" * 64))
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


def test_a_lease_lost_stops_the_runner_before_the_next_intent(stage: Stage) -> None:
    from console.errors import LockHeldError
    from console.store.leases import Leases

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
    from console.errors import LockHeldError
    from console.store.leases import Leases

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
    from console.errors import AuthenticationError

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
    stage.http.answer = failing("up")
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
    from console.domain.health import Status
    from tests.fakes.http import answered

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


def test_a_secret_that_a_command_prints_is_blotted_out(stage: Stage) -> None:
    script = 'printf "say %s twice " "$TOKEN"; sleep 0.2; printf "secret of"; sleep 0.3; printf " env:T\\nend\\n"'
    params: Json = {"script": script, "secrets": {"TOKEN": "env:T"}, "in": "base"}
    code, view = stage.run(stage.plan(action(StepSpec(name="leak", kind="shell", params=params, on="all"))))
    assert code == 0
    blot = "*" * len("secret of env:T")
    assert stage.output(view.run, "leak", "web2") == f"say {blot} twice {blot}\nend\n"
