"""Runs as people see them while runners come and go: nobody is asked about a runner that lives, or that has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread, current_thread

import pytest

from console.domain.actions import Action, Param, ParamType
from console.domain.environment import AppSpec, CodeSource
from console.domain.event_codec import decode_payload
from console.domain.events import RunStarted
from console.domain.runs import Event as RunEvent
from console.domain.runs import EventKind, RunState
from console.errors import StateError
from console.ports import Clock, Lease
from console.services.planning.planner import as_offered
from console.services.records.windows import SessionWindows
from console.services.runs.leases import new_holder
from console.services.runs.live import LiveRuns
from console.services.runs.liveness import lease_name
from console.store.leases import Leases
from console.store.windows import WindowRows
from tests.fakes.clock import FakeClock
from tests.fakes.reach import make_environment
from tests.services.running.stage import OPERATOR, Stage, step
from tests.services.runs.controlling import confirmed, control_on
from tests.waiting import eventually


class WatchedLeases(Leases):
    """Counts the looks at leases; `before` happens just before the next one, once."""

    looks = 0
    before: Callable[[], None] | None = None

    def read(self, name: str) -> Lease | None:
        deed, self.before = self.before, None
        if deed is not None:
            deed()
        found = super().read(name)
        self.looks += 1
        return found


class Watcher:
    """Runs being followed, and every state that anybody who listens has seen."""

    def __init__(self, stage: Stage, clock: Clock | None = None) -> None:
        self.stage = stage
        self.leases = WatchedLeases(stage.database)
        self.seen: list[RunState] = []
        self.started: list[int] = []
        self.asked_ends: list[str] = []
        self.end: str | StateError = ""
        windows = SessionWindows(WindowRows(stage.database), stage.audit, OPERATOR, "s", stage.clock)
        control = control_on(
            stage, windows, self.started.append, leases=self.leases, clock=clock, runner_end=self._runner_end
        )
        self.runs = LiveRuns(control, self._published)
        self.run = confirmed(stage)

    def _runner_end(self, _run: int, _holder: str) -> str:
        self.asked_ends.append(current_thread().name)
        if isinstance(self.end, StateError):
            raise self.end
        return self.end

    def _published(self, key: tuple[str, ...]) -> None:
        if key[0] == "run":
            self.seen.append(self.runs.view(int(key[1])).state)

    def looked(self, more: int = 3) -> None:
        """Waits until the leases were looked at some more times."""
        before = self.leases.looks
        eventually(lambda: self.leases.looks >= before + more)

    def note(self, kind: EventKind, **data: str) -> None:
        """What a runner writes."""
        self.stage.store.append(self.run, decode_payload(kind, data), at=self.stage.clock.now())


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    stage = Stage(tmp_path)
    watcher = Watcher(stage)
    yield watcher
    watcher.runs.close()
    stage.close()


def test_a_runner_that_is_born_late_is_never_called_gone(watcher: Watcher) -> None:
    watcher.runs.start_following()
    eventually(lambda: watcher.runs.current("lab") is not None)
    watcher.looked()
    watcher.leases.take(lease_name(watcher.run), new_holder())
    watcher.note(EventKind.RUN_STARTED)
    eventually(lambda: RunState.RUNNING in watcher.seen)
    watcher.looked()
    assert RunState.NEEDS_OPERATOR not in watcher.seen


def test_a_runner_that_ends_between_two_looks_is_never_called_gone(watcher: Watcher) -> None:
    lease = watcher.leases.take(lease_name(watcher.run), new_holder())
    watcher.note(EventKind.RUN_STARTED)
    watcher.runs.follow(watcher.run)

    watcher.runs.start_following()
    watcher.looked()

    def end() -> None:
        watcher.note(EventKind.RUN_FINISHED, outcome="ok")
        watcher.leases.drop(lease)

    watcher.leases.before = end
    eventually(lambda: RunState.FINISHED in watcher.seen)
    assert RunState.NEEDS_OPERATOR not in watcher.seen


def test_a_runner_that_is_gone_is_said_to_be(watcher: Watcher) -> None:
    lease = watcher.leases.take(lease_name(watcher.run), new_holder())
    watcher.note(EventKind.RUN_STARTED)
    watcher.runs.follow(watcher.run)
    watcher.runs.start_following()
    watcher.looked()
    watcher.leases.drop(lease)
    eventually(lambda: RunState.NEEDS_OPERATOR in watcher.seen)
    question = watcher.runs.view(watcher.run).question
    assert question is not None and question.choices == ("resume", "abort")


GONE_HOLDER = new_holder().rpartition(" ")[0].rpartition(" ")[0] + " 0 x"
"""A process of this machine that is no more: its number was given to another one since."""


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("it was killed", "Its runner is gone: it was killed. Resume"),
        (StateError("busy"), "Its runner is gone. Resume"),
    ],
)
def test_how_a_runner_ended_is_found_out_once_and_never_while_drawing(
    watcher: Watcher, end: str | StateError, said: str
) -> None:
    watcher.end = end
    watcher.leases.take(lease_name(watcher.run), GONE_HOLDER)
    watcher.note(EventKind.RUN_STARTED)
    watcher.runs.start_following()
    eventually(lambda: RunState.NEEDS_OPERATOR in watcher.seen)
    watcher.looked()
    for shown in (watcher.runs.view(watcher.run), watcher.runs.current("lab")):
        assert shown is not None and shown.question is not None and shown.question.text.startswith(said)
    assert watcher.asked_ends == ["opsconsole-runs"]


def test_a_runner_that_gave_up_its_lease_is_not_given_the_end_of_another(watcher: Watcher) -> None:
    watcher.end = "it was killed"
    watcher.note(EventKind.RUN_STARTED)
    watcher.runs.start_following()
    eventually(lambda: RunState.NEEDS_OPERATOR in watcher.seen)
    question = watcher.runs.view(watcher.run).question
    assert question is not None and question.text.startswith("Its runner is gone. Resume")
    assert watcher.asked_ends == []


def test_a_runner_that_died_on_another_machine_is_noticed_and_replaced_by_whoever_speaks(tmp_path: Path) -> None:
    stage, clock = Stage(tmp_path), FakeClock()
    watcher = Watcher(stage, clock)
    try:
        watcher.leases.take(lease_name(watcher.run), "elsewhere boot 1 1 x")
        watcher.note(EventKind.RUN_STARTED)
        watcher.runs.follow(watcher.run)
        assert watcher.runs.view(watcher.run).state is RunState.RUNNING
        watcher.runs.start_following()

        def noticed() -> bool:
            clock.advance(0.25)
            return RunState.NEEDS_OPERATOR in watcher.seen

        eventually(noticed)
        assert watcher.started == []
        watcher.runs.ask(watcher.run, "answer", "resume")
        assert watcher.started == [watcher.run]
    finally:
        watcher.runs.close()
        stage.close()


def test_a_run_without_a_runner_is_not_said_to_hold_the_lock(watcher: Watcher) -> None:
    lease = watcher.leases.take(lease_name(watcher.run), new_holder())
    watcher.note(EventKind.RUN_STARTED)
    watcher.note(EventKind.LOCK_TAKEN)
    watcher.runs.start_following()
    eventually(lambda: "holds the lock" in watcher.runs.refusal("lab", "try"))
    # A lock that was taken over after its holder died is told in no event of that run.
    watcher.leases.drop(lease)
    eventually(lambda: watcher.runs.refusal("lab", "try") == "")


def test_looking_never_waits_for_the_state_database(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher.runs.start_following()
    eventually(lambda: watcher.runs.current("lab") is not None)
    second = confirmed(watcher.stage)
    asked, answered = Event(), Event()
    read = watcher.stage.store.events

    def slow(run: int, after: int = 0) -> tuple[RunEvent, ...]:
        asked.set()
        assert answered.wait(20)
        return read(run, after)

    monkeypatch.setattr(watcher.stage.store, "events", slow)
    turning = Thread(target=watcher.runs.follow, args=(second,))
    turning.start()
    assert asked.wait(20)
    seen: list[object] = []

    def look() -> None:
        runs = watcher.runs
        seen.extend([runs.current("lab"), runs.view(watcher.run), runs.recent("lab"), runs.output(watcher.run, "", "")])
        runs.follow(watcher.run)
        seen.append("all")

    screen = Thread(target=look, daemon=True)
    screen.start()
    screen.join(10)
    waited = screen.is_alive()
    answered.set()
    turning.join(20)
    assert not waited and seen[-1] == "all"
    assert watcher.runs.view(second).state is RunState.CONFIRMED


ASKING = Action(
    name="deploy",
    title="Deploy",
    steps=(step("one", "true"),),
    params=(
        Param(name="ref", type=ParamType.GIT_REF, default="{app.source.ref}", ask=True),
        Param(name="word", type=ParamType.TEXT, default="on {env.name}, {host.name}", ask=True),
    ),
)


def test_an_action_is_offered_with_the_values_it_would_take() -> None:
    environment = make_environment(app=AppSpec(path="/srv/app", source=CodeSource(git="g@x:y.git", ref="main")))
    ref, word = as_offered(ASKING, environment).params
    assert (ref.default, ref.ask) == ("main", True)
    assert word.default == "on {env.name}, {host.name}", "what only a host can say stays as declared"


def test_an_archive_is_deployed_without_asking_for_a_ref() -> None:
    environment = make_environment(app=AppSpec(path="/srv/app", source=CodeSource(archive="/srv/code.tar")))
    ref, word = as_offered(ASKING, environment).params
    assert not ref.ask and word.ask
    assert replace(ref, ask=True, default=ASKING.params[0].default) == ASKING.params[0]


def ended(watcher: Watcher, run: int) -> None:
    """What its runner writes last."""
    watcher.stage.store.append(
        run, decode_payload(EventKind.RUN_FINISHED, {"outcome": "ok"}), at=watcher.stage.clock.now()
    )


def test_a_run_that_goes_on_is_found_behind_hundreds_that_ended(watcher: Watcher) -> None:
    old = watcher.run
    watcher.leases.take(lease_name(old), new_holder())
    watcher.note(EventKind.RUN_STARTED)
    for _ in range(40):
        run = confirmed(watcher.stage)
        ended(watcher, run)
    watcher.runs.start_following()
    eventually(lambda: (found := watcher.runs.current("lab")) is not None and found.run == old)
    assert watcher.runs.recent("lab")[0] == run and len(watcher.runs.recent("lab")) == 30


def test_a_run_with_a_runner_comes_before_one_without(watcher: Watcher) -> None:
    watcher.note(EventKind.RUN_STARTED)
    watcher.note(EventKind.LOCK_TAKEN)
    fresh = confirmed(watcher.stage)
    watcher.leases.take(lease_name(fresh), new_holder())
    watcher.stage.store.append(fresh, RunStarted(), at=watcher.stage.clock.now())
    watcher.runs.start_following()
    eventually(lambda: (found := watcher.runs.current("lab")) is not None and found.run == fresh)
    watcher.looked()
    found = watcher.runs.current("lab")
    assert found is not None and found.run == fresh


def test_what_ended_is_not_kept_for_ever_and_can_be_looked_at_again(watcher: Watcher) -> None:
    watcher.runs.start_following()
    runs = []
    for _ in range(30):
        runs.append(confirmed(watcher.stage))
        watcher.stage.store.append(
            runs[-1], decode_payload(EventKind.RUN_FINISHED, {"outcome": "ok"}), at=watcher.stage.clock.now()
        )
        watcher.runs.follow(runs[-1])
    last = confirmed(watcher.stage)
    eventually(lambda: watcher.runs.recent("lab")[:1] == (last,))
    eventually(lambda: len(watcher.runs._views) <= 24)
    assert runs[0] not in watcher.runs._views and runs[-1] in watcher.runs._views
    assert watcher.runs.view(runs[0]).run == runs[0]
