"""What a run of failed jobs ends with when nobody can say what became of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from console.domain.actions import Effect, StepSpec
from console.domain.documents import Json
from console.domain.runs import Outcome
from console.errors import UnreachableError
from console.ports import Row
from tests.fakes.reach import FakeReach, make_facts
from tests.services.acting import Stage, action
from tests.services.test_failed_outcomes import ONE, TWO


class Leaving:
    """An empty table behind the Sql port, read once before the step and away afterwards when it `leaves`."""

    dialect = "mysql"

    def __init__(self, *, leaves: bool) -> None:
        self.leaves = leaves
        self.down = False

    def query(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, deadline: float = 5.0
    ) -> list[Row]:
        if self.down:
            raise UnreachableError("the database is away")
        self.down = self.leaves
        return []

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("leaves", "code"), [(True, 8), (False, 1)])
def test_a_retry_of_which_something_is_unknown_ends_with_8(tmp_path: Path, *, leaves: bool, code: int) -> None:
    stage = Stage(tmp_path)
    stage.reach = FakeReach(
        stage.environment,
        shells=stage.shells,
        http=stage.http,
        facts=make_facts(),
        sql={"mysql": Leaving(leaves=leaves)},
    )
    params: Json = {"do": "retry", "ids": [ONE, TWO]}
    retry = StepSpec(name="retry", kind="failed_jobs", params=params, on="primary", effect=Effect.ONCE)
    try:
        ended, view = stage.run(stage.plan(action(retry, lock=False)))
        assert (ended, view.outcome) == (code, Outcome.FAILED), view.detail
        last = stage.store.events(view.run)[-1]
        assert last.data["exit_code"] == code
    finally:
        stage.close()
