"""Whatever ends a run between its `down` and its `up` reaches back to it: what is said, offered, done, left alone."""

from __future__ import annotations

import shutil
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from console.domain.actions import Action, Effect, GateSpec, StepSpec
from console.domain.event_codec import decode_payload
from console.domain.events import StepIntended
from console.domain.policy import Operator
from console.domain.runs import EventKind, Outcome, RunState, RunView
from console.errors import RefusedError
from console.present.aftermath import aftermath
from console.services.records.windows import CommandWindow
from console.services.runs.liveness import as_seen
from console.services.target.lock import EnvironmentLock, LockState, holder_of
from tests.fakes.stepping import SteppingClock
from tests.services.running.stage import HOSTS, OPERATOR, Stage, action, breaking, failing, lock_state, release, step
from tests.services.runs.controlling import control_on
from tests.waiting import eventually

ARTISAN = """<?php
$down = __DIR__.'/storage/framework/down';
if ($argv[1] === 'down') { file_put_contents($down, '{"retry": 60, "status": 503}'); echo "down now\\n"; exit(0); }
if ($argv[1] === 'up') { @unlink($down); echo "up now\\n"; exit(0); }
exit(1);
"""
DOWN = StepSpec(name="down", kind="artisan", params={"run": ["down", "--retry=60"]}, on="all", effect=Effect.IDEMPOTENT)
UP = StepSpec(name="up", kind="artisan", params={"run": ["up"]}, on="all", effect=Effect.IDEMPOTENT)
ROLLING_BACK = GateSpec(duration=0.05, every=0.02, on_failure="rollback")
SLOW = "while [ ! -e go ]; do sleep 0.05; done"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    # These runs need a PHP that performs artisan, which the stage's own stand-in does not.
    (tmp_path / "php").symlink_to(shutil.which("php") or "php")
    built = Stage(tmp_path)
    code = tmp_path / "code"
    code.mkdir()
    (code / "artisan").write_text(ARTISAN)
    with tarfile.open(tmp_path / "code.tar", "w") as tar:
        tar.add(code / "artisan", "artisan")
    for host in HOSTS:
        (tmp_path / host / "shared/storage/framework").mkdir(parents=True, exist_ok=True)
        for name in ("1", "2"):
            live = tmp_path / host / "releases" / name
            (live / "artisan").write_text(ARTISAN)
            if not (live / "storage").exists():
                (live / "storage").symlink_to("../../shared/storage")
    yield built
    built.close()


def down_on(stage: Stage) -> list[str]:
    return [host for host in HOSTS if (stage.directory / host / "shared/storage/framework/down").exists()]


def set_down(stage: Stage, *hosts: str) -> None:
    for host in hosts or HOSTS:
        (stage.directory / host / "shared/storage/framework/down").write_text("{}")


def told(stage: Stage, view: RunView) -> str:
    return "\n".join(aftermath(stage.store.run(view.run), view, stage.store.events(view.run)))


def deploying(*between: StepSpec, gate: GateSpec | None = None, up: bool = True) -> Action:
    code = release("code", "create", effect=Effect.ONCE)
    shared = release("shared", "shared", effect=Effect.IDEMPOTENT)
    link = release("link", "link", effect=Effect.IDEMPOTENT, undo="release-link")
    return action(DOWN, code, shared, *between, link, *([UP] if up else []), gate=gate)


def test_a_run_that_ends_it_itself_says_nothing_of_it(stage: Stage) -> None:
    code, view = stage.run(stage.plan(deploying(gate=GateSpec(duration=0.05, every=0.02))))
    assert (code, view.outcome, view.detail, view.offers) == (0, Outcome.OK, "the gate passed", ())
    assert down_on(stage) == []
    assert "down now" in stage.output(view.run, "down", "web1")


def test_a_failed_step_in_it_is_said_first_and_up_is_offered(stage: Stage) -> None:
    code, view = stage.run(stage.plan(deploying(step("bad", "exit 3"))))
    assert (code, view.outcome, view.offers) == (1, Outcome.FAILED, ("maintenance",))
    assert view.detail.startswith("the site is still in maintenance mode on web1, web2 (step down); step bad failed")
    assert down_on(stage) == list(HOSTS), "nothing is done by itself"
    text = told(stage, view)
    assert "site       in maintenance mode by the step down" in text
    assert "way back   opsconsole run maintenance --param do=up -e lab" in text


def test_a_failed_step_after_the_link_offers_up_before_rollback(stage: Stage) -> None:
    spec = replace(deploying(), steps=(*deploying(up=False).steps, step("bad", "exit 3"), UP))
    _, view = stage.run(stage.plan(spec))
    assert view.offers == ("maintenance", "rollback")


