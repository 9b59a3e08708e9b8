"""Failed jobs out of a real table: pages, heads, filters, whole rows; and the source that polls them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.failures import FailedFilter
from console.errors import DeadlineError, UsageError
from console.present.payload import failed_job_document
from console.services.failed_jobs import table as failed
from console.services.failed_jobs.table import FailedRows, FailedTable
from console.sources import failed_jobs
from console.sources.kinds import SourceParams
from tests.fakes import FakeClock, FakeReach, FakeSql
from tests.sources.support import context_of, database, round_trips, sqlite_facts, sqlite_reach

CHAIN = (
    "PDOException: SQLSTATE[40001] deadlock in /srv/app/vendor/x.php:9\nStack trace:\n#0 {main}\n\n"
    "Next App\\Exceptions\\SyncFailed: sync of Next week failed in /srv/app/app/Jobs/Sync.php:26\nStack trace:\n"
    "#0 /usr/share/php/Illuminate/Container/BoundMethod.php(36): App\\Jobs\\Sync->handle()\n#1 {main}"
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with database() as made:
        yield made


def add(connection: sqlite3.Connection, number: int, **changes: Any) -> str:
    uuid = f"00000000-0000-0000-0000-{number:012}"
    row = {
        "id": number,
        "uuid": uuid,
        "connection": "redis",
        "queue": "default",
        "payload": json.dumps({"uuid": uuid, "displayName": "App\\Jobs\\Sync", "data": {"commandName": "x"}}),
        "exception": CHAIN,
        "failed_at": "2026-01-02 03:00:00",
        **changes,
    }
    connection.execute(
        "insert into failed_jobs values (:id, :uuid, :connection, :queue, :payload, :exception, :failed_at)", row
    )
    return uuid


def rows_of(connection: sqlite3.Connection, **facts: Any) -> FailedRows:
    reach = sqlite_reach(connection, **facts)
    return FailedRows(lambda name: reach)


def test_pages_go_down_by_id_without_gap_or_repeat(connection: sqlite3.Connection) -> None:
    for number in range(1, 251):
        add(connection, number)
    rows = rows_of(connection)
    seen: list[int] = []
    below = None
    while True:
        page = rows.page("lab", below=below)
        seen += [job.id for job in page.jobs]
        assert (page.total, page.total_is_exact) == (250, True)
        add(connection, 1000 + len(seen))
        connection.execute("delete from failed_jobs where id > 250")
        if page.next is None:
            break
        below = page.next
    assert seen == list(range(250, 0, -1))


def test_a_row_without_a_uuid_is_asked_for_by_its_number(connection: sqlite3.Connection) -> None:
    add(connection, 7, uuid=None)
    rows = rows_of(connection)
    [job] = rows.page("lab").jobs
    assert (job.uuid, job.name) == ("", "7")
    assert failed_job_document(job)["uuid"] is None
    assert rows.show("lab", "7").job.id == 7
    with pytest.raises(UsageError):
        rows.show("lab", "8")


def test_a_head_says_who_failed_and_what_was_thrown(connection: sqlite3.Connection) -> None:
    uuid = add(connection, 1, queue="bulk\x1b]0;x\x07")
    [job] = rows_of(connection).page("lab").jobs
    assert (job.uuid, job.id, job.connection) == (uuid, 1, "redis")
    assert job.job.exact() == "App\\Jobs\\Sync"
    assert job.exception_class.exact() == "App\\Exceptions\\SyncFailed"
    assert job.message.exact() == "sync of Next week failed"
    assert "\x1b" not in job.queue


def test_a_name_behind_a_huge_body_is_found(connection: sqlite3.Connection) -> None:
    payload = json.dumps({"data": {"command": "x" * 70_000}, "displayName": "App\\Jobs\\Deep"})
    add(connection, 1, payload=payload)
    [job] = rows_of(connection).page("lab").jobs
    assert job.job.exact() == "App\\Jobs\\Deep"


def test_times_are_the_applications_local_time(connection: sqlite3.Connection) -> None:
    add(connection, 1, failed_at="2026-07-01 12:00:00")
    add(connection, 2, failed_at="garbage")
    page = rows_of(connection, timezone="Europe/Berlin").page("lab")
    assert [job.failed_at for job in page.jobs] == [None, datetime(2026, 7, 1, 10, tzinfo=UTC)]
    page = rows_of(connection, timezone="No/Where").page("lab")
    assert page.jobs[1].failed_at == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_filters_look_in_bounded_steps_and_say_where_to_go_on(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed, "CHUNK", 10)
    monkeypatch.setattr(failed, "_MOST_CHUNKS", 3)
    for number in range(1, 101):
        add(connection, number, queue="rare" if number in (2, 95) else "default")
    rows = rows_of(connection)
    found: list[int] = []
    below, pages = None, 0
    while True:
        page = rows.page("lab", below=below, where=FailedFilter(queue="rare"))
        found += [job.id for job in page.jobs]
        pages += 1
        if page.next is None:
            break
        assert not page.total_is_exact
        below = page.next
    assert (found, pages) == ([95, 2], 4)


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (FailedFilter(connection="redis"), 1),
        (FailedFilter(connection="red"), 0),
        (FailedFilter(job="sync"), 1),
        (FailedFilter(text="SYNCFAILED"), 1),
        (FailedFilter(text="next week"), 1),
        (FailedFilter(text="deadlock"), 0),
        (FailedFilter(job="sync", queue="other"), 0),
    ],
)
def test_what_filters_match(connection: sqlite3.Connection, where: FailedFilter, matches: int) -> None:
    add(connection, 1)
    assert len(rows_of(connection).page("lab", where=where).jobs) == matches


def test_a_whole_row_is_decoded(connection: sqlite3.Connection) -> None:
    uuid = add(connection, 1)
    detail = rows_of(connection).show("lab", uuid)
    assert isinstance(detail.payload, dict)
    assert detail.payload["uuid"] == uuid
    assert [thrown.exception_class.exact() for thrown in detail.chain] == [
        "App\\Exceptions\\SyncFailed",
        "PDOException",
    ]
    assert detail.exception_bytes == len(CHAIN)
    assert not detail.truncated
    with pytest.raises(UsageError, match="no failed job"):
        rows_of(connection).show("lab", "gone\x1b[0m")


def test_bodies_of_many_megabytes_are_cut_and_say_so(connection: sqlite3.Connection) -> None:
    uuid = add(connection, 1, exception="E: " + "é" * 2_000_000, payload=b"\xff" * 3_000_000)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    detail = rows_of(connection).show("lab", uuid)
    assert detail.truncated
    assert detail.payload is None
    assert len(detail.exception_text) <= 4_000_000
    assert (detail.exception_bytes, detail.payload_bytes) == (4_000_003, 3_000_000)


def test_tables_without_uuids_are_named_by_number(connection: sqlite3.Connection) -> None:
    add(connection, 7)
    rows = rows_of(connection, failed_driver="database")
    assert [job.uuid for job in rows.page("lab").jobs] == ["7"]
    assert rows.show("lab", "7").job.id == 7
    with pytest.raises(UsageError):
        rows.show("lab", "abc")


def test_other_stores_are_named(connection: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="dynamodb"):
        rows_of(connection, failed_driver="dynamodb").page("lab")


def test_a_table_too_long_to_count_is_estimated() -> None:
    def answer(statement: str, parameters: object) -> list[tuple[object, ...]]:
        if "information_schema" in statement:
            return [(1_234_567,)]
        raise DeadlineError("too slow")

    table = FailedTable(sqlite_facts(), FakeSql(answer, dialect="mariadb"))
    assert table.count() == (1_234_567, False)


# --- the source ------------------------------------------------------------------------------------------------------


class Counted(FakeSql):
    """Tells how many bodies were asked for."""

    def bodies(self) -> int:
        return sum("exception" in statement for statement in self.asked)


def polled(connection: sqlite3.Connection) -> tuple[failed_jobs.FailedJobsSource, Counted, FakeClock]:
    inner = FakeSql.on(connection)
    sql = Counted(inner.answer, dialect="sqlite")
    clock = FakeClock()
    [source] = failed_jobs.build(
        context_of(FakeReach(facts=sqlite_facts(), sql={"sqlite": sql}), clock), SourceParams()
    )
    return source, sql, clock


def test_bodies_are_read_once_and_new_rows_and_deletions_are_seen(connection: sqlite3.Connection) -> None:
    for number in range(1, 151):
        add(connection, number)
    source, sql, _ = polled(connection)
    first = source.read()
    assert [job.id for job in first.page.jobs] == list(range(150, 50, -1))
    assert (first.page.total, first.page.total_is_exact, first.page.next) == (150, True, 51)
    round_trips(source, first)
    source.read()
    assert sql.bodies() == 1
    add(connection, 151)
    connection.execute("delete from failed_jobs where id in (149, 3)")
    changed = source.read()
    assert [job.id for job in changed.page.jobs][:3] == [151, 150, 148]
    assert (len(changed.page.jobs), changed.page.total) == (100, 149)
    connection.execute("delete from failed_jobs")
    empty = source.read()
    assert (empty.page.jobs, empty.page.total, empty.page.next, empty.since_hour) == ((), 0, None, 0)


def test_the_last_hour_is_counted_back_at_most_a_thousand(connection: sqlite3.Connection) -> None:
    source, _, clock = polled(connection)
    now = clock.now()
    for number in range(1, 31):
        add(connection, number, failed_at=(now - timedelta(minutes=6 * (30 - number))).strftime("%Y-%m-%d %H:%M:%S"))
    assert source.read().since_hour == 10
    clock.advance(1800)
    assert source.read().since_hour == 5, "time alone changes it"
    for number in range(31, 1040):
        add(connection, number, failed_at=clock.now().strftime("%Y-%m-%d %H:%M:%S"))
    summary = source.read()
    assert summary.since_hour is None
    assert "≥1000 in the last hour" in source.summary(summary)


def test_a_long_table_is_not_counted_each_second(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_jobs, "_EXACT", 20)
    for number in range(1, 31):
        add(connection, number)
    source, sql, clock = polled(connection)
    page = source.read().page
    assert (page.total, page.total_is_exact) == (30, False)

    def full_counts() -> int:
        return sum("count(*)" in statement and "limit" not in statement for statement in sql.asked)

    for _ in range(5):
        source.read()
        clock.advance(1)
    assert full_counts() == 1
    clock.advance(10)
    source.read()
    assert full_counts() == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 140)), max_size=60))
@settings(max_examples=25, deadline=None)
def test_the_polled_page_is_always_the_newest_rows(steps: list[tuple[bool, int]]) -> None:
    with database() as connection:
        source, _, _ = polled(connection)
        number = 0
        for added, count in steps:
            if added:
                for _ in range(count % 7):
                    number += 1
                    add(connection, number)
            else:
                connection.execute("delete from failed_jobs where id % 11 = ?", (count % 11,))
            page = source.read().page
            rows = connection.execute("select id from failed_jobs order by id desc limit 100").fetchall()
            assert [job.id for job in page.jobs] == [row[0] for row in rows]
