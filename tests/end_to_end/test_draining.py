"""Queues that workers drain while they are read: every reading lies between two that bracket it."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import Command
from tests.end_to_end.test_reading import in_redis, in_sql
from tests.lab import seeding
from tests.lab.world import Lab

WORKERS = {"database": 4, "redis": 2}


@pytest.mark.parametrize(("connection", "read"), [("database", in_sql), ("redis", in_redis)])
def test_readings_of_a_draining_queue(still: Lab, console: Command, connection: str, read: object) -> None:
    assert callable(read)
    seeding.dispatch(still, "slow", connection=connection, queue="default", count=60, note="0.15")
    still.workers("start")
    readings = 0
    while True:
        before = read(still, "default")
        rows = [each for each in console.read("queues")["queues"] if each["connection"] == connection]
        after = read(still, "default")
        row = next((each for each in rows if each["queue"] == "default"), None)
        if before["ready"] == 0 or row is None:
            break
        total = row["ready"] + row["delayed"] + row["reserved"]
        assert after["ready"] <= row["ready"] <= before["ready"]
        assert (
            sum(after[each] for each in ("ready", "reserved"))
            <= total
            <= sum(before[each] for each in ("ready", "reserved"))
        )
        assert row["reserved"] <= WORKERS[connection]
        readings += 1
    assert readings >= 3
