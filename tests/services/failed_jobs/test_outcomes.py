"""What a retry, a forget and a prune say of rows, on a table in SQLite, and the archives they leave."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.domain.performed import Performed
from console.domain.runs import Outcome
from console.errors import UnreachableError
from console.ports import Row
from console.services.failed_jobs.outcomes import FailedOutcomes
from tests.fakes.reach import FakeReach, make_facts

ONE, TWO, THREE, GONE = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(1, 5))


class Table:
    """A failed_jobs table behind the Sql port."""

    dialect = "sqlite"

    def __init__(self) -> None:
        self.link = sqlite3.connect(":memory:")
        columns = "uuid, connection, queue, payload, exception, failed_at"
        self.link.execute(f"CREATE TABLE failed_jobs (id INTEGER PRIMARY KEY, {columns})")
        self.down = False
        for number, uuid in enumerate((ONE, TWO, THREE), 1):
            self.add(number, uuid, f"2026-01-0{number} 00:00:00")

    def add(self, number: int, uuid: str, at: str) -> None:
        values = (number, uuid, "redis", "default", b"\xff{}" if number == 3 else "{}", "E: \x1b[31m", at)
        self.link.execute("INSERT INTO failed_jobs VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def remove(self, uuid: str) -> None:
        self.link.execute("DELETE FROM failed_jobs WHERE uuid = ?", (uuid,))

    def query(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, deadline: float = 5.0
    ) -> list[Row]:
        if self.down:
            raise UnreachableError("the database is away")
        return self.link.execute(statement, dict(parameters or {})).fetchall()

    def close(self) -> None:
        self.link.close()


@pytest.fixture
def table() -> Table:
    return Table()


def outcomes(table: Table, tmp_path: Path, **facts: object) -> FailedOutcomes:
    reach = FakeReach(facts=make_facts(**facts), sql={"mysql": table})
    return FailedOutcomes(reach=reach, archives=tmp_path / "archives")


def rows_of(tmp_path: Path) -> list[dict[str, object]]:
    (file,) = (tmp_path / "archives").glob("*.gz")
    digest, _, name = file.with_name(file.name + ".sha256").read_text().strip().partition("  ")
    assert name == file.name
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert file.stat().st_mode & 0o777 == 0o600
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def test_each_id_gets_its_own_word(table: Table, tmp_path: Path) -> None:
    work = outcomes(table, tmp_path)
    ids = [ONE, TWO, THREE, GONE]
    noted = work.before("1-x", "retry", ids)
    table.remove(ONE)
    table.remove(TWO)
    table.add(9, TWO, "2026-01-02 00:00:00")
    ended = work.conclude("retry", ids, noted, Performed(outcome=Outcome.OK, exit_status=0))
    assert ended.outcome is Outcome.FAILED
    assert ended.detail == "1 ok, 3 failed"
    results = ended.data["results"]
    assert isinstance(results, list)
    words = [(one["uuid"], one["outcome"], one["detail"]) for one in results if isinstance(one, dict)]
    assert words == [
        (ONE, "ok", "back on its queue"),
        (TWO, "failed", "failed again at 2026-01-02 00:00:00"),
        (THREE, "failed", "its row is still there"),
        (GONE, "failed", "there was no such failed job"),
    ]


def test_what_cannot_be_read_is_unknown_and_never_ok(table: Table, tmp_path: Path) -> None:
    work = outcomes(table, tmp_path)
    noted = work.before("1-x", "retry", [ONE])
    table.down = True
    ended = work.conclude("retry", [ONE], noted, Performed(outcome=Outcome.OK, exit_status=0))
    assert ended.outcome is Outcome.FAILED
    assert ended.detail == "1 unknown"


def test_a_retry_that_worked_is_ok_though_artisan_complained(table: Table, tmp_path: Path) -> None:
    work = outcomes(table, tmp_path)
    noted = work.before("1-x", "retry", [ONE])
    table.remove(ONE)
    assert work.conclude("retry", [ONE], noted, Performed(outcome=Outcome.FAILED, exit_status=1)).outcome is Outcome.OK


def test_forget_archives_whole_rows_before(table: Table, tmp_path: Path) -> None:
    outcomes(table, tmp_path).before("1-x", "forget", [ONE, THREE])
    first, third = rows_of(tmp_path)
    assert first == {
        "id": 1,
        "uuid": ONE,
        "connection": "redis",
        "queue": "default",
        "payload": "{}",
        "exception": "E: \x1b[31m",
        "failed_at": "2026-01-01 00:00:00",
    }
    assert third["payload"] == {"base64": "/3t9"}


@pytest.mark.parametrize(("zone", "kept"), [("UTC", [1, 2]), ("Asia/Tokyo", [1]), ("America/New_York", [1, 2])])
def test_prune_archives_by_the_applications_time(table: Table, tmp_path: Path, zone: str, kept: list[int]) -> None:
    table.remove(TWO)
    table.add(
        2, TWO, {"UTC": "2026-01-02 11:00:00", "Asia/Tokyo": "2026-01-02 21:30:00"}.get(zone, "2026-01-02 06:00:00")
    )
    work = outcomes(table, tmp_path, timezone=zone)
    work.before_prune("1-x", 24, datetime(2026, 1, 3, 12, 0, tzinfo=UTC))
    assert [row["id"] for row in rows_of(tmp_path)] == kept


def test_numeric_ids_where_there_is_no_uuid(table: Table, tmp_path: Path) -> None:
    work = outcomes(table, tmp_path, failed_driver="database")
    noted = work.before("1-x", "retry", ["1", "2"])
    table.remove(ONE)
    ended = work.conclude("retry", ["1", "2"], noted, Performed(outcome=Outcome.OK))
    assert ended.detail == "1 ok, 1 failed"


def test_an_archive_that_cannot_be_written_stops_everything(table: Table, tmp_path: Path) -> None:
    from console.errors import StateError

    (tmp_path / "archives").write_text("a file in the way")
    with pytest.raises(StateError, match="cannot be archived"):
        outcomes(table, tmp_path).before("1-x", "forget", [ONE])


def test_a_second_attempt_never_writes_over_the_rows_that_the_first_one_kept(table: Table, tmp_path: Path) -> None:
    work = outcomes(table, tmp_path)
    first = work.before_prune("1-x", 24, datetime(2026, 1, 9, tzinfo=UTC))["archive"]
    table.remove(ONE)
    table.remove(TWO)
    second = work.before_prune("1-x", 24, datetime(2026, 1, 9, tzinfo=UTC))["archive"]
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["rows"], second["rows"]) == (3, 1)
    for noted in (first, second):
        file = Path(str(noted["file"]))
        assert hashlib.sha256(file.read_bytes()).hexdigest() == noted["sha256"]
        assert len(gzip.decompress(file.read_bytes()).splitlines()) == noted["rows"]
