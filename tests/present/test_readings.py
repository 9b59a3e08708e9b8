"""Finding readings on the board, and judging an environment by them."""

from __future__ import annotations

import pytest

from console.domain.health import ProbeReading
from console.domain.queues import QueueReading
from console.domain.workers import HostFacts, HostReading
from console.present.readings import freshness, judge, others, snapshots
from console.present.rows import host_rows
from tests.fakes.screen import fill, make_world
from tests.fakes.world_values import make_hosts, make_production


def test_readings_are_found_by_what_they_are() -> None:
    world = make_world(make_production())
    fill(world, "production")
    world.board.put("production", "gauges", {"a": 1})
    found = snapshots(world.board, "production", QueueReading)
    assert [each.source for each in found] == ["redis_queues", "sql_queues"]
    assert [each.source for each in others(world.board, "production")] == ["gauges"]
    assert snapshots(world.board, "elsewhere", QueueReading) == ()


def test_a_source_that_never_answered_is_found_by_its_name() -> None:
    world = make_world(make_production())
    world.board.fail("production", "redis_queues", "no answer")
    world.board.fail("production", "hosts", "no route")
    (queues,) = snapshots(world.board, "production", QueueReading)
    (hosts,) = snapshots(world.board, "production", HostReading)
    assert (queues.error, hosts.error) == ("no answer", "no route")
    assert snapshots(world.board, "production", ProbeReading) == ()


def test_the_worst_of_several_readings_counts() -> None:
    world = make_world(make_production())
    assert freshness((), 0).waiting
    fill(world, "production")
    found = snapshots(world.board, "production", QueueReading)
    fresh = freshness(found, world.clock.monotonic() + 1)
    assert (fresh.stale, fresh.error, fresh.age) == (False, "", 1.0)
    assert freshness(found, world.clock.monotonic() + 60).stale
    world.board.fail("production", "sql_queues", "gone")
    found = snapshots(world.board, "production", QueueReading)
    assert freshness(found, world.clock.monotonic() + 60).error == "sql_queues: 1m old: gone"


def test_unreadable_and_old_are_never_ok() -> None:
    world = make_world(make_production())
    board = world.board
    assert judge(board, "production", 0).state == "unknown"
    fill(world, "production", calm=True)
    now = world.clock.monotonic()
    assert judge(board, "production", now).state == "ok"
    board.fail("production", "workers", "gone")
    assert judge(board, "production", now).state == "warning"
    late = judge(board, "production", now + 3600)
    assert late.state == "lost" and any("last read 1h ago" in trouble for trouble in late.troubles)
    fill(world, "production")
    verdict = judge(board, "production", world.clock.monotonic())
    assert verdict.state == "failed"
    assert set(verdict.troubles) >= {"mail failed", "queue warning", "1 job stuck in bulk-actions on redis"}


def test_old_readings_of_an_environment_that_is_not_polled_say_nothing() -> None:
    world = make_world(make_production())
    fill(world, "production", calm=True)
    assert judge(world.board, "production", world.clock.monotonic() + 3600, polled=False).state == "unknown"


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({"load": 17.0}, "warning", "web1 load 17.00 on 4 cores"),
        ({"clock_skew": 45.0}, "warning", "web1 clock +45s from ours"),
        ({"disk_percent": 93}, "warning", "web1 disk 93 %"),
        ({"disk_percent": 98}, "failed", "web1 disk 98 %"),
    ],
)
def test_what_marks_a_host_marks_its_environment(facts: dict[str, float], state: str, words: str) -> None:
    world = make_world(make_production())
    calm = make_hosts().hosts[0]
    facts_of = {name: getattr(calm, name) for name in calm.__slots__}
    reading = HostReading(hosts=(HostFacts(**{**facts_of, **facts}),))
    world.board.put("production", "hosts", reading)
    verdict = judge(world.board, "production", world.clock.monotonic())
    assert (verdict.state, verdict.troubles) == (state, (words,))
    (row,) = host_rows(reading)
    assert row.cells[0].state == {"warning": "warning", "failed": "error"}[state]


def test_a_busy_host_is_coloured_and_no_trouble() -> None:
    world = make_world(make_production())
    calm = make_hosts().hosts[0]
    facts_of = {name: getattr(calm, name) for name in calm.__slots__}
    reading = HostReading(hosts=(HostFacts(**{**facts_of, "load": 5.0}),))
    world.board.put("production", "hosts", reading)
    assert judge(world.board, "production", world.clock.monotonic()).state == "ok"
    (row,) = host_rows(reading)
    assert (row.cells[0].state, row.cells[2].state) == ("ok", "warning")
