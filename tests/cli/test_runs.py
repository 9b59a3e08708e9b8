"""`opsconsole runs` on runs whose runner never began, has gone, or only seems to live."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

import console.cli.confirm
import console.cli.runs
from console.cli.confirm import RunAccess
from console.domain.environment import Tier
from console.domain.event_codec import decode_payload
from console.domain.events import RunStarted, StepIntended
from console.domain.runs import EventKind
from console.errors import RefusedError, UsageError
from console.services.records.windows import CommandWindow
from console.services.runs.leases import new_holder
from console.services.runs.liveness import lease_name
from console.store.leases import Leases
from tests.fakes.stepping import SteppingClock
from tests.services.running.stage import OPERATOR, Stage, action, protected, step
from tests.services.runs.controlling import control_on


class Typed:
    """Commands on a stage; `started` are the runs that got a runner."""

    def __init__(self, stage: Stage, patch: pytest.MonkeyPatch) -> None:
        self.stage = stage
        self.started: list[int] = []
        self.leases = Leases(stage.database)
        self.clock = SteppingClock()
        window = CommandWindow(OPERATOR, stage.clock)
        control = control_on(stage, window, self.started.append, leases=self.leases, clock=self.clock)

        @contextmanager
        def opened(_path: Path | None) -> Iterator[RunAccess]:
            yield RunAccess(cast(Any, SimpleNamespace(state_path=stage.directory)), control, window)

        patch.setattr(console.cli.runs, "opened_state", opened)

    def __call__(self, *words: str) -> Result:
        """What the command does; `exception` holds what it raised, `return_value` its exit code."""
        return CliRunner().invoke(console.cli.runs.runs, list(words), standalone_mode=False)

    def confirmed(self) -> str:
        """A confirmed run nothing was done of."""
        return str(self.stage.confirm(self.stage.plan(action(step("one", "true")))).id)

    def audited(self, what: str) -> list[str]:
        """The results of the audited entries of one kind."""
        return [entry.result for entry in self.stage.audit.entries() if entry.action == what]


@pytest.fixture
def typed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Tier], Typed]]:
    stage = Stage(tmp_path)

    def build(tier: Tier) -> Typed:
        stage.environment = protected(stage) if tier is Tier.PROTECTED else replace(stage.environment, tier=tier)
        stage.reach._environment = stage.environment
        return Typed(stage, monkeypatch)

    yield build
    stage.close()


@pytest.mark.parametrize("command", [("resume", "--detach"), ("answer",)])
def test_a_protected_run_that_never_began_wants_its_environments_name(
    typed_on: Callable[[Tier], Typed], command: tuple[str, ...]
) -> None:
    typed = typed_on(Tier.PROTECTED)
    run = typed.confirmed()
    # Without a runner's trace a run asks nothing; one that started and died before step 1 can be answered.
    typed.stage.store.append(int(run), RunStarted(), at=typed.stage.clock.now())
    words = (command[0], run, *command[1:], *(["resume"] if command[0] == "answer" else []))
    refused = typed(*words).exception
    assert isinstance(refused, RefusedError) and refused.exit_code == 7
    assert f"runs resume {run} --confirm lab" in (refused.fix or "")
    assert isinstance(typed(*words, "--confirm", "web").exception, RefusedError)
    assert typed.started == []
    assert typed(*words, "--confirm", "lab").exception is None
    assert typed.started == [int(run)]
    assert sorted(typed.audited("run.resume")) == ["ok", "refused", "refused"]


def test_a_list_says_when_it_is_not_all(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.NORMAL)
    first, second = typed.confirmed(), typed.confirmed()
    whole = json.loads(typed("list", "--json").stdout)
    assert [run["run"] for run in whole["runs"]] == [int(second), int(first)]
    assert (whole["is_complete"], whole["bound"]) == (True, None)
    part = json.loads(typed("list", "--json", "--limit", "1").stdout)
    assert [run["run"] for run in part["runs"]] == [int(second)]
    assert (part["is_complete"], part["bound"]) == (False, "the newest 1; older ones are left out")
    assert "the newest 1; older ones are left out" in typed("list", "--limit", "1").output


def test_a_protected_run_that_never_began_can_always_be_aborted(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.PROTECTED)
    run = typed.confirmed()
    assert typed("abort", run).exception is None
    assert [request.kind for request in typed.stage.store.requests(int(run))] == ["abort"]
    assert typed.started == [int(run)]


def test_a_protected_run_half_way_and_a_normal_one_resume_unasked(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.PROTECTED)
    half_way = typed.confirmed()
    typed.stage.store.append(int(half_way), StepIntended(), at=typed.stage.clock.now(), step="one", host="web1")
    assert typed("resume", half_way, "--detach").exception is None
    normal = typed_on(Tier.NORMAL)
    run = normal.confirmed()
    assert normal("resume", run, "--detach").exception is None
    assert (typed.started, normal.started) == ([int(half_way)], [int(run)])


def test_a_run_whose_runner_died_elsewhere_resumes_after_watching_it(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    typed.leases.take(lease_name(int(run)), "renamed boot 1 1 x")
    done = typed("resume", run, "--detach")
    assert done.exception is None and "watching for up to 10 s" in done.stderr
    assert typed.started == [int(run)]
    assert 10 <= typed.clock.passed <= 10.5


def test_a_run_whose_runner_beats_elsewhere_is_not_resumed(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    theirs = typed.leases.take(lease_name(int(run)), "renamed boot 1 1 x")

    def beat(passed: float) -> None:
        if passed == 2.0:
            typed.leases.beat(theirs)

    typed.clock.then = beat
    refused = typed("resume", run, "--detach").exception
    assert isinstance(refused, UsageError) and "has a runner" in refused.what
    assert typed.started == []


def test_an_abort_by_interrupting_is_audited_like_any_other(
    typed_on: Callable[[Tier], Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    theirs = typed.leases.take(lease_name(int(run)), new_holder())

    @contextmanager
    def interrupted() -> Iterator[list[int]]:
        yield [signal.SIGINT, signal.SIGTERM]

    monkeypatch.setattr(console.cli.runs, "signals", interrupted)
    done = typed("attach", run, "--on-interrupt", "abort")
    typed.leases.drop(theirs)
    assert "Aborting" in done.stderr and "goes on" in done.stderr
    assert [request.kind for request in typed.stage.store.requests(int(run))] == ["abort"]
    (entry,) = [entry for entry in typed.stage.audit.entries() if entry.action == "run.request"]
    assert (entry.run, entry.result, entry.detail) == (int(run), "ok", "abort")


def test_following_a_run_whose_runner_died_elsewhere_ends(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    typed.stage.store.append(int(run), RunStarted(), at=typed.stage.clock.now())
    typed.leases.take(lease_name(int(run)), "elsewhere boot 1 1 x")
    done = typed("attach", run)
    assert done.return_value == 8
    assert "Its runner is gone" in done.stderr and f"opsconsole runs resume {run}" in done.stderr
    assert 10 <= typed.clock.passed <= 15


def test_a_runner_that_beats_elsewhere_is_followed(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    typed.stage.store.append(int(run), RunStarted(), at=typed.stage.clock.now())
    theirs = typed.leases.take(lease_name(int(run)), "elsewhere boot 1 1 x")

    def beat(passed: float) -> None:
        if passed < 60:
            typed.leases.beat(theirs)
        elif not typed.stage.view(int(run)).outcome:
            typed.stage.store.append(
                int(run),
                decode_payload(EventKind.RUN_FINISHED, {"outcome": "ok", "exit_code": 0}),
                at=typed.stage.clock.now(),
            )

    typed.clock.then = beat
    assert typed("attach", run).return_value == 0
    assert typed.clock.passed >= 60


@pytest.mark.parametrize(("words", "kinds"), [(("abort",), ["abort"]), (("answer", "resume"), [])])
def test_whoever_speaks_to_a_run_whose_runner_died_elsewhere_starts_another(
    typed_on: Callable[[Tier], Typed], words: tuple[str, ...], kinds: list[str]
) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    typed.stage.store.append(int(run), RunStarted(), at=typed.stage.clock.now())
    typed.leases.take(lease_name(int(run)), "elsewhere boot 1 1 x")
    done = typed(words[0], run, *words[1:])
    assert done.exception is None and "runner is gone: another was started" in done.stderr
    assert typed.started == [int(run)]
    assert [request.kind for request in typed.stage.store.requests(int(run))] == kinds


def test_a_runner_that_is_seen_here_is_not_watched_first(typed_on: Callable[[Tier], Typed]) -> None:
    typed = typed_on(Tier.NORMAL)
    run = typed.confirmed()
    typed.leases.take(lease_name(int(run)), new_holder())
    done = typed("abort", run)
    assert done.exception is None and f"Run {run} was asked to abort" in done.stderr
    assert (typed.started, typed.clock.passed) == ([], 0.0)


def test_an_ended_run_tells_what_is_true_and_the_way_back_with_the_config_typed(
    typed_on: Callable[[Tier], Typed],
) -> None:
    typed = typed_on(Tier.NORMAL)
    stage = typed.stage
    _, view = stage.run(stage.plan(action(step("one", "true"), step("two", "echo a; exit 1"))))
    for command in ("show", "attach"):
        said = typed(command, str(view.run)).output
        assert "finished   one on web1, web2" in said
        assert "failed     two on web1, web2" in said
        assert "lock       released" in said
