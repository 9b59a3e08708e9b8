"""Plans that an earlier version stored, without the facts of their steps: shown, folded and gone on with as before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from console.config.actions import read_actions
from console.domain.actions import Action
from console.domain.documents import Json
from console.domain.plan_codec import decode_plan, encode_plan
from console.domain.runs import Event, Outcome, Plan
from console.errors import LeaseLostError
from console.store.runs import RunStore
from tests.services.running.stage import HOSTS, Stage, twelve


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def shipped(stage: Stage) -> dict[str, Action]:
    actions, problems = read_actions(stage.directory / "none", stage.step_kinds)
    assert problems == []
    return {action.name: action for action in actions}


def as_stored_before(plan: Plan) -> Json:
    """The document an earlier version wrote: no facts; what is uploaded stood in the step's params."""
    document: Any = encode_plan(plan)
    for step in document["steps"]:
        upload = step.pop("facts")["upload"]
        if upload is not None:
            step["params"]["upload"] = upload
    return cast(Json, document)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("deploy", {}),
        ("rollback", {"to": "1"}),
        ("cleanup", {}),
        ("retry", {"ids": "0b54be6e-ed01-4c5e-88ea-0fb3a0b0a0a1"}),
        ("forget", {"ids": "0b54be6e-ed01-4c5e-88ea-0fb3a0b0a0a1"}),
    ],
)
def test_an_old_plan_of_a_shipped_action_says_the_same(stage: Stage, name: str, given: Mapping[str, Json]) -> None:
    plan = stage.plan(shipped(stage)[name], **given)
    read = decode_plan(as_stored_before(plan))
    for step, old in zip(plan.steps, read.steps, strict=True):
        told = replace(
            step.facts, needs=(), undone_last=step.facts.undone_last and bool(step.undo), starts_commands=False
        )
        # Whether a service is a worker, packages are installed or commands start is asked while planning only.
        assert old.facts == replace(told, stops_workers=False, installs_packages=False, undo=""), step.name
    assert decode_plan(encode_plan(plan)) == plan


def test_an_old_plan_runs_to_its_end(stage: Stage) -> None:
    plan = decode_plan(as_stored_before(stage.plan(twelve(stage.directory))))
    code, view = stage.run(plan)
    assert (code, view.outcome) == (0, Outcome.OK)
    assert [stage.current(host) for host in HOSTS] == ["3", "3"]


class StoppedRuns(RunStore):
    """A run store that another runner has taken over by the time a step is intended."""

    def append(self, *args: Any, **named: Any) -> Event:
        """As ever, up to that step."""
        if named.get("step") == "five":
            raise LeaseLostError("taken over")
        return super().append(*args, **named)


def test_a_run_of_an_old_plan_is_resumed_behind_its_link(stage: Stage) -> None:
    """What is linked by then is what the journal implies only if the link step is known as one."""
    row = stage.confirm(decode_plan(as_stored_before(stage.plan(twelve(stage.directory)))))
    with pytest.raises(LeaseLostError):
        stage.runner(row.id, store=StoppedRuns(stage.database)).run()
    assert [stage.current(host) for host in HOSTS] == ["3", "3"]
    assert stage.runner(row.id).run() == 0
    assert stage.view(row.id).outcome is Outcome.OK
