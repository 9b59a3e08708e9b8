"""Steps that the runner performs itself: what they may use, and that none of effect `once` is performed twice."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.domain.actions import Effect, GateSpec, StepSpec
from console.domain.event_codec import decode_payload
from console.domain.events import RunStarted, StepFinished
from console.domain.runs import EventKind, Outcome, RunState
from console.errors import UnreachableError, UsageError
from console.ports import Completed
from tests.fakes.http import answered
from tests.services.running.stage import HOSTS, Stage, action, failing, lock_state, release, step
from tests.services.running.test_runner_kills import runner_process
from tests.services.running.toys import toy
from tests.waiting import eventually

ROLLING_BACK = GateSpec(duration=0.05, every=0.02, on_failure="rollback")


def hook(tmp_path: Path, *, effect: Effect = Effect.ONCE, undo: str = "") -> StepSpec:
    return toy("hook", "hook", {"file": str(tmp_path / "calls")}, effect=effect, undo=undo)


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().split()


def killed(stage: Stage, spec: StepSpec) -> int:
    """A run whose runner died right after its hook was called."""
    row = stage.confirm(stage.plan(action(step("one", "echo one"), spec)))
    (stage.directory / "calls.kill").touch()
    process = runner_process(stage.directory, row.id, 0, "never")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert calls(stage.directory) == ["hook"]
    return row.id


def going(stage: Stage, run: int) -> threading.Thread:
    """A runner in a thread."""
    thread = threading.Thread(target=lambda: stage.runner(run).run(), daemon=True)
    thread.start()
    return thread


def asked(stage: Stage, run: int, what: str) -> bool:
    question = stage.view(run).question
    return question is not None and what in question.text


def answer(stage: Stage, run: int, word: str) -> None:
    stage.store.ask(run, who="ben", kind="answer", body=word, at=stage.clock.now())


@pytest.mark.parametrize(("word", "outcome"), [("done", Outcome.OK), ("failed", Outcome.FAILED)])
def test_a_once_step_whose_runner_died_is_asked_about_and_not_performed_again(
    stage: Stage, tmp_path: Path, word: str, outcome: Outcome
) -> None:
    run = killed(stage, hook(tmp_path))
    thread = going(stage, run)
    eventually(lambda: asked(stage, run, "hook: how it ended is unknown"))
    question = stage.view(run).question
    assert question is not None
    assert question.choices == ("done", "failed")
    answer(stage, run, word)
    thread.join(20)
    view = stage.view(run)
    assert (view.outcome, view.steps[1].outcome) == (outcome, outcome)
    assert f"marked {word} by ben" in view.steps[1].hosts[""].detail
    assert calls(tmp_path) == ["hook"]


def test_nobody_there_keeps_the_run_for_an_operator(stage: Stage, tmp_path: Path) -> None:
    run = killed(stage, hook(tmp_path))
    quick = replace(stage.runner(run)._context.pace, question=0.1)
    assert stage.runner(run, pace=quick).run() == 8
    assert stage.view(run).state is RunState.NEEDS_OPERATOR
    assert calls(tmp_path) == ["hook"]


def test_an_idempotent_step_whose_runner_died_is_performed_again(stage: Stage, tmp_path: Path) -> None:
    run = killed(stage, hook(tmp_path, effect=Effect.IDEMPOTENT))
    assert stage.runner(run).run() == 0
    assert calls(tmp_path) == ["hook", "hook"]


def test_intended_and_never_started_is_performed_once(stage: Stage, tmp_path: Path) -> None:
    """The runner died before it called `perform`: nothing can have happened, so nobody is asked."""
    row = stage.confirm(stage.plan(action(hook(tmp_path))))
    stage.store.append(row.id, RunStarted(), at=stage.clock.now())
    stage.store.append(
        row.id, decode_payload(EventKind.STEP_INTENDED, {"attempt": 1}), at=stage.clock.now(), step="hook"
    )
    assert stage.runner(row.id).run() == 0
    assert calls(tmp_path) == ["hook"]


def test_an_error_of_a_once_step_is_an_unknown_end(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "calls.fail").touch()
    row = stage.confirm(stage.plan(action(hook(tmp_path))))
    thread = going(stage, row.id)
    eventually(lambda: asked(stage, row.id, "unknown: the other side said no"))
    answer(stage, row.id, "failed")
    thread.join(20)
    assert stage.view(row.id).outcome is Outcome.FAILED


def test_an_error_of_any_other_step_is_a_failure(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "calls.fail").touch()
    code, view = stage.run(stage.plan(action(hook(tmp_path, effect=Effect.IDEMPOTENT))))
    assert (code, view.detail) == (1, "step hook failed: the other side said no")


def test_what_it_found_is_in_the_journal(stage: Stage, tmp_path: Path) -> None:
    row = stage.confirm(stage.plan(action(hook(tmp_path))))
    assert stage.runner(row.id).run() == 0
    payloads = [event.payload for event in stage.store.events(row.id)]
    (ended,) = [each for each in payloads if isinstance(each, StepFinished)]
    assert ended.more["answered"] == 200
    assert ended.detail == "called"


def test_its_way_back_is_performed_too_and_after_the_link(stage: Stage, tmp_path: Path) -> None:
    spec = release("link", "link", effect=Effect.IDEMPOTENT, undo="release-link")
    plan = stage.plan(action(release("code", "create"), spec, hook(tmp_path, undo="unhook"), gate=ROLLING_BACK))
    bad = failing("up")
    stage.http.answer = lambda spec: bad(spec) if (tmp_path / "calls").exists() else answered(spec)
    code, view = stage.run(plan)
    assert code == 1
    assert "rolled back to 2" in view.detail
    assert calls(tmp_path) == ["hook", "unhook"]
    assert [one.name for one in view.steps][-2:] == ["undo hook", "undo link"]
    assert [stage.current(host) for host in HOSTS] == ["2", "2"]


def needed(stage: Stage, run: int, questions: int) -> bool:
    return stage.kinds(run).count("operator_needed") == questions


def talk(stage: Stage, *, waits: float = 0.01) -> int:
    """A run of one step that uses all there is, begun up to its first question."""
    plan = stage.plan(action(toy("talk", "talk", waits)))
    return stage.confirm(plan).id


def test_it_says_reads_asks_notes_and_starts(stage: Stage) -> None:
    run = talk(stage)
    thread = going(stage, run)
    eventually(lambda: asked(stage, run, "Go on?"))
    answer(stage, run, "yes")
    eventually(lambda: stage.kinds(run).count("operator_needed") == 2)
    answer(stage, run, "no")
    thread.join(20)
    view = stage.view(run)
    assert (view.outcome, view.steps[0].hosts[""].detail) == (Outcome.OK, "ok ok yes no")
    said = stage.output(run, "talk", "").splitlines()
    assert said[1:] == [f"{host}: 3 b'42\\n'" for host in HOSTS]
    assert [one.name for one in view.steps] == ["talk", "leave a line talk"]


def test_a_later_runner_goes_on_from_what_was_noted(stage: Stage) -> None:
    run = talk(stage)
    first = going(stage, run)
    eventually(lambda: asked(stage, run, "Go on?"))
    answer(stage, run, "yes")
    eventually(lambda: stage.kinds(run).count("operator_needed") == 2)
    stage.lost.set()
    first.join(20)
    assert not first.is_alive(), "a runner that was taken over asks nobody any more"
    stage.lost.clear()
    second = going(stage, run)
    answer(stage, run, "no")
    second.join(20)
    view = stage.view(run)
    assert (view.outcome, view.steps[0].hosts[""].detail) == (Outcome.OK, "ok ok yes no")
    assert "begins with {'first': 'yes'}" in stage.output(run, "talk", "").splitlines()[-3]
    lines = (stage.directory / "web1" / "lines").read_text().split()
    assert lines == ["line", "line"], "once on each host, whoever performs"


def test_a_host_that_is_away_hides_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run = talk(stage)
    runner = stage.runner(run, pace=replace(stage.runner(run)._context.pace, patience=0.1, question=0.1))
    thread = threading.Thread(target=runner.run, daemon=True)
    real = stage.shells["web2"].run

    def run_script(script: str, **named: Any) -> Completed:
        if "6 * 7" in script:
            raise UnreachableError("web2 is away")
        return real(script, **named)

    monkeypatch.setattr(stage.shells["web2"], "run", run_script)
    thread.start()
    eventually(lambda: asked(stage, run, "Go on?"))
    assert stage.output(run, "talk", "").splitlines()[1:] == ["web1: 3 b'42\\n'", "web2: away"]
    stage.store.ask(run, who="ben", kind="abort", body="", at=stage.clock.now())
    thread.join(20)


def test_an_abort_ends_its_waiting(stage: Stage) -> None:
    run = talk(stage, waits=600)
    thread = going(stage, run)
    for questions in (1, 2):
        eventually(partial(needed, stage, run, questions))
        answer(stage, run, "yes")
    eventually(lambda: stage.kinds(run).count("operator_answered") == 2)
    stage.store.ask(run, who="ben", kind="abort", body="", at=stage.clock.now())
    thread.join(20)
    assert not thread.is_alive()
    view = stage.view(run)
    assert view.outcome is Outcome.CANCELLED
    assert "aborted by ben" in view.detail
    assert lock_state(stage).value == "free"


def test_a_kind_that_neither_scripts_nor_performs_is_refused_when_planned(stage: Stage) -> None:
    with pytest.raises(UsageError, match="The step rest cannot be planned: its kind idle gave no script") as caught:
        stage.plan(action(step("one", "echo one"), toy("rest", "idle", None)))
    assert caught.value.done == "Nothing was planned."
