"""What tests of sources share: an application's tables in SQLite, and the codec's round trip."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from console.domain.environment import AppFacts, SqlTarget
from console.ports import Source
from console.sources.kinds import SourceContext
from tests.fakes import FakeClock, FakeReach, FakeSql, make_facts

T = TypeVar("T")

TABLES = """
create table jobs (id integer primary key, queue text, payload text, attempts integer, reserved_at integer,
                   available_at integer, created_at integer);
create index jobs_queue_index on jobs(queue);
create table failed_jobs (id integer primary key, uuid text unique, connection text, queue text, payload text,
                          exception text, failed_at text);
"""


def sqlite_facts(**changes: Any) -> AppFacts:
    """Facts whose SQL connection is called sqlite."""
    return make_facts(
        **{
            "sql": {"sqlite": SqlTarget(driver="sqlite", file="app.sqlite")},
            "default_sql": "sqlite",
            "failed_sql": "sqlite",
            "batches_sql": "sqlite",
            **changes,
        }
    )


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """The application's tables, empty."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(TABLES)
    yield connection
    connection.close()


def context_of(reach: FakeReach, clock: FakeClock | None = None) -> SourceContext:
    """A context whose application was discovered."""
    context = SourceContext(environment=reach.environment, reach=reach, clock=clock or FakeClock())
    context.discovered.put(reach.facts())
    return context


def sqlite_reach(connection: sqlite3.Connection, **changes: Any) -> FakeReach:
    """A reach whose default SQL connection is this database."""
    return FakeReach(facts=sqlite_facts(**changes), sql={"sqlite": FakeSql.on(connection)})


def round_trips(source: Source[T], value: T) -> None:
    """The codec gives back what went in, through real JSON text; the summary is one harmless line."""
    assert source.decode(json.loads(json.dumps(source.encode(value)))) == value
    assert source.summary(value).isprintable()
