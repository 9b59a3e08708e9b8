"""What a run of failed jobs ends with: as `failed retry` does, by what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from console.domain.actions import Effect, StepSpec
from console.domain.documents import Json
from console.domain.events import RunFinished
from console.domain.runs import Outcome
from console.errors import UnreachableError
from console.ports import Row
from tests.fakes.reach import FakeReach, make_facts
from tests.services.failed_jobs.test_outcomes import ONE, TWO
from tests.services.running.stage import Stage, action


class Leaving:
    """A table of `stays` behind the Sql port, read once before the step and away afterwards when it `leaves`."""

    dialect = "mysql"

    def __init__(self, *, leaves: bool, stays: tuple[str, ...] = ()) -> None:
        self.leaves = leaves
        self.stays = stays
        self.down = False
        self.asked = 0

    def query(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, deadline: float = 5.0
    ) -> list[Row]:
        if self.down:
            raise UnreachableError("the database is away")
        self.down = self.leaves
        self.asked += 1
        # Both are there before the step.
        there = (ONE, TWO) if self.stays and self.asked == 1 else self.stays
        return [(one, number, "2026-01-01 00:00:00") for number, one in enumerate(there)]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("sql", "code"),
    [(Leaving(leaves=True), 8), (Leaving(leaves=False), 1), (Leaving(leaves=False, stays=(ONE,)), 3)],
)
def test_a_retry_ends_with_what_became_of_the_jobs(tmp_path: Path, sql: Leaving, code: int) -> None:
    stage = Stage(tmp_path)
    stage.reach = FakeReach(
        stage.environment,
        shells=stage.shells,
        http=stage.http,
        facts=make_facts(),
        sql={"mysql": sql},
    )
    params: Json = {"do": "retry", "ids": [ONE, TWO]}
    retry = StepSpec(name="retry", kind="failed_jobs", params=params, on="primary", effect=Effect.ONCE)
    try:
        ended, view = stage.run(stage.plan(action(retry, lock=False)))
        assert (ended, view.outcome) == (code, Outcome.FAILED), view.detail
        last = stage.store.events(view.run)[-1].payload
        assert isinstance(last, RunFinished) and last.exit_code == code
    finally:
        stage.close()