def test_only_hosts_that_are_down_are_named_and_one_that_is_up_by_now_is_left_alone(stage: Stage) -> None:
    last = stage.directory / "web2/shared/storage/framework/down"
    _, view = stage.run(stage.plan(deploying(step("bad", f"rm -f {last}; exit 3"))))
    assert view.detail.startswith("the site is still in maintenance mode on web1 (step down)")
    (stage.directory / "web1/shared/storage/framework/down").unlink()
    every = "; ".join(f"rm -f {stage.directory}/{host}/shared/storage/framework/down" for host in HOSTS)
    _, view = stage.run(stage.plan(deploying(step("bad", f"{every}; exit 3"))))
    assert view.detail.startswith("step bad failed") and view.offers == ()


def test_where_the_gate_rolls_back_the_mode_is_ended_by_itself(stage: Stage) -> None:
    _, view = stage.run(stage.plan(deploying(step("bad", "exit 3"), gate=ROLLING_BACK)))
    assert view.outcome is Outcome.FAILED
    assert view.detail.startswith("maintenance mode was ended; step bad failed")
    assert (down_on(stage), view.offers) == ([], ())
    assert "undo down" in [one.name for one in view.steps]


def test_a_way_up_that_fails_is_said_and_offered(stage: Stage) -> None:
    breaking_artisan = f"for h in web1 web2; do echo '<?php exit(1);' > {stage.directory}/$h/releases/2/artisan; done"
    _, view = stage.run(stage.plan(deploying(step("bad", f"{breaking_artisan}; exit 3"), gate=ROLLING_BACK)))
    assert "still in maintenance mode on web1, web2 (step down); it could not be ended" in view.detail
    assert view.offers == ("maintenance",)


def started(stage: Stage, run: int, name: str) -> bool:
    kinds = [event.kind for event in stage.store.events(run) if event.step == name]
    return EventKind.STEP_STARTED in kinds


def aborted(stage: Stage, spec: Action) -> RunView:
    row = stage.confirm(stage.plan(spec))
    thread = threading.Thread(target=lambda: stage.runner(row.id).run())
    thread.start()
    eventually(partial(started, stage, row.id, "slow"))
    stage.store.ask(row.id, who="anna", kind="abort", body="", at=stage.clock.now())
    thread.join(40)
    view = stage.view(row.id)
    assert view.outcome is Outcome.CANCELLED
    return view


def test_an_abort_of_a_later_step_is_said_first(stage: Stage) -> None:
    view = aborted(stage, deploying(step("slow", SLOW)))
    assert view.detail.startswith("the site is still in maintenance mode on web1, web2 (step down); aborted by anna")
    assert (view.offers, down_on(stage)) == (("maintenance",), list(HOSTS))


def test_an_abort_of_a_later_step_reaches_back_to_what_the_step_declares_for_it(stage: Stage) -> None:
    spec = deploying(step("slow", SLOW))
    declared = replace(spec, steps=(replace(DOWN, on_abort="up"), *spec.steps[1:]))
    view = aborted(stage, declared)
    assert view.detail.startswith("maintenance mode was ended; aborted by anna")
    assert down_on(stage) == [] and view.offers == ()


def test_a_runner_that_is_gone_leaves_words_and_whoever_goes_on_reaches_back(stage: Stage) -> None:
    asking = StepSpec(name="ask", kind="manual", params={"ask": "Go on?"}, timeout=0.2)
    row = stage.confirm(stage.plan(deploying(asking)))
    assert stage.runner(row.id).run() == 8
    view = stage.view(row.id)
    seen = as_seen(stage.store.run(row.id), view, living=False, now=stage.clock.now())
    assert seen.question is not None
    assert seen.question.text == "The step down has put the site into maintenance mode. Go on?"
    stage.store.ask(row.id, who="ben", kind="answer", body="failed", at=stage.clock.now())
    assert stage.runner(row.id).run() == 1
    view = stage.view(row.id)
    assert view.detail.startswith("the site is still in maintenance mode") and view.offers == ("maintenance",)


def test_a_runner_killed_without_a_word_is_seen_with_the_mode_named_first(stage: Stage) -> None:
    plan = stage.plan(deploying(step("slow", "true")))
    row = stage.confirm(plan)
    stage.store.append(row.id, decode_payload(EventKind.RUN_STARTED, {"places": {}}), at=stage.clock.now())
    stage.store.append(row.id, StepIntended(), at=stage.clock.now(), step="down", host="web1")
    seen = as_seen(stage.store.run(row.id), stage.view(row.id), living=False, now=stage.clock.now())
    clock = SteppingClock(lambda _passed: None)
    attached = control_on(stage, CommandWindow(OPERATOR, clock), lambda _run: None, clock=clock).attach(row.id)
    for _ in attached.turns():
        pass
    assert attached.left
    words = "The step down has put the site into maintenance mode. Its runner is gone."
    for view in (seen, attached.view):
        assert view.state is RunState.NEEDS_OPERATOR
        assert view.question is not None
        assert view.question.text.startswith(words)


