"""Thousands of queue names: every job is counted, in bounded questions, and what is not counted is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from console.domain.queues import QueueReading, job_total, queue_totals
from console.sources import names, redis_queues, sql_queues
from console.sources.names import QueueNames
from tests.fakes import FakeKeyValue
from tests.sources.support import database
from tests.sources.test_redis_queues import depths, fill, made
from tests.sources.test_sql_queues import job, source_of

MANY = 2035


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with database() as opened:
        yield opened


def test_a_name_too_many_is_told() -> None:
    known = QueueNames()
    known.add("redis", [f"q{n}" for n in range(names.MOST)])
    known.add("redis", ["q1"])
    assert known.bound("redis", default=True) == ""
    known.add("redis", ["one more"])
    assert len(known.of("redis", default=False)) == names.MOST
    assert known.bound("redis", default=False) == "more than 10,000 queue names; those beyond are not counted"
    assert known.bound("database", default=True) == ""
    known.add("", [f"q{n}" for n in range(names.MOST + 1)])
    assert known.bound("database", default=True) and not known.bound("database", default=False)


class TestRedis:
    """One connection with a queue for each of many customers."""

    def filled(self, store: FakeKeyValue, count: int = MANY) -> None:
        for number in range(count):
            fill(store, f"tenant-{number:05}", ready=1 + number % 3, delayed=number % 2)

    def test_every_job_of_every_queue_is_in_the_total(self) -> None:
        source, store, _ = made()
        self.filled(store)
        reading = source.read()
        assert job_total(reading).number == sum(1 + n % 3 + n % 2 for n in range(MANY))
        assert job_total(reading).is_complete and len(reading.queues) == MANY + 2

    def test_no_transaction_holds_up_the_server_for_long(self) -> None:
        source, store, _ = made()
        self.filled(store)
        source.read()
        store.asked.clear()
        trips = store.trips
        source.read()
        assert store.trips == trips + 1, "still one round trip"
        begins = [n for n, command in enumerate(store.asked) if command[0] == "MULTI"]
        ends = [n for n, command in enumerate(store.asked) if command[0] == "EXEC"]
        assert len(begins) == len(ends) == 5
        assert max(end - begin for begin, end in zip(begins, ends, strict=True)) <= 4 * 500 + 1
        assert sum(command[0] == "LINDEX" for command in store.asked) == 500

    def test_ages_of_more_queues_than_one_poll_fetches_come_by_turns(self) -> None:
        source, store, _ = made()
        self.filled(store)
        for _ in range(5):
            reading = source.read()
        assert all(depth.oldest_ready_seconds is not None for depth in reading.queues if depth.ready)
        store.time += 100
        found = depths(source.read())
        assert found["tenant-00000"].oldest_ready_seconds == 130, "its clock goes on"

    def test_a_search_among_many_keys_goes_on_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_queues, "_FIRST_LOOK", 1000)
        monkeypatch.setattr(redis_queues, "_NEXT_LOOK", 800)
        source, store, context = made()
        store.strings = {f"cache:{number}": b"x" for number in range(2000)}
        self.filled(store, 700)
        found: list[QueueReading] = [source.read()]
        assert found[0].bound == "queue names are still looked for: 1,000 keys so far"
        assert not job_total(found[0]).is_complete and source.summary(found[0]).startswith("≥")
        for _ in range(20):
            found.append(source.read())
        numbers = [job_total(each).number for each in found]
        assert numbers == sorted(numbers) and numbers[-1] == sum(1 + n % 3 + n % 2 for n in range(700))
        assert found[-1].bound == "" and job_total(found[-1]).is_complete
        asked = sum(command[0] == "SCAN" for command in store.asked)
        source.read()
        assert sum(command[0] == "SCAN" for command in store.asked) == asked, "and it ends"
        context.names.ask_again()
        assert source.read().bound

    def test_a_user_without_transactions_has_them_all_too(self) -> None:
        source, store, _ = made()
        store.transactions = False
        self.filled(store)
        for _ in range(2):
            assert job_total(source.read()).number == sum(1 + n % 3 + n % 2 for n in range(MANY))


class TestSql:
    """The same in a jobs table."""

    def test_every_job_of_a_small_table_is_in_the_total(self, connection: sqlite3.Connection) -> None:
        for number in range(MANY):
            job(connection, f"tenant-{number:05}", 60 * (number % 2))
        reading = source_of(connection).read()
        assert (job_total(reading).number, job_total(reading).is_complete) == (MANY, True)
        totals = queue_totals([reading])
        assert [each.number for each in totals.all] == [1018, 1017, 0, 0] and not totals.bound

    def test_every_job_of_a_long_table_is_in_the_total_and_few_rows_are_looked_at(
        self, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sql_queues, "CAP", 3000)
        monkeypatch.setattr(sql_queues, "SAMPLE", 100)
        monkeypatch.setattr(sql_queues, "LONGEST", 3)
        for number in range(MANY):
            for _ in range(1 if number < 2000 else 300 if number < 2003 else 50):
                job(connection, f"tenant-{number:05}", 0, -200)
        reading = source_of(connection).read()
        whole = 2000 + 3 * 300 + 32 * 50
        assert (job_total(reading).number, job_total(reading).is_complete) == (whole, True)
        found = depths(reading)
        # Each job of the small ones was looked at, and the first of the longest.
        assert all(not found[f"tenant-{n:05}"].approximate and found[f"tenant-{n:05}"].stuck == 1 for n in range(2000))
        assert (found["tenant-02000"].stuck, found["tenant-02000"].ready) == (100, 200)
        totals = queue_totals([reading])
        assert str(totals.ready.sign) == "~" and str(totals.stuck.sign) == "≥" and totals.stuck.number < whole
        assert totals.bound == "not every job was looked at; the others count as ready"

    def test_queues_beyond_the_most_are_told(
        self, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (names, sql_queues):
            monkeypatch.setattr(module, "MOST", 50)
        monkeypatch.setattr(sql_queues, "CAP", 20)
        for number in range(60):
            job(connection, f"tenant-{number:05}")
        reading = source_of(connection).read()
        assert reading.bound.startswith("more than 50 queue names") and not job_total(reading).is_complete
        totals = queue_totals([reading], missing=["queues:redis"])
        assert totals.ready.bound.endswith(
            "queues:redis; database: more than 50 queue names; those beyond are not counted"
        )
