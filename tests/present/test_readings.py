"""Finding readings on the board, and judging an environment by them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.domain.facts import Fact
from console.domain.failures import FailedSummary
from console.domain.health import ProbeReading
from console.domain.origins import Origin
from console.domain.queues import QueueReading
from console.domain.readings import AppReading
from console.domain.releases import ReleaseReading
from console.domain.workers import HostFacts, HostReading, WorkerReading
from console.present.environment import environment_lines
from console.present.environment_rows import host_rows
from console.present.readings import application, freshness, judge, others, snapshots
from tests.fakes.screen import fill, make_world
from tests.fakes.world_values import make_hosts, make_production

SHOWN = (QueueReading, FailedSummary, ProbeReading, WorkerReading, HostReading, ReleaseReading)


def test_readings_are_found_by_what_they_are() -> None:
    world = make_world(make_production())
    fill(world, "production")
    world.board.put("production", "gauges", {"a": 1})
    found = snapshots(world.board, "production", QueueReading)
    assert [each.source for each in found] == ["redis_queues", "sql_queues"]
    assert [each.source for each in others(world.board, "production", SHOWN)] == ["gauges"]
    assert snapshots(world.board, "elsewhere", QueueReading) == ()


def test_a_source_that_never_answered_is_found_by_its_kind() -> None:
    world = make_world(make_production())
    world.board.fail("production", "redis_queues", "no answer")
    world.board.fail("production", "hosts", "no route")
    (queues,) = snapshots(world.board, "production", QueueReading)
    (hosts,) = snapshots(world.board, "production", HostReading)
    assert (queues.error, hosts.error) == ("no answer", "no route")
    assert snapshots(world.board, "production", ProbeReading) == ()


def test_a_failing_source_without_a_pane_stands_alone_and_counts_whatever_its_name() -> None:
    world = make_world(make_production())
    fill(world, "production", calm=True)
    assert judge(world.board, "production", world.clock.monotonic()).state == "ok"
    world.board.fail("production", "ghost_entropy", "no /proc")
    assert [each.source for each in snapshots(world.board, "production", HostReading)] == ["hosts"]
    assert [each.source for each in others(world.board, "production", SHOWN)] == ["ghost_entropy"]
    verdict = judge(world.board, "production", world.clock.monotonic())
    assert (verdict.state, verdict.troubles) == ("warning", ("ghost_entropy: no /proc",))


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


def test_what_the_application_did_not_say_itself_is_a_trouble() -> None:
    facts = (
        Fact(name="database", value="shop@db:3306", origin=Origin.ENV),
        Fact(name="timezone", value="UTC", origin=Origin.DEFAULT),
        Fact(name="cache_prefix", value=None, origin=Origin.UNKNOWN),
    )
    reading = AppReading(
        laravel="", app_env="", timezone="", database="", queues=(), facts=facts, problem="there is no PHP on the host"
    )
    world = make_world(make_production())
    board, mono = world.board, world.clock.monotonic()
    board.put("production", "app", reading)
    verdict = judge(board, "production", mono)
    assert verdict.state == "warning"
    assert verdict.troubles == (
        "app: there is no PHP on the host",
        "app: Laravel's default, not read: timezone",
        "app: unknown: cache_prefix",
    )
    shown = [
        "".join(part for part, _ in line)
        for line in environment_lines(verdict, (), (), application(board, "production"), mono)
    ]
    assert [line.split() for line in shown if line.startswith("  cache_prefix")] == [["cache_prefix", "unknown", "–"]]
    assert [line.split() for line in shown if line.startswith("  database")] == [["database", ".env", "shop@db:3306"]]
    plain = replace(reading, facts=facts[:1], problem="")
    board.put("production", "app", plain)
    assert judge(board, "production", mono).state == "ok"
