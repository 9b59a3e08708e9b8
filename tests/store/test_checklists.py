"""Sessions and marks, shared between operators."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.domain.checklists import Mark, MarkKind
from console.errors import UsageError
from console.ports import MarkStore
from console.store import schema
from console.store.checklists import Marks
from console.store.database import Database

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_colleague_joins_the_open_session(database: Database) -> None:
    store: MarkStore = Marks(database)
    assert store.newest_open("production", "deploy") is None
    mine = store.open_session("production", "deploy", who="ana", at=NOW)
    assert store.open_session("production", "deploy", who="bob", at=NOW) == mine
    assert store.newest_open("production", "deploy") == mine
    assert store.newest_open("staging", "deploy") is None
    assert store.open_session("production", "handover", who="bob", at=NOW).id != mine.id


def test_marks_come_back_in_order_and_are_only_added(database: Database) -> None:
    store = Marks(database)
    session = store.open_session("production", "deploy", who="ana", at=NOW).id
    marks = [
        Mark(item="a", kind=MarkKind.TICK, who="ana", at=NOW),
        Mark(item="b", kind=MarkKind.FAIL, who="bob", at=NOW, note="red\x1b[31m"),
        Mark(item="a", kind=MarkKind.REOPEN, who="ana", at=NOW),
    ]
    before = store.changed()
    for mark in marks:
        store.add(session, mark)
    assert store.marks(session) == tuple(marks)
    assert store.changed() != before


def test_an_unknown_or_closed_session_takes_no_marks(database: Database) -> None:
    store = Marks(database)
    mark = Mark(item="a", kind=MarkKind.TICK, who="ana", at=NOW)
    with pytest.raises(UsageError, match="unknown"):
        store.add(5, mark)
    session = store.open_session("production", "deploy", who="ana", at=NOW).id
    with database.write() as connection:
        connection.execute(schema.sessions.update().values(closed_at="2026-01-02T03:04:05.000000Z"))
    with pytest.raises(UsageError, match="closed"):
        store.add(session, mark)
    assert store.newest_open("production", "deploy") is None
    assert store.open_session("production", "deploy", who="ana", at=NOW).id == session + 1


def test_a_closed_session_is_over(database: Database) -> None:
    store: MarkStore = Marks(database)
    first = store.open_session("production", "deploy", who="ana", at=NOW)
    store.close_session(first.id, at=NOW)
    store.close_session(first.id, at=NOW)
    assert store.newest_open("production", "deploy") is None
    with pytest.raises(UsageError, match="closed"):
        store.add(first.id, Mark(item="a", kind=MarkKind.TICK, who="ana", at=NOW))
    assert store.open_session("production", "deploy", who="bob", at=NOW).id != first.id
