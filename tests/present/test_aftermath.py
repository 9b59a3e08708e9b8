"""What a run that ended badly says is true now, over runs that really ran on two directories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.actions import Effect, GateSpec, StepSpec
from console.domain.documents import Json
from console.domain.event_codec import decode_payload
from console.domain.runs import EventKind, Outcome, RunView
from console.own_commands import name_configuration
from console.present.aftermath import aftermath
from console.present.run_documents import event_line
from tests.services.running.stage import Stage, action, breaking, release, step

LINK = release("link", "link", effect=Effect.IDEMPOTENT, check="link-is", undo="release-link")
CODE = release("code", "create", effect=Effect.ONCE, check="release-exists")
MIGRATE = StepSpec(name="migrate", kind="artisan", params={"run": ["migrate", "--force"]}, on="primary")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def told(stage: Stage, view: RunView) -> str:
    events = stage.store.events(view.run)
    name_configuration(Path("/etc/o.yaml"))
    return "\n".join(aftermath(stage.store.run(view.run), view, events))


def test_a_failed_gate_leaves_the_new_release_live_and_names_the_way_back(stage: Stage) -> None:
    gate = GateSpec(duration=0.05, every=0.02)
    plan = stage.plan(action(CODE, step("look", "true", effect=Effect.READ), LINK, gate=gate))
    stage.http.answer = breaking(stage, "up")
    _, view = stage.run(plan)
    assert view.outcome is Outcome.FAILED
    text = told(stage, view)
    live = stage.current("web1")
    assert live != "2"
    assert "finished   code, link on web1, web2" in text
    assert f"current    is {live} on web1, web2" in text
    assert "lock       released" in text
    assert "way back   opsconsole run rollback -e lab --config /etc/o.yaml" in text
    assert "look" not in text, "reading leaves nothing behind"


def test_a_gate_that_rolled_back_says_that_the_old_release_is_live(stage: Stage) -> None:
    gate = GateSpec(duration=0.05, every=0.02, on_failure="rollback")
    plan = stage.plan(action(CODE, LINK, gate=gate))
    stage.http.answer = breaking(stage, "up")
    _, view = stage.run(plan)
    assert stage.current("web1") == "2"
    text = told(stage, view)
    assert "current    is 2 on web1, web2" in text and "undo link" in text
    assert "way back" not in text


def test_what_only_begins_like_a_migration_is_not_said_to_have_migrated(stage: Stage) -> None:
    back = StepSpec(name="back", kind="artisan", params={"run": ["migrate:rollback", "--force"]}, on="primary")
    _, view = stage.run(stage.plan(action(back, step("bad", "exit 3"))))
    assert "database" not in told(stage, view)


def test_a_migration_that_failed_may_have_changed_the_database(stage: Stage) -> None:
    _, view = stage.run(stage.plan(action(step("one", "true"), MIGRATE, LINK)))
    text = told(stage, view)
    assert "failed     migrate on web1" in text
    assert "database   migrations may have run in part" in text
    assert "current    is 2 on web1, web2" in text


def test_nothing_is_said_after_success_or_when_nothing_was_begun(stage: Stage) -> None:
    _, good = stage.run(stage.plan(action(step("one", "true"))))
    assert told(stage, good) == ""
    row = stage.confirm(stage.plan(action(step("one", "true"))))
    data: dict[str, Json] = {"outcome": "cancelled", "exit_code": 1}
    stage.store.append(row.id, decode_payload(EventKind.RUN_FINISHED, data), at=stage.clock.now())
    assert told(stage, stage.view(row.id)) == ""


def test_words_of_several_lines_are_lines(stage: Stage) -> None:
    row = stage.confirm(stage.plan(action(step("one", "true"))))
    data = {"outcome": "failed", "detail": "the lock is held\nnothing was started\x1b"}
    event = stage.store.append(row.id, decode_payload(EventKind.RUN_FINISHED, data), at=stage.clock.now())
    first, second = event_line(event).split("\n")
    assert first.endswith("failed, the lock is held") and second == "         nothing was started␛"
