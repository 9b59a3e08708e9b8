"""Runs as the screen uses them: planning, confirming, starting, following, asking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.actions import Param, ParamType
from console.domain.environment import Tier
from console.domain.events import StepIntended
from console.domain.plan_codec import plan_hash
from console.domain.policy import Confirmation
from console.domain.runs import Outcome, RunState
from console.domain.snapshot import Key
from console.errors import RefusedError, UsageError
from console.services.records.windows import SessionWindows
from console.services.runs.live import LiveRuns
from console.store.windows import WindowRows
from tests.services.running.stage import OPERATOR, Stage, action, protected, step
from tests.services.runs.controlling import control_on
from tests.waiting import eventually

DEPLOY = replace(action(step("one", "echo hello")), name="deploy", title="Deploy")
OTHER = replace(DEPLOY, name="another")
RETRY = replace(DEPLOY, name="retry", lock=False, params=(Param(name="ids", type=ParamType.UUIDS, required=True),))
BARE = replace(DEPLOY, name="bare", needs={"workers": True})


class Screen:
    """`ports.Runs` on a stage, with everything published and every runner started."""

    def __init__(self, stage: Stage, *, tier: Tier = Tier.NORMAL) -> None:
        if tier is Tier.PROTECTED:
            stage.environment = protected(stage)
        stage.reach._environment = stage.environment
        self.windows = SessionWindows(WindowRows(stage.database), stage.audit, OPERATOR, "s", stage.clock)
        self.published: list[Key] = []
        self.started: list[int] = []
        self.control = control_on(stage, self.windows, self.started.append, actions=(OTHER, RETRY, BARE, DEPLOY))
        self.runs = LiveRuns(self.control, self.published.append)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


def yes(stage: Stage, screen: Screen, *, typed: str = "", agreed: bool = True) -> int:
    plan = screen.runs.plan("lab", "deploy", {})
    said = Confirmation(plan_hash=plan_hash(plan), operator=OPERATOR, typed=typed, yes=agreed)
    return screen.runs.start(plan, said)


def test_actions_by_name_without_those_that_cannot_be(stage: Stage) -> None:
    screen = Screen(stage)
    assert [one.name for one in screen.runs.actions("lab")] == ["another", "deploy"]
    assert screen.runs.refusal("lab", "deploy") == ""
    assert "workers" in screen.runs.refusal("lab", "bare")
    # A key may be bound to an action that this configuration has not.
    assert "actions/nothing.yaml" in screen.runs.refusal("lab", "nothing")
    for words in (("nowhere", "deploy"), ("lab", "nothing")):
        with pytest.raises(UsageError):
            screen.runs.plan(*words, {})


def test_start_follow_and_read(stage: Stage) -> None:
    screen = Screen(stage)
    screen.runs.start_following()
    try:
        run = yes(stage, screen)
        assert screen.started == [run]
        eventually(lambda: screen.runs.view(run).state is RunState.CONFIRMED)
        assert stage.runner(run).run() == 0
        eventually(lambda: screen.runs.view(run).outcome is Outcome.OK)
        assert screen.runs.output(run, "one", "web1").data == b"hello\n"
        eventually(lambda: screen.runs.current("lab") is not None)
        eventually(lambda: ("run", str(run)) in screen.published)
        eventually(lambda: ("runs", "lab") in screen.published)
        with pytest.raises(UsageError, match="has ended"):
            screen.runs.ask(run, "abort")
    finally:
        screen.runs.close()


def test_a_confirmation_for_another_plan_is_refused_and_audited(stage: Stage) -> None:
    screen = Screen(stage)
    plan = screen.runs.plan("lab", "deploy", {})
    said = Confirmation(plan_hash="0" * 64, operator=OPERATOR, yes=True)
    with pytest.raises(RefusedError, match="another plan"):
        screen.runs.start(plan, said)
    with pytest.raises(RefusedError, match="not confirmed"):
        yes(stage, screen, agreed=False)
    assert screen.started == []
    assert [entry.result for entry in stage.audit.entries()] == ["refused", "refused"]


def test_a_protected_environment_wants_its_name_and_a_window(stage: Stage) -> None:
    screen = Screen(stage, tier=Tier.PROTECTED)
    assert "change window" in screen.runs.refusal("lab", "deploy")
    with pytest.raises(RefusedError, match="no change window"):
        yes(stage, screen, typed="lab")
    screen.runs.note_refusal("lab", "deploy", screen.runs.refusal("lab", "deploy"))
    noted = stage.audit.entries()[-1]
    assert (noted.action, noted.environment, noted.result, noted.exit_status) == ("run.deploy", "lab", "refused", 7)
    assert "change window" in noted.detail
    screen.windows.open("lab")
    assert screen.runs.refusal("lab", "deploy") == ""
    with pytest.raises(RefusedError, match="must be typed"):
        yes(stage, screen)
    with pytest.raises(RefusedError, match="must be typed"):
        yes(stage, screen, typed="Lab")
    assert yes(stage, screen, typed="lab") == 1
    screen.windows.close("lab")
    with pytest.raises(RefusedError):
        yes(stage, screen, typed="lab")


def test_asking_a_run_without_a_runner_starts_one(stage: Stage) -> None:
    screen = Screen(stage)
    run = yes(stage, screen)
    screen.runs.ask(run, "abort")
    assert screen.started == [run, run]
    assert [request.kind for request in stage.store.requests(run)] == ["abort"]
    assert stage.runner(run).run() == 1
    assert stage.view(run).outcome is Outcome.CANCELLED
    assert not list(stage.directory.rglob("STEP*"))


def test_a_protected_run_that_never_began_begins_in_a_change_window_only(stage: Stage) -> None:
    screen = Screen(stage, tier=Tier.PROTECTED)
    screen.windows.open("lab")
    run = yes(stage, screen, typed="lab")
    screen.windows.close("lab")
    screen.started.clear()
    for words in (("answer", "resume"), ("go", "")):
        with pytest.raises(RefusedError, match="has not begun") as refused:
            screen.runs.ask(run, *words)
        assert "--confirm lab" in (refused.value.fix or "")
    assert screen.started == [] and stage.store.requests(run) == ()
    refused_ones = [entry.action for entry in stage.audit.entries() if entry.result == "refused"]
    assert refused_ones == ["run.resume", "run.request"]
    screen.windows.open("lab")
    screen.runs.ask(run, "answer", "resume")
    assert screen.started == [run]


def test_aborting_a_protected_run_and_going_on_half_way_need_no_change_window(stage: Stage) -> None:
    screen = Screen(stage, tier=Tier.PROTECTED)
    screen.windows.open("lab")
    run, half_way = yes(stage, screen, typed="lab"), yes(stage, screen, typed="lab")
    screen.windows.close("lab")
    screen.started.clear()
    screen.runs.ask(run, "abort")
    stage.store.append(half_way, StepIntended(), at=stage.clock.now(), step="one", host="web1")
    screen.runs.start_following()
    try:
        eventually(lambda: screen.runs.view(half_way).steps[0].hosts["web1"].attempt == 1)
        screen.runs.ask(half_way, "answer", "resume")
    finally:
        screen.runs.close()
    assert screen.started == [run, half_way]
