"""A run whose lock was, or may have been, taken over: nothing new is begun, and what runs is followed to its end."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from console.domain.runs import Outcome, RunState
from console.errors import UnreachableError
from console.ports import Completed
from tests.fakes.shell import FakeShell
from tests.services.running.stage import HOSTS, QUICK, Stage, action, step
from tests.services.running.taking_over import WAITS, Other, begun, cut, let_go
from tests.services.running.toys import toy
from tests.waiting import eventually


def test_after_a_cut_link_nothing_starts_under_the_lock_of_another(stage: Stage, other: Other) -> None:
    never = [step(f"never{n}", "touch never") for n in range(5)]
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), *never)))
    cut(stage, down=True)
    eventually(lambda: set(stage.view(run).lost_links) == set(HOSTS))
    other.take_over()
    other.fence()
    let_go(stage)
    cut(stage, down=False)
    thread.join(30)
    view = stage.view(run)
    assert view.outcome is Outcome.FAILED
    assert view.steps[0].outcome is Outcome.OK, "what ran is followed to its end"
    assert "before never0: the lock was taken over by somebody else" in view.detail
    assert "lock_lost" in stage.kinds(run)
    assert not list(stage.directory.rglob("never"))
    status = other.lock.status()
    assert status.holder is not None
    assert status.holder.token == other.holder.token, "the lock of another is not given up"


def test_a_take_over_without_fences_is_noticed_once_a_link_comes_back(stage: Stage, other: Other) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), step("never", "touch never"))))
    cut(stage, down=True)
    eventually(lambda: set(stage.view(run).lost_links) == set(HOSTS))
    other.take_over()
    let_go(stage)
    cut(stage, down=False)
    thread.join(30)
    assert "the lock was taken over" in stage.view(run).detail
    assert not list(stage.directory.rglob("never"))


@pytest.mark.parametrize(("odd", "outcome"), [(2, Outcome.OK), (3, None)])
def test_a_beat_that_is_not_understood_is_tried_again_before_anybody_is_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, odd: int, outcome: Outcome | None
) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), step("next", "touch next"))))
    cut(stage, down=True)
    eventually(lambda: set(stage.view(run).lost_links) == set(HOSTS))
    shell = stage.shells["web1"]
    runs, asked = shell.run, list[str]()

    def odd_at_first(script: str, **given: Any) -> Completed:
        if "ol_count=" in script:
            asked.append(script)
            if len(asked) <= odd:
                return Completed(status=254, stdout=b"", stderr=b"sh: Cannot fork", seconds=0.0)
        return runs(script, **given)

    monkeypatch.setattr(shell, "run", odd_at_first)
    let_go(stage)
    cut(stage, down=False)
    thread.join(30)
    assert stage.view(run).outcome is outcome, stage.view(run).detail
    assert (stage.view(run).state is RunState.FINISHED) == (outcome is Outcome.OK)


def test_a_link_that_the_client_made_again_without_a_word_is_noticed(stage: Stage, other: Other) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), step("never", "touch never", on="web"))))
    other.take_over()
    # It was down for a while and comes up by the very call that finds it down.
    for name in HOSTS:
        stage.reach.shells[name] = Silent(name)
    let_go(stage)
    thread.join(30)
    # A beat may notice it before the next step, or the start of that step does.
    detail = stage.view(run).detail
    assert "the lock was taken over" in detail or "is no longer ours: held by ben" in detail
    assert not list(stage.directory.rglob("never"))


class Silent(FakeShell):
    """Its link is down whenever it is asked, and connects again without a word."""

    def connected(self) -> bool:
        return False


class Dropped(FakeShell):
    """Its link is down once `up` is False, until somebody connects or says something."""

    up = True

    def connected(self) -> bool:
        return self.up

    def connect(self) -> None:
        self.up = True

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        self.up = True
        return super().run(script, deadline=deadline, limit=limit)


def test_a_link_of_another_host_than_the_locks_that_went_down_between_steps_is_made_again(stage: Stage) -> None:
    dropped = stage.reach.shells["web2"] = Dropped("web2")
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS, on="primary"), step("next", "touch next"))))
    dropped.up = False
    let_go(stage)
    thread.join(20)
    view, stuck = stage.view(run), thread.is_alive()
    dropped.run("true")
    thread.join(10)
    assert (view.outcome, stuck) == (Outcome.OK, False)
    assert all((stage.directory / host / "next").exists() for host in HOSTS)


def test_a_host_whose_link_does_not_stay_up_is_asked_about_and_not_tried_for_ever(stage: Stage) -> None:
    never = step("never", "touch never", on="web", timeout=0.5)
    row = stage.confirm(stage.plan(action(step("slow", WAITS, on="primary"), never)))
    runner = stage.runner(row.id, pace=replace(QUICK, patience=0.5, question=0.1))
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(runner.run()))
    thread.start()
    eventually(lambda: "step_started" in stage.kinds(row.id))
    stage.reach.shells["web2"] = Silent("web2")
    let_go(stage)
    thread.join(30)
    assert codes == [8]
    question = stage.view(row.id).question
    assert question is not None
    assert "web2 has not stayed connected for " in question.text
    assert not (stage.directory / "web2/never").exists()


def test_without_any_broken_link_the_fence_stops_the_old_holder(stage: Stage, other: Other) -> None:
    run, thread = begun(stage, stage.plan(action(step("slow", WAITS), step("never", "touch never"))))
    other.take_over()
    other.fence()
    let_go(stage)
    thread.join(30)
    view = stage.view(run)
    assert (view.outcome, thread.is_alive()) == (Outcome.FAILED, False)
    assert "at never: web1: nothing was started: " in view.detail
    assert "no longer ours: held by ben" in view.detail
    assert not list(stage.directory.rglob("never"))
    kinds = stage.kinds(run)
    assert kinds.index("lock_lost") < kinds.index("run_finished")


@pytest.mark.parametrize("away", [False, True])
def test_what_the_runner_performs_itself_changes_nothing_behind_a_fence(stage: Stage, other: Other, away: bool) -> None:
    run, thread = begun(stage, stage.plan(action(toy("tick", "tick", None))), 1)
    ticks = [stage.directory / host / "ticks" for host in HOSTS]
    eventually(lambda: all(file.exists() for file in ticks))
    cut(stage, down=away)
    other.take_over()
    other.fence()
    before = [file.read_text() for file in ticks]
    cut(stage, down=False)
    thread.join(30)
    view = stage.view(run)
    assert [file.read_text() for file in ticks] == before
    assert (view.outcome, view.steps[0].outcome) == (Outcome.FAILED, Outcome.FAILED)
    assert "stopped at tick: it was stopped on the way: the lock of lab is no longer ours: held by ben" in view.detail
    assert "lock_lost" in stage.kinds(run)


def test_a_beat_that_failed_is_proved_before_the_next_step(stage: Stage, other: Other) -> None:
    row = stage.confirm(stage.plan(action(step("slow", WAITS, on="primary"), step("never", "touch never"))))
    runner = stage.runner(row.id)
    thread = threading.Thread(target=runner.run)
    thread.start()
    eventually(lambda: "step_started" in stage.kinds(row.id))
    lost: list[str] = []

    def deaf(script: str) -> Completed:
        if "ol_count=" in script and not lost:
            lost.append(script)
            raise UnreachableError("web1: no answer in 15 s")
        return FakeShell("web1").run(script)

    stage.shells["web1"].answer = deaf
    runner._held.poke()
    eventually(lambda: bool(lost))
    other.take_over()
    let_go(stage)
    thread.join(30)
    assert "the lock was taken over" in stage.view(row.id).detail
    assert not list(stage.directory.rglob("never"))


def test_a_beat_that_failed_and_is_proved_lets_the_run_go_on(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("slow", WAITS, on="primary"), step("next", "touch next"))))
    runner = stage.runner(row.id)
    thread = threading.Thread(target=runner.run)
    thread.start()
    eventually(lambda: "step_started" in stage.kinds(row.id))
    before = runner._links.breaks.count
    runner._links.breaks.add()
    let_go(stage)
    thread.join(30)
    assert before + 1 == runner._links.breaks.count
    assert stage.view(row.id).outcome is Outcome.OK
    assert all((stage.directory / host / "next").exists() for host in HOSTS)


def test_a_start_whose_answer_was_lost_is_followed_though_the_lock_went_meanwhile(stage: Stage, other: Other) -> None:
    """The step had begun: whoever takes over finds it, and its runner must not claim that nothing was started."""
    row = stage.confirm(stage.plan(action(step("deed", f"echo x >> done; {WAITS}", on="primary"))))
    calls: list[str] = []

    def deaf(script: str) -> Completed:
        done = FakeShell("web1").run(script)
        if "oc_attached=" in script and not calls:
            other.take_over()
            calls.append(script)
            assert [one.remote.step for one in other.fence()["web1"].steps] == ["deed"]
            raise UnreachableError("web1: the answer was lost")
        return done

    stage.shells["web1"].answer = deaf
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(lambda: "step_started" in stage.kinds(row.id))
    let_go(stage)
    thread.join(30)
    view = stage.view(row.id)
    assert view.steps[0].outcome is Outcome.OK
    assert (stage.directory / "web1/done").read_text() == "x\n"
