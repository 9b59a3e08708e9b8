"""Depth of database queues, against a real SQLite engine."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.environment import QueueConnection
from console.domain.queues import QueueDepth, QueueReading, job_total
from console.errors import QueryError
from console.sources import sql_queues
from console.sources.kinds import SourceParams
from tests.sources.support import context_of, database, round_trips, sqlite_facts, sqlite_reach

CONNECTION = QueueConnection(name="database", driver="database", target="sqlite", retry_after=90, names=("high",))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with database() as made:
        yield made


def job(connection: sqlite3.Connection, queue: str, available: int = 0, reserved: int | None = None) -> None:
    """Times are seconds from now."""
    now = int(time.time())
    connection.execute(
        "insert into jobs(queue, payload, attempts, reserved_at, available_at, created_at) "
        "values (?, '{}', 0, ?, ?, ?)",
        (queue, None if reserved is None else now + reserved, now + available, now),
    )


def source_of(connection: sqlite3.Connection) -> sql_queues.SqlQueuesSource:
    context = context_of(sqlite_reach(connection, queues=(CONNECTION,)))
    [source] = sql_queues.build(context, SourceParams())
    return source


def depths(reading: QueueReading) -> dict[str, QueueDepth]:
    return {queue.queue: queue for queue in reading.queues}


def test_every_state_of_every_queue_is_counted(connection: sqlite3.Connection) -> None:
    for available, reserved in ((-60, None), (-5, None), (600, None), (-5, -10), (-500, -300)):
        job(connection, "default", available, reserved)
    job(connection, "mail\x1b[31m", 600)
    source = source_of(connection)
    reading = source.read()
    found = depths(reading)
    default = found["default"]
    assert (default.ready, default.delayed, default.reserved, default.stuck, default.depth) == (2, 1, 2, 1, 5)
    assert default.oldest_ready_seconds is not None
    assert 60 <= default.oldest_ready_seconds <= 62
    assert found["high"].depth == 0, "a configured queue has a row though it is empty"
    mail = found["mail\x1b[31m"]
    assert (mail.delayed, mail.oldest_ready_seconds) == (1, None)
    assert abs(reading.server_time - time.time()) < 3
    round_trips(source, reading)


@pytest.mark.parametrize("cap", [10_000, 3])
def test_jobs_without_a_name_or_a_time_are_jobs(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    monkeypatch.setattr(sql_queues, "CAP", cap)
    for name in ("", None, "None", "plain"):
        connection.execute("insert into jobs(queue, payload, attempts, available_at) values (?, '{}', 0, 1)", (name,))
    connection.execute("insert into jobs(queue, payload, attempts) values ('plain', '{}', 0)")
    reading = source_of(connection).read()
    found = depths(reading)
    assert job_total(reading).number == 5
    assert (found[""].depth, found["None"].depth, found["plain"].depth) == (2, 1, 2)


@pytest.mark.parametrize("cap", [10_000, 4])
def test_names_that_the_database_takes_for_equal_lose_no_job(monkeypatch: pytest.MonkeyPatch, cap: int) -> None:
    monkeypatch.setattr(sql_queues, "CAP", cap)
    with database() as connection:
        connection.executescript(
            "drop table jobs; create table jobs (id integer primary key, queue text collate nocase, payload text, "
            "attempts integer, reserved_at integer, available_at integer, created_at integer);"
        )
        for name in ("Mail", "mail", "MAIL", "other", "other"):
            job(connection, name, -5, -300)
        reading = source_of(connection).read()
    assert job_total(reading).number == 5
    assert sorted(queue.stuck for queue in reading.queues if queue.depth) == [2, 3]


def test_a_queue_once_seen_keeps_its_row(connection: sqlite3.Connection) -> None:
    job(connection, "bulk")
    source = source_of(connection)
    assert depths(source.read())["bulk"].ready == 1
    connection.execute("delete from jobs")
    assert depths(source.read())["bulk"].depth == 0


def test_a_long_table_gives_exact_sums_and_says_that_the_split_is_not(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_queues, "CAP", 50)
    monkeypatch.setattr(sql_queues, "SAMPLE", 20)
    for _ in range(60):
        job(connection, "bulk", -30)
    for _ in range(3):
        job(connection, "high", -5, -300)
    job(connection, "high", 100)
    found = depths(source_of(connection).read())
    assert (found["bulk"].depth, found["bulk"].approximate) == (60, True)
    high = found["high"]
    assert (high.ready, high.delayed, high.reserved, high.stuck, high.approximate) == (0, 1, 3, 3, False)


def test_a_table_that_cannot_be_one_is_never_asked(connection: sqlite3.Connection) -> None:
    from dataclasses import replace

    evil = replace(CONNECTION, table="jobs; drop table jobs")
    context = context_of(sqlite_reach(connection, queues=(evil,)))
    [source] = sql_queues.build(context, SourceParams())
    with pytest.raises(QueryError):
        source.read()


def test_only_database_connections_have_a_source(connection: sqlite3.Connection) -> None:
    assert sql_queues.build(context_of(sqlite_reach(connection, queues=())), SourceParams()) == ()
    from console.sources.kinds import SourceContext
    from tests.fakes import FakeClock, FakeReach

    undiscovered = SourceContext(environment=FakeReach().environment, reach=FakeReach(), clock=FakeClock())
    assert sql_queues.build(undiscovered, SourceParams()) == ()
    assert sqlite_facts().queues


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([-500, -100, 300]), st.sampled_from([None, -300, -10])),
        max_size=40,
    )
)
@settings(max_examples=40, deadline=None)
def test_the_sum_is_always_the_number_of_rows(rows: list[tuple[str, int, int | None]]) -> None:
    with database() as connection:
        for row in rows:
            job(connection, *row)
        found = depths(source_of(connection).read())
    sums = Counter(queue for queue, _, _ in rows)
    assert {name: depth.depth for name, depth in found.items() if depth.depth} == dict(sums)
    assert all(depth.stuck <= depth.reserved for depth in found.values())