def test_a_lock_that_is_lost_leaves_the_site_to_the_operator(stage: Stage) -> None:
    row = stage.confirm(stage.plan(deploying(step("slow", SLOW, on="primary"), gate=ROLLING_BACK)))
    runner = stage.runner(row.id)
    thread = threading.Thread(target=runner.run)
    thread.start()
    eventually(partial(started, stage, row.id, "slow"))
    lock = EnvironmentLock(stage.shells["web1"], stage.environment, stage.clock)
    ben = Operator(uid=1, login="ben", host="elsewhere", origin="")
    lock.steal(
        lock.status(), holder_of(ben, token="b" * 32, why="", at=stage.clock.now()), reason="x", audit=stage.audit
    )
    runner._held.poke()
    eventually(runner._held.lost.is_set)
    (stage.directory / "web1/go").touch()
    thread.join(30)
    view = stage.view(row.id)
    assert view.outcome is Outcome.FAILED
    assert view.detail.startswith("the site is still in maintenance mode on web1, web2 (step down); stopped before")
    assert view.offers[0] == "maintenance" and down_on(stage) == list(HOSTS)
    assert lock_state(stage) is LockState.HELD


def test_a_gate_that_fails_in_it_takes_no_release_for_bad(stage: Stage) -> None:
    """A plan without `up`: its gate sees a site in maintenance mode, whose answers say nothing of the release."""
    plan = stage.plan(deploying(gate=ROLLING_BACK, up=False))
    assert any("no step ends it" in note for note in plan.notes)
    assert any("The gate judges a site in maintenance mode" in note for note in plan.notes)
    stage.http.answer = breaking(stage, "up")
    _, view = stage.run(plan)
    assert view.outcome is Outcome.FAILED
    assert "web1, web2 in maintenance mode, so its answers say nothing of the release; not rolled back" in view.detail
    assert view.detail.startswith("maintenance mode was ended")
    assert stage.current("web1") == "3" and down_on(stage) == []
    assert not list(stage.directory.rglob("BAD_RELEASE"))


def test_a_gate_that_somebody_elses_maintenance_fails_is_not_rolled_back(stage: Stage) -> None:
    down = [stage.directory / host / "shared/storage/framework/down" for host in HOSTS]
    set_it = "; ".join(f"echo '{{}}' > {file}" for file in down)
    spec = deploying(gate=ROLLING_BACK)
    plan = stage.plan(replace(spec, steps=(*spec.steps, step("other", set_it, on="primary"))))
    stage.http.answer = breaking(stage, "up")
    _, view = stage.run(plan)
    assert "in maintenance mode, so its answers say nothing of the release; not rolled back" in view.detail
    assert view.offers == ("maintenance", "rollback") and stage.current("web1") == "3"
    assert down_on(stage) == list(HOSTS), "what this run did not begin it does not end"


def test_a_gate_that_fails_after_up_rolls_back_and_marks_the_release_bad(stage: Stage) -> None:
    plan = stage.plan(deploying(gate=ROLLING_BACK))
    stage.http.answer = breaking(stage, "up")
    _, view = stage.run(plan)
    assert view.detail.endswith("rolled back to 2")
    assert "undo down" not in [one.name for one in view.steps], "the step up had ended it already"
    assert [path.parent.name for path in stage.directory.rglob("BAD_RELEASE")] == ["3", "3"]


def rollback() -> Action:
    return replace(
        action(
            release("link", "link", effect=Effect.IDEMPOTENT),
            release("mark", "mark_bad", effect=Effect.IDEMPOTENT),
            gate=GateSpec(duration=0.05, every=0.02),
        ),
        name="rollback",
    )


def test_a_rollback_names_the_mode_and_marks_nothing_bad_for_it(stage: Stage) -> None:
    set_down(stage)
    stage.http.answer = failing("up")
    plan = stage.plan(rollback())
    notes = "\n".join(plan.notes)
    assert (
        "web1 in maintenance mode for 0s; web2 in maintenance mode for 0s: visitors get the maintenance page" in notes
    )
    assert "The release that is left is not marked bad" in notes
    assert "This run does not end it; this does: opsconsole run maintenance --param do=up -e lab" in notes
    mark = next(one for one in plan.steps if one.name == "mark")
    assert mark.text == "leave 2 unmarked: the site is in maintenance mode"
    _, view = stage.run(plan)
    assert stage.current("web1") == "1" and not list(stage.directory.rglob("BAD_RELEASE"))
    assert "in maintenance mode, so its answers say nothing of the release" in view.detail


def test_a_release_is_not_marked_when_the_mode_began_after_the_plan(stage: Stage) -> None:
    plan = stage.plan(rollback())
    set_down(stage, "web2")
    stage.run(plan)
    assert [path.parent.parent.parent.name for path in stage.directory.rglob("BAD_RELEASE")] == ["web1"]


def test_a_deploy_is_refused_for_failing_probes_with_the_mode_as_reason(stage: Stage) -> None:
    set_down(stage, "web1")
    stage.http.answer = failing("up")
    with pytest.raises(RefusedError, match="The site is in maintenance mode: web1 in maintenance mode") as refused:
        stage.plan(deploying(gate=GateSpec(duration=0.05, every=0.02)))
    assert "opsconsole run maintenance --param do=up -e lab" in refused.value.fix
