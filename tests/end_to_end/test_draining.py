"""Queues that workers drain while they are read: each of a hundred readings lies between two that bracket it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.cli.reading import load_config, opened
from console.domain.queues import QueueDepth
from tests.end_to_end.command import Command
from tests.end_to_end.test_reading import in_redis, in_sql
from tests.lab import seeding
from tests.lab.world import Lab

WORKERS = {"database": 4, "redis": 2}
READINGS = 100
Read = Callable[[Lab, str], dict[str, int]]


@pytest.mark.parametrize(("connection", "read"), [("database", in_sql), ("redis", in_redis)])
def test_readings_of_a_draining_queue(still: Lab, console: Command, connection: str, read: Read) -> None:
    count = 50 * WORKERS[connection]
    seeding.dispatch(still, "slow", connection=connection, queue="default", count=count, note="0.3")
    config = load_config(console.config)
    with opened(config, config.environment("lab")) as one:
        one.sources.app.read()
        source = next(each for each in one.sources.found() if each.name == f"queues:{connection}")
        still.workers("start")
        for number in range(READINGS):
            before = read(still, "default")
            row = depth(source.read().queues)
            after = read(still, "default")
            assert before["ready"] > 0, f"drained after {number} readings: they were too slow to tell anything"
            assert after["ready"] <= row.ready <= before["ready"]
            assert size(after) <= row.depth <= size(before)
            assert row.reserved <= WORKERS[connection] and row.stuck == 0


def depth(queues: tuple[QueueDepth, ...]) -> QueueDepth:
    return next(each for each in queues if each.queue == "default")


def size(states: dict[str, int]) -> int:
    return states["ready"] + states["delayed"] + states["reserved"]
