"""Failed jobs that this console cannot read are not retried, forgotten or pruned: nobody would know the outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.domain.documents import Json
from console.errors import RefusedError, UnreachableError
from tests.fakes.reach import FakeReach, make_facts
from tests.services.planning.planned import planner, shipped
from tests.services.running.stage import OPERATOR, Stage

ID = "0b54be6e-ed01-4c5e-88ea-0fb3a0b0a0a1"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def reach(stage: Stage, driver: str) -> FakeReach:
    return FakeReach(stage.environment, shells=stage.shells, http=stage.http, facts=make_facts(failed_driver=driver))


@pytest.mark.parametrize("action", ["retry", "forget"])
@pytest.mark.parametrize(("driver", "shown"), [("file", "file"), ("dynamodb", "dynamodb"), ("", "null")])
def test_other_stores_are_refused_in_the_plan_with_the_reason(
    stage: Stage, action: str, driver: str, shown: str
) -> None:
    given: dict[str, Json] = {"ids": [ID]}
    with pytest.raises(RefusedError) as refused:
        planner(stage).plan(shipped()[action], given, reach(stage, driver), OPERATOR)
    assert str(refused.value).splitlines() == [
        f"The step {action}: failed jobs are kept by the driver {shown}, which this console cannot read.",
        "Nothing was planned.",
        "it reads the drivers database-uuids and database (config/queue.php, failed.driver)",
    ]


def test_where_the_store_is_not_known_the_plan_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = reach(stage, "database-uuids")

    def facts() -> None:
        raise UnreachableError("web1 is away")

    monkeypatch.setattr(unread, "facts", facts)
    made = planner(stage).plan(shipped()["retry"], {"ids": [ID]}, unread, OPERATOR)
    assert "Where the application keeps failed jobs could not be read: web1 is away." in made.notes
