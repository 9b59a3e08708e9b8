"""A retry whose artisan ends at a job that it cannot read, over a table in SQLite that a fake artisan changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.domain.documents import Json
from console.domain.performed import Performed
from console.domain.runs import Outcome
from console.errors import UnreachableError
from console.ports.steps import PerformContext
from console.services.failed_jobs.outcomes import FailedOutcomes
from console.services.failed_jobs.retry import STUCK, FailedRetry, RetryOrder
from tests.fakes.clock import FakeClock
from tests.fakes.reach import FakeReach, make_facts
from tests.services.failed_jobs.test_outcomes import Table

IDS = tuple(f"0000000{number}-0000-4000-8000-000000000000" for number in range(1, 6))
BAD = IDS[1]


class FakeArtisan:
    """What `perform` is handed: each start is an artisan that takes its ids in order and ends at a bad one."""

    def __init__(self, table: Table, bad: frozenset[str] = frozenset({BAD})) -> None:
        self.table = table
        self.bad = bad
        self.noted: Mapping[str, Json] = {}
        self.started: dict[str, tuple[str, ...]] = {}
        self.said: list[str] = []
        self.dies_after = 99
        self.takes = 1.0
        self.ends: Performed | None = None
        self.clock = FakeClock()
        self.step = SimpleNamespace(timeout=600.0)

    def aborted(self) -> str:
        return ""

    def note(self, data: Mapping[str, Json]) -> None:
        self.noted = data

    def say(self, text: str) -> None:
        self.said.append(text)

    def start(
        self, name: str, scripts: Mapping[str, str], *, text: str = "", timeout: float | None = None
    ) -> Mapping[str, Performed]:
        assert text and timeout
        self.clock.advance(self.takes)
        if len(self.started) == self.dies_after:
            raise RunnerGone
        (script,) = scripts.values()
        if self.ends is not None:
            self.started[name] = ()
            return {"web1": self.ends}
        again = name in self.started
        ids = self.started[name] = tuple(script.split(" -- ")[-1].split())
        for one in ids:
            if one in self.bad:
                return {"web1": Performed(outcome=Outcome.FAILED, exit_status=1, detail="exit status 1")}
            if not again:
                self.table.remove(one)
        return {"web1": Performed(outcome=Outcome.OK, exit_status=0)}

    def output(self, name: str, host: str, *, last: int) -> bytes:
        assert (name in self.started, host, last) == (True, "web1", 4000)
        done = "".join(
            f"The failed job [{one}] has been pushed back onto the queue!\n" for one in self.started[name][:1]
        )
        return (
            done.encode() + b"\n   ErrorException \n\n  unserialize(): Error at offset 0 of 9 bytes\n\n  at x.php:3\n"
        )


class RunnerGone(BaseException):
    """The runner was killed."""


@pytest.fixture
def table() -> Table:
    found = Table()
    found.link.execute("DELETE FROM failed_jobs")
    for number, one in enumerate(IDS, 1):
        found.add(number + 10, one, "2026-01-01 00:00:00")
    return found


def retry(artisan: FakeArtisan, tmp_path: Path, ids: tuple[str, ...] = IDS) -> dict[str, tuple[str, str]]:
    reach = FakeReach(facts=make_facts(), sql={"mysql": artisan.table})
    order = RetryOrder(
        host="web1", head="set -eu\ncd -- /srv/app/current", command=("php", "artisan", "queue:retry", "--"), ids=ids
    )
    ended = FailedRetry(
        cast("PerformContext", artisan), order, FailedOutcomes(reach=reach, archives=tmp_path)
    ).perform()
    results = ended.data["results"]
    assert isinstance(results, list)
    return {str(one["uuid"]): (str(one["outcome"]), str(one["detail"])) for one in results if isinstance(one, dict)}


def test_the_others_go_all_the_same_and_the_one_is_told_with_artisans_words(table: Table, tmp_path: Path) -> None:
    artisan = FakeArtisan(table)
    results = retry(artisan, tmp_path)
    assert {one: word for one, (word, _) in results.items()} == {one: "failed" if one == BAD else "ok" for one in IDS}
    assert "ErrorException: unserialize(): Error at offset 0" in results[BAD][1]
    assert list(artisan.started.values()) == [IDS, IDS[2:]], (
        "nothing is handed over twice, and no more calls than needed"
    )


def test_a_payload_that_is_no_json_is_never_handed_to_artisan(table: Table, tmp_path: Path) -> None:
    table.link.execute("UPDATE failed_jobs SET payload = 'no json' WHERE uuid = ?", (BAD,))
    table.link.execute("UPDATE failed_jobs SET payload = NULL WHERE uuid = ?", (IDS[3],))
    artisan = FakeArtisan(table, bad=frozenset())
    results = retry(artisan, tmp_path)
    assert [word for word, _ in results.values()] == ["ok", "failed", "ok", "failed", "ok"]
    assert "no JSON object" in results[BAD][1] and "no JSON object" in results[IDS[3]][1]
    assert list(artisan.started.values()) == [(IDS[0], IDS[2], IDS[4])]


def test_a_runner_that_goes_on_hands_nothing_over_again(table: Table, tmp_path: Path) -> None:
    artisan = FakeArtisan(table)
    artisan.dies_after = 1
    with pytest.raises(RunnerGone):
        retry(artisan, tmp_path)
    table.add(99, IDS[0], "2026-01-01 00:01:00")
    artisan.dies_after = 99
    results = retry(artisan, tmp_path)
    assert artisan.started == {"call 1": IDS, "call 2": IDS[2:]}
    assert results[IDS[0]] == ("failed", "failed again at 2026-01-01 00:01:00")
    assert results[BAD][0] == "failed" and results[IDS[4]][0] == "ok"


def test_an_artisan_that_takes_nothing_is_not_called_for_ever(table: Table, tmp_path: Path) -> None:
    ids = tuple(f"1{number:07d}-0000-4000-8000-000000000000" for number in range(30))
    for number, one in enumerate(ids):
        table.add(number + 100, one, "2026-01-01 00:00:00")
    artisan = FakeArtisan(table, bad=frozenset(ids))
    results = retry(artisan, tmp_path, ids)
    assert len(artisan.started) == STUCK
    assert results[ids[-1]] == (
        "failed",
        f"its row is still there: not tried again: artisan has put none of the {STUCK} before it back",
    )


def test_rows_that_cannot_be_read_on_the_way_are_unknown(table: Table, tmp_path: Path) -> None:
    class Leaves(FakeArtisan):
        def start(self, name: str, scripts: Mapping[str, str], **more: Any) -> Mapping[str, Performed]:
            self.table.down = True
            return super().start(name, scripts, **more)

    results = retry(Leaves(table), tmp_path)
    assert {word for word, _ in results.values()} == {"unknown"}


def test_nothing_is_called_when_the_rows_cannot_be_read_before(table: Table, tmp_path: Path) -> None:
    table.down = True
    artisan = FakeArtisan(table)
    with pytest.raises(UnreachableError):
        retry(artisan, tmp_path)
    assert artisan.started == {}


def test_a_number_is_told_that_artisan_wants_uuids(table: Table, tmp_path: Path) -> None:
    results = retry(FakeArtisan(table), tmp_path, ("11",))
    assert results == {"11": ("failed", "artisan takes this application's failed jobs by uuid, not by number")}


@pytest.mark.parametrize(
    "detail", ["nothing was started: No space left on device", "marked failed by ana", "another run holds the lock"]
)
def test_after_an_end_that_nobody_saw_no_second_artisan_is_started(table: Table, tmp_path: Path, detail: str) -> None:
    artisan = FakeArtisan(table)
    artisan.ends = Performed(outcome=Outcome.FAILED, detail=detail)
    results = retry(artisan, tmp_path)
    assert list(artisan.started) == ["call 1"]
    assert set(results.values()) == {("failed", f"its row is still there: not tried again: {detail}")}


def test_all_calls_share_the_steps_time(table: Table, tmp_path: Path) -> None:
    artisan = FakeArtisan(table, bad=frozenset({IDS[0], IDS[2]}))
    artisan.takes = 400.0
    results = retry(artisan, tmp_path)
    assert list(artisan.started) == ["call 1", "call 2"]
    assert results[IDS[1]][0] == "ok" and "the step's time is over" in results[IDS[4]][1]
