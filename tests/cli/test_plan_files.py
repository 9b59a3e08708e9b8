"""Plans that come back from a file: only what this operator planned, for what is configured now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.cli.acting import Desk, read_plan
from console.domain.documents import Json, canonical
from console.domain.plan_codec import encode_plan
from console.errors import InsecureError, RefusedError, UsageError
from console.services.planner import binding_hash
from tests.services.acting import OPERATOR, Stage, action, step


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


def desk_of(stage: Stage) -> Desk:
    config = SimpleNamespace(environment=lambda _name: stage.environment, action=lambda _name: action())
    return Desk(cast(Any, config), cast(Any, SimpleNamespace(operator=OPERATOR)))


def written(stage: Stage, **changed: Json) -> Path:
    plan = encode_plan(stage.plan(action(step("one", "true"))))
    assert isinstance(plan, dict)
    file = stage.directory / "plan.json"
    file.write_text(canonical({**plan, "config_hash": binding_hash(stage.environment, action()), **changed}))
    file.chmod(0o600)
    return file


def read(stage: Stage, file: Path) -> str:
    return read_plan(desk_of(stage), file, stage.environment.name, "try").action


def test_an_own_plan_is_taken(stage: Stage) -> None:
    assert read(stage, written(stage)) == "try"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_plan_that_others_could_write_is_refused(stage: Stage, mode: int) -> None:
    file = written(stage)
    file.chmod(mode)
    with pytest.raises(InsecureError, match="could have been changed by others"):
        read(stage, file)


@pytest.mark.parametrize("changed", [{"protected": True}, {"lock": False}, {"config_hash": "0" * 64}])
def test_a_plan_for_another_configuration_is_refused(stage: Stage, changed: dict[str, Json]) -> None:
    with pytest.raises(RefusedError, match="The configuration has changed"):
        read(stage, written(stage, **changed))


def test_a_plan_of_somebody_else_is_refused(stage: Stage) -> None:
    operator = json.loads(written(stage).read_text())["operator"]
    with pytest.raises(RefusedError, match="was made by"):
        read(stage, written(stage, operator={**operator, "uid": 4711}))


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, "\u00e9", "null", '{"steps": 1}'])
def test_what_is_no_plan_is_a_wrong_call(stage: Stage, text: str) -> None:
    file = written(stage)
    file.write_text(text)
    with pytest.raises(UsageError, match="is not a plan"):
        read(stage, file)


def test_a_file_that_is_not_there_is_named_without_numbers_of_the_system(stage: Stage) -> None:
    with pytest.raises(UsageError) as caught:
        read_plan(desk_of(stage), stage.directory / "nofile", "lab", "try")
    assert "nofile cannot be read: No such file or directory" in caught.value.what
    assert "Errno" not in str(caught.value)
