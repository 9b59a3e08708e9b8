"""RunStore, events, output and requests as the runner, its followers and colleagues see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from console.domain.event_codec import decode_payload
from console.domain.events import OUTPUT_KEPT, RunStarted, StepIntended
from console.domain.runs import EventKind
from console.errors import LockHeldError, StateError, UsageError
from console.ports import Lease
from console.store import schema
from console.store.database import Database
from console.store.leases import Leases
from console.store.runs import PIECE, RunStore
from tests.domain.test_codec import small_plan

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture
def store(database: Database) -> RunStore:
    return RunStore(database)


def created(store: RunStore, environment: str = "production") -> int:
    plan = replace(small_plan(), environment=environment)
    return store.create(plan, name_suffix="0a1b2c3d", token="t" * 32, at=NOW).id


def test_a_run_is_read_back_exactly(store: RunStore) -> None:
    row = store.create(small_plan(), name_suffix="0a1b2c3d", token="t" * 32, at=NOW)
    assert row.name == "1-0a1b2c3d"
    assert store.run(row.id) == row
    assert row.plan == small_plan()


def test_two_runs_may_have_the_same_suffix(store: RunStore) -> None:
    assert [created(store), created(store)] == [1, 2]
    assert store.run(2).name == "2-0a1b2c3d"


def test_runs_are_listed_newest_first_and_by_environment(store: RunStore) -> None:
    for environment in ("a", "b", "a"):
        created(store, environment)
    assert [row.id for row in store.runs()] == [3, 2, 1]
    assert [row.id for row in store.runs(environment="a")] == [3, 1]
    assert [row.id for row in store.runs(limit=1)] == [3]


def test_an_unknown_run_is_a_usage_error(store: RunStore) -> None:
    with pytest.raises(UsageError, match="no run 7"):
        store.run(7)
    with pytest.raises(UsageError, match="no run 7"):
        store.ask(7, who="ana", kind="abort", body="", at=NOW)


def test_events_count_without_gaps_per_run_and_come_back_exactly(store: RunStore) -> None:
    first, second = created(store), created(store)
    sent = [
        store.append(first, decode_payload(EventKind.STEP_INTENDED, {"attempt": 1}), at=NOW, step="link", host="web1"),
        store.append(
            first, decode_payload(EventKind.STEP_FINISHED, {"detail": "caf\udce9", "x": [1, None]}), at=NOW, step="link"
        ),
    ]
    other = store.append(second, RunStarted(), at=NOW)
    assert [event.seq for event in sent] == [1, 2]
    assert other.seq == 1
    assert store.events(first) == tuple(sent)
    assert store.events(first, after=1) == (sent[1],)
    assert store.events(first, after=2) == ()


def test_an_event_under_a_lost_lease_is_refused_and_not_written(store: RunStore, database: Database) -> None:
    run = created(store)
    leases = Leases(database)
    mine = leases.take("run-1", "me")
    store.append(run, StepIntended(), at=NOW, lease=leases.beat(mine))
    leases.take_over(Lease(name="run-1", holder="me", counter=2), "somebody else")
    with pytest.raises(LockHeldError, match="no longer ours"):
        store.append(run, StepIntended(), at=NOW, lease=mine)
    with pytest.raises(LockHeldError):
        store.append(run, StepIntended(), at=NOW, lease=Lease(name="nobody's", holder="me", counter=1))
    assert len(store.events(run)) == 1


def test_changed_moves_with_an_event(store: RunStore) -> None:
    run = created(store)
    before = store.changed()
    store.append(run, RunStarted(), at=NOW)
    assert store.changed() != before


@given(
    data=st.binary(min_size=1, max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=8),
    back=st.integers(0, 40),
    at=st.integers(0, 310),
    limit=st.integers(1, 310),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_output_in_any_pieces_even_sent_twice_is_byte_identical(
    store: RunStore, data: bytes, cuts: list[int], back: int, at: int, limit: int
) -> None:
    run = created(store)
    offset = 0
    for cut in [*sorted(cuts), len(data)]:
        # A link that broke: the piece begins again a little earlier than what is stored.
        start = max(0, offset - back)
        store.append_output(run, "s", "web1", start, data[start:cut])
        offset = max(offset, min(cut, len(data)))
    assert store.output_size(run, "s", "web1") == len(data)
    assert store.output(run, "s", "web1", limit=1000) == data
    assert store.output(run, "s", "web1", offset=at, limit=limit) == data[at : at + limit]


def test_output_rows_are_small_and_a_step_is_capped(store: RunStore, database: Database) -> None:
    run = created(store)
    big = bytes(range(256)) * (PIECE // 256 * 3) + b"tail"
    store.append_output(run, "s", "web1", 0, big)
    with database.read() as connection:
        rows = connection.execute(select(schema.output.c.length)).scalars().all()
    assert max(rows) == PIECE
    assert sum(rows) == len(big)
    filler = b"x" * (OUTPUT_KEPT - len(big) + 10)
    store.append_output(run, "s", "web1", len(big), filler)
    assert store.output_size(run, "s", "web1") == OUTPUT_KEPT
    store.append_output(run, "s", "web1", OUTPUT_KEPT + 500, b"more")
    assert store.output_size(run, "s", "web1") == OUTPUT_KEPT
    assert store.output(run, "s", "web1", offset=len(big) - 4, limit=8) == b"tailxxxx"


def test_a_hole_in_output_is_refused(store: RunStore) -> None:
    run = created(store)
    with pytest.raises(StateError, match="hole"):
        store.append_output(run, "s", "web1", 5, b"later")
    assert store.output_size(run, "s", "web1") == 0


def test_outputs_of_steps_and_hosts_are_apart(store: RunStore) -> None:
    run = created(store)
    for step, host in (("a", "web1"), ("a", "web2"), ("b", "web1")):
        store.append_output(run, step, host, 0, f"{step}{host}".encode())
    assert store.output(run, "a", "web2") == b"aweb2"
    assert store.output(run, "b", "web2") == b""


def test_requests_wait_until_taken(store: RunStore) -> None:
    run, other = created(store), created(store)
    asked = store.ask(run, who="ana", kind="abort", body="", at=NOW)
    later = store.ask(run, who="bob", kind="answer", body="yes\n", at=NOW)
    assert store.requests(run) == (asked, later)
    assert store.requests(other) == ()
    store.take(asked, 5)
    assert store.requests(run) == (later,)
