"""The poller over real clients on the test world: changes made from outside show within two intervals, outages are told
in time and end by themselves, and figures hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from console.domain.failures import FailedSummary
from console.domain.health import ProbeReading
from console.domain.queues import QueueReading
from console.domain.readings import AppReading
from console.domain.releases import ReleaseReading
from console.domain.snapshot import Snapshot
from console.domain.workers import WorkerReading
from console.ports import Reach
from console.services.polling.board import SnapshotBoard
from console.services.polling.poller import Poller
from console.services.threads.loop import SystemClock
from console.wiring.configuration import load_environments
from console.wiring.reach import open_reach
from console.wiring.sources import build_sources
from tests.lab import seeding
from tests.lab.world import Lab
from tests.waiting import eventually

T = TypeVar("T")
ALL = {"app", "queues:database", "queues:redis", "failed", "workers", "releases", "probes", "hosts", "maintenance"}


class Polled:
    """One environment of the test world, polled."""

    def __init__(self, config: Path) -> None:
        self.clock = SystemClock()
        loaded = load_environments(config)
        environment = loaded.environment("lab")
        self.crashes: list[Exception] = []
        self.reach: Reach = open_reach(environment, clock=self.clock, state_dir=loaded.state_path)
        self.board = SnapshotBoard(lambda key: None)
        sources = build_sources(self.reach, clock=self.clock)
        self.poller = Poller({"lab": sources.watched}, self.board, clock=self.clock, crashed=self.crashes.append)
        self.poller.select("lab")

    def snapshot(self, source: str) -> Snapshot[Any] | None:
        return self.board.get("lab", source)

    def value(self, source: str, _kind: type[T]) -> T | None:
        """The value if the newest read worked."""
        found = self.snapshot(source)
        return None if found is None or found.error is not None else cast(T, found.value)

    def well(self) -> bool:
        return all((found := self.snapshot(name)) is not None and found.error is None for name in ALL)

    def failing(self, *names: str) -> bool:
        return all((found := self.snapshot(name)) is not None and found.error is not None for name in names)

    def holds(self, connection: str, queue: str, jobs: int) -> bool:
        reading = self.value(f"queues:{connection}", QueueReading)
        return reading is not None and any(each.queue == queue and each.depth == jobs for each in reading.queues)

    def close(self) -> None:
        self.poller.close()
        self.reach.close()


@pytest.fixture
def polled(lab: Lab, tmp_path: Path) -> Iterator[Polled]:
    made = Polled(lab.write_config(tmp_path / "config"))
    within(30, made.well)
    yield made
    made.close()
    assert made.crashes == []


def within(seconds: float, condition: Callable[[], object]) -> float:
    """Waits for a condition; the seconds it took. AssertionError past the deadline."""
    begun = time.monotonic()
    eventually(condition, seconds)
    return time.monotonic() - begun


@pytest.mark.deadline
def test_changes_from_outside_show_within_two_intervals(lab_alone: Lab, polled: Polled) -> None:
    lab = lab_alone
    lab.workers("stop")
    lab.clear_queues()

    def workers_down() -> bool:
        reading = polled.value("workers", WorkerReading)
        return reading is not None and all(worker.running == 0 for worker in reading.workers)

    within(2 * 5 + 4, workers_down)
    for connection in ("database", "redis"):
        seeding.dispatch(lab, "ok", connection=connection, queue="default", count=3)
        within(4, partial(polled.holds, connection, "default", 3))
    failed = seeding.fail(lab, "refused", connections=("database",))
    within(4, lambda: (f := polled.value("failed", FailedSummary)) and f.page.total == failed and f.page.jobs)
    lab.artisan(lab.node1, "queue:flush")
    within(4, lambda: (f := polled.value("failed", FailedSummary)) and f.page.total == 0)
    lab.set_web_mode(lab.node1, "500")
    within(
        2 * 15 + 4,
        lambda: (p := polled.value("probes", ProbeReading)) and all(probe.http_status == 500 for probe in p.probes),
    )
    for node in lab.nodes:
        link = Path(node.current)
        beside = link.with_name("current.new")
        beside.symlink_to(next(r for r in Path(node.path, "releases").iterdir() if r.name != lab.release(node)))
        beside.rename(link)
    switched = {lab.release(node) for node in lab.nodes}
    within(
        2 * 5 + 4,
        lambda: (r := polled.value("releases", ReleaseReading)) and {host.current for host in r.hosts} == switched,
    )
    lab.workers("start")


def in_sql(lab: Lab) -> tuple[int, int]:
    """Ready and all jobs of the queue `default`, as the database says."""
    [row] = lab.sql("select coalesce(sum(reserved_at is null), 0), count(*) from jobs where queue = 'default'")
    return int(row[0]), int(row[1])


def in_redis(lab: Lab) -> tuple[int, int]:
    """The same as Redis says, at one instant."""
    key = f"{lab.redis.prefix}queues:default"
    with lab.redis_client() as client:
        pipe = client.pipeline(transaction=True)
        pipe.llen(key)
        pipe.zcard(f"{key}:delayed")
        pipe.zcard(f"{key}:reserved")
        counts = [int(count) for count in pipe.execute()]
    return counts[0], sum(counts)


@pytest.mark.parametrize(("connection", "read"), [("database", in_sql), ("redis", in_redis)])
def test_every_reading_of_a_draining_queue_lies_between_its_brackets(
    lab_alone: Lab, tmp_path: Path, connection: str, read: Callable[[Lab], tuple[int, int]]
) -> None:
    lab = lab_alone
    lab.workers("stop")
    lab.clear_queues()
    loaded = load_environments(lab.write_config(tmp_path / "config"))
    clock = SystemClock()
    reach = open_reach(loaded.environment("lab"), clock=clock, state_dir=loaded.state_path)
    sources = build_sources(reach, clock=clock)
    sources.app.read()
    [source] = [each for each in sources.found() if each.name == f"queues:{connection}"]
    source.read()
    seeding.dispatch(lab, "slow", connection=connection, queue="default", count=800, note="0.1")
    lab.workers("start")
    readings = changed = 0
    first = None
    while readings < 100:
        before = read(lab)
        [depth] = [each for each in source.read().queues if each.queue == "default"]
        after = read(lab)
        first = first or before
        assert after[0] <= depth.ready <= before[0]
        assert after[1] <= depth.depth <= before[1]
        assert depth.reserved <= 4
        assert not depth.approximate
        readings += 1
        changed += before != after
        if before[1] == 0:
            break
        time.sleep(0.02)
    reach.close()
    lab.clear_queues()
    assert readings == 100
    assert first is not None and first[1] - after[1] > 20, "the queue hardly drained while it was read"
    print(f"{readings} readings, {changed} of them while a job moved")


@pytest.mark.deadline
@pytest.mark.parametrize(
    ("fault", "service", "sources"),
    [
        ("stop", "mariadb", ("queues:database", "failed")),
        ("stop", "redis", ("queues:redis",)),
        ("pause", "redis", ("queues:redis",)),
    ],
)
def test_an_outage_is_told_within_ten_seconds_and_its_end_within_fifteen(
    lab_alone: Lab, polled: Polled, fault: str, service: str, sources: tuple[str, ...]
) -> None:
    before = {name: polled.snapshot(name) for name in sources}
    getattr(lab_alone, fault)(service)
    within(10, lambda: polled.failing(*sources))
    for name in sources:
        found, good = polled.snapshot(name), before[name]
        assert found is not None
        assert good is not None
        assert type(found.value) is type(good.value), "the last good value stays beside the error"
    others = ALL - set(sources) - {"app"}
    assert not any(polled.failing(name) for name in others - {"probes"}), "only what is down is told to be"
    (lab_alone.resume if fault == "pause" else lab_alone.start)(service)
    within(15, polled.well)


@pytest.mark.deadline
def test_polling_leaves_no_way_to_change_anything(lab: Lab, polled: Polled) -> None:
    """While everything is polled, a table can be altered at once: no statement of ours holds a lock."""
    begun = time.monotonic()
    lab.sql("alter table failed_jobs add column probe_of_locks int null")
    lab.sql("alter table failed_jobs drop column probe_of_locks")
    assert time.monotonic() - begun < 2
    app = polled.value("app", AppReading)
    assert app is not None
    assert app.laravel.startswith("8.")


@pytest.mark.bench
def test_a_poll_of_a_hundred_thousand_failed_jobs(lab_alone: Lab, polled: Polled) -> None:
    lab = lab_alone
    lab.workers("stop")
    lab.clear_queues()
    seeding.fail(lab, "refused", "query", connections=("database",))
    seeding.bulk_failed(lab, 100_000)
    within(10, lambda: (f := polled.value("failed", FailedSummary)) and f.page.total == 100_000)
    found = polled.snapshot("failed")
    assert found is not None
    assert found.took < 0.1
    lab.clear_queues()
    lab.workers("start")
