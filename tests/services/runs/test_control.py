"""The one control of runs: what it refuses is refused alike on the screen and on a command line, and audited once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from console.domain.documents import Json
from console.domain.event_codec import decode_payload
from console.domain.events import RunStarted
from console.domain.plan_codec import plan_hash
from console.domain.plans import Plan
from console.domain.policy import Confirmation
from console.domain.runs import EventKind, RunState
from console.errors import OpsconsoleError, RefusedError, UnreachableError, UsageError
from console.services.records.windows import CommandWindow, SessionWindows
from console.services.runs.control import RunControl
from console.services.runs.leases import new_holder
from console.services.runs.liveness import lease_name
from console.store.leases import Leases
from console.store.windows import WindowRows
from tests.fakes.clock import FakeClock
from tests.fakes.stepping import SteppingClock
from tests.services.running.stage import OPERATOR, Stage, action, protected, step
from tests.services.runs.controlling import confirmed, control_on

DEPLOY = replace(action(step("one", "true")), name="deploy")
NEEDY = replace(DEPLOY, name="needy", needs={"workers": True})


class Face:
    """A control with one kind of change window, on a protected environment; `opened` opens that window."""

    def __init__(self, stage: Stage, kind: str) -> None:
        self.stage = stage
        self.started: list[int] = []
        session = SessionWindows(WindowRows(stage.database), stage.audit, OPERATOR, "s", stage.clock)
        self.window = CommandWindow(OPERATOR, stage.clock)
        self.clock = SteppingClock()
        self.leases = Leases(stage.database)
        self.control: RunControl = control_on(
            stage,
            session if kind == "screen" else self.window,
            self.started.append,
            actions=(DEPLOY, NEEDY),
            leases=self.leases,
            clock=self.clock,
        )
        self.opened: Callable[[], object] = (
            (lambda: session.open("lab")) if kind == "screen" else (lambda: self.window.give("lab"))
        )

    def refused(self, attempt: Callable[[], object]) -> tuple[str, int | None, int | None]:
        """What the audit says of an attempt that is refused: action, run and exit code. Nothing is started."""
        before, started = len(self.stage.audit.entries()), list(self.started)
        with pytest.raises(OpsconsoleError) as caught:
            attempt()
        (entry,) = self.stage.audit.entries()[before:]
        assert (entry.result, entry.environment, entry.detail) == ("refused", "lab", caught.value.what)
        assert self.started == started
        return entry.action, entry.run, entry.exit_status

    def said(self, plan: Plan, typed: str = "lab") -> Confirmation:
        return Confirmation(plan_hash=plan_hash(plan), operator=OPERATOR, typed=typed, yes=True)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    built.environment = protected(built)
    built.reach._environment = built.environment
    yield built
    built.close()


@pytest.fixture(params=["screen", "command line"])
def face(request: pytest.FixtureRequest, stage: Stage) -> Face:
    return Face(stage, request.param)


def test_a_refused_plan_is_audited(face: Face) -> None:
    assert face.refused(lambda: face.control.plan("lab", "needy", {})) == ("run.needy", None, 7)


def test_a_refused_saved_plan_is_audited(face: Face, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{}")
    file.chmod(0o666)
    assert face.refused(lambda: face.control.saved_plan(file, "lab", "deploy")) == ("run.deploy", None, 2)


def test_a_host_that_is_away_refuses_nothing(face: Face) -> None:
    face.stage.shells["web2"].down = True
    with pytest.raises(UnreachableError):
        face.control.plan("lab", "deploy", {})
    assert not face.stage.audit.entries()


def test_a_refused_confirmation_is_audited_with_its_plan(face: Face) -> None:
    plan = face.control.plan("lab", "deploy", {})
    assert face.refused(lambda: face.control.start(plan, face.said(plan))) == ("run.deploy", None, 7)
    face.opened()
    assert face.refused(lambda: face.control.start(plan, face.said(plan, typed="Lab"))) == ("run.deploy", None, 7)
    other = replace(plan, params={"x": 1})
    assert face.refused(lambda: face.control.start(other, face.said(plan))) == ("run.deploy", None, 7)
    assert {entry.plan_hash for entry in face.stage.audit.entries() if entry.result == "refused"} == {
        plan_hash(plan),
        plan_hash(other),
    }
    run = face.control.start(plan, face.said(plan))
    assert face.started == [run]
    assert face.stage.kinds(run) == ["run_planned", "run_confirmed"]


def test_what_is_said_to_a_protected_run_that_never_began_needs_a_window(face: Face) -> None:
    run = confirmed(face.stage)
    assert face.refused(lambda: face.control.ask(run, "answer", "resume")) == ("run.resume", run, 7)
    assert face.refused(lambda: face.control.resume(run)) == ("run.resume", run, 7)
    assert face.refused(lambda: face.control.ask(run, "go")) == ("run.request", run, 7)
    face.opened()
    assert not face.control.ask(run, "answer", "resume").kind
    assert face.started == [run]


def test_what_is_said_to_an_ended_run_is_refused_and_audited(face: Face) -> None:
    run = confirmed(face.stage)
    face.stage.store.append(run, decode_payload(EventKind.RUN_FINISHED, {"outcome": "ok"}), at=face.stage.clock.now())
    for words in (("abort", ""), ("answer", "done"), ("hold", "")):
        assert face.refused(partial(face.control.ask, run, *words)) == ("run.request", run, 2)
    assert face.refused(lambda: face.control.resume(run)) == ("run.resume", run, 2)
    assert face.stage.store.requests(run) == ()


def test_an_answer_that_nobody_asked_for_is_refused(face: Face) -> None:
    run = confirmed(face.stage)
    face.leases.take(lease_name(run), new_holder())
    face.stage.store.append(run, RunStarted(), at=face.stage.clock.now())
    assert face.refused(lambda: face.control.ask(run, "answer", "done")) == ("run.request", run, 2)
    asking: dict[str, Json] = {"question": "Did it?", "choices": ["done", "failed"]}
    face.stage.store.append(run, decode_payload(EventKind.OPERATOR_NEEDED, asking), at=face.stage.clock.now())
    assert face.refused(lambda: face.control.ask(run, "answer", "perhaps")) == ("run.request", run, 2)
    assert not face.control.ask(run, "answer", "done").started
    assert [request.body for request in face.stage.store.requests(run)] == ["done"]


def test_a_run_whose_runner_moves_is_not_resumed(face: Face) -> None:
    run = confirmed(face.stage)
    face.opened()
    lease = face.leases.take(lease_name(run), new_holder())

    def beat(passed: float) -> None:
        if passed == 2.0:
            face.leases.beat(lease)

    face.clock.then = beat
    assert face.refused(lambda: face.control.resume(run)) == ("run.resume", run, 2)


def test_a_word_that_a_run_without_a_runner_has_asked_for_itself_is_an_answer(face: Face) -> None:
    run = confirmed(face.stage)
    face.opened()
    asking: dict[str, Json] = {"question": "The gate failed.", "choices": ["accept", "rollback", "abort"]}
    face.stage.store.append(run, RunStarted(), at=face.stage.clock.now())
    face.stage.store.append(run, decode_payload(EventKind.OPERATOR_NEEDED, asking), at=face.stage.clock.now())
    assert face.control.ask(run, "answer", "abort").started
    assert [(request.kind, request.body) for request in face.stage.store.requests(run)] == [("answer", "abort")]


def test_there_is_no_run_of_that_number(face: Face) -> None:
    for attempt in (lambda: face.control.ask(7, "abort"), lambda: face.control.resume(7)):
        with pytest.raises(UsageError):
            attempt()
    assert not face.stage.audit.entries()


@pytest.mark.parametrize("name", ["web", "lab\x1b[2J"])
def test_the_name_of_another_environment_opens_nothing(stage: Stage, name: str) -> None:
    face = Face(stage, "command line")
    face.window.give(name)
    run = confirmed(stage)
    with pytest.raises(RefusedError, match="this is for lab") as caught:
        face.control.resume(run)
    assert "\x1b" not in caught.value.what
    assert face.refused(lambda: face.control.resume(run)) == ("run.resume", run, 7)


def test_a_run_that_never_began_needs_an_operator_once_it_is_old(stage: Stage) -> None:
    run = confirmed(stage)
    created = stage.store.run(run).created_at
    states = []
    for seconds in (0, 29, 31):
        clock = FakeClock(created + timedelta(seconds=seconds))
        control = control_on(stage, CommandWindow(OPERATOR, clock), lambda _: None, clock=clock)
        states.append(control.history(run).view.state)
    assert states == [RunState.CONFIRMED, RunState.CONFIRMED, RunState.NEEDS_OPERATOR]


def test_following_a_run_that_was_just_started_elsewhere_waits_for_its_runner(stage: Stage) -> None:
    run = confirmed(stage)
    leases = Leases(stage.database)

    def born(passed: float) -> None:
        if round(passed, 1) == 3.0:
            leases.take(lease_name(run), new_holder())
            stage.store.append(run, RunStarted(), at=stage.clock.now())
        if round(passed, 1) == 9.0:
            end: dict[str, Json] = {"outcome": "failed", "exit_code": 5}
            stage.store.append(run, decode_payload(EventKind.RUN_FINISHED, end), at=stage.clock.now())

    clock = SteppingClock(born)
    attached = control_on(stage, CommandWindow(OPERATOR, clock), lambda _: None, clock=clock).attach(run)
    seen = [event.kind for events in attached.turns() for event in events]
    assert seen[-1] is EventKind.RUN_FINISHED
    assert (attached.left, attached.exit_code) == (False, 5)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({"outcome": "ok"}, 0),
        ({"outcome": "ok", "exit_code": 0}, 0),
        ({"outcome": "failed", "exit_code": 6}, 6),
        ({"outcome": "failed", "exit_code": 0}, 1),
        ({"outcome": "cancelled"}, 1),
        ({"outcome": "unknown"}, 8),
    ],
)
def test_the_exit_code_of_whoever_follows_is_never_0_for_what_did_not_end_well(
    stage: Stage, end: dict[str, Json], code: int
) -> None:
    run = confirmed(stage)
    stage.store.append(run, decode_payload(EventKind.RUN_FINISHED, end), at=stage.clock.now())
    attached = control_on(stage, CommandWindow(OPERATOR, stage.clock), lambda _: None).attach(run)
    for _ in attached.turns():
        pass
    assert attached.exit_code == code
