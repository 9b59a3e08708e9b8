"""What a plan says of the lock and of what runs on the hosts: a run started now would meet both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.errors import LockHeldError
from console.ports import Completed
from console.services.target.control_directory import ensure_control
from console.services.target.lock import EnvironmentLock, holder_of, new_token
from console.services.target.remote_step import RemoteStep, Start, StartProof, parse_start, start_text
from tests.fakes.shell import FakeShell, completed
from tests.services.running.stage import OPERATOR, Stage, action, step


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    (tmp_path / "go").touch()
    built.close()


def running(stage: Stage, run: str, name: str, proof: StartProof | None = None) -> None:
    """A step on web2 that runs until the test ends."""
    control = Path(stage.environment.paths(stage.environment.hosts[1]).control)
    control.mkdir()
    if proof is not None:
        (control / "fence").write_text(f"{proof.token} 1\n")
    waits = f"while [ ! -e {stage.directory}/go ]; do sleep 0.02; done"
    text = start_text(RemoteStep(control=str(control), run=run, step=name), waits, proof=proof)
    assert parse_start(stage.shells["web2"].run(text)).start is Start.STARTED


def test_a_plan_names_whoever_holds_the_lock_first(stage: Stage) -> None:
    plan = stage.plan(action(step("one", "true")))
    assert not any("lock" in note for note in plan.notes)
    ensure_control(stage.shells["web1"], stage.environment.paths(stage.environment.primary()))
    lock = EnvironmentLock(stage.shells["web1"], stage.environment, stage.clock)
    lock.take(holder_of(OPERATOR, token=new_token(), why="Deploy", at=stage.clock.now(), run=7))
    held = stage.plan(action(step("one", "true", on="nobody"), step("two", "true")))
    assert held.notes[0].startswith("The lock is held by op from 10.0.0.9") and "(run 7)" in held.notes[0]
    free = stage.plan(action(step("one", "true"), lock=False))
    assert not any("lock" in note for note in free.notes), "it takes none"


def test_a_plan_says_so_when_it_cannot_read_whose_the_lock_is(stage: Stage) -> None:
    def answer(script: str) -> Completed:
        if '[ -d "$ol_control/lock" ] || ol_deployer' in script:
            return completed("Last login: never\n")
        return FakeShell("web1").run(script)

    stage.shells["web1"].answer = answer
    note = stage.plan(action(step("one", "true"))).notes[0]
    assert note.startswith("Whose the lock is could not be read: web1 gave no answer")


def test_a_plan_names_running_steps_that_take_no_lock(stage: Stage) -> None:
    running(stage, "4-0a1b2c3d", "retry")
    (note,) = stage.plan(action(step("one", "true"))).notes
    assert note.startswith("web2: step retry of run 4-0a1b2c3d is running, for ")
    assert note.endswith("it takes no lock.")
    assert stage.plan(action(step("one", "true"), lock=False)).notes == ()


def test_beside_a_step_of_another_run_nothing_is_planned_that_takes_the_lock(stage: Stage) -> None:
    running(stage, "4-0a1b2c3d", "migrate", StartProof(token="aa", locks=False))
    with pytest.raises(LockHeldError, match="web2: step migrate of run 4-0a1b2c3d is running, for ") as caught:
        stage.plan(action(step("one", "true")))
    assert (caught.value.exit_code, caught.value.done) == (5, "Nothing was planned.")
    ensure_control(stage.shells["web1"], stage.environment.paths(stage.environment.primary()))
    lock = EnvironmentLock(stage.shells["web1"], stage.environment, stage.clock)
    lock.take(holder_of(OPERATOR, token=new_token(), why="Deploy", at=stage.clock.now(), run=4))
    with pytest.raises(LockHeldError, match=r"^The lock is held by op .* \(run 4\)\. .* web2: step migrate"):
        stage.plan(action(step("one", "true")))
    assert stage.plan(action(step("one", "true"), lock=False)).notes == ()
