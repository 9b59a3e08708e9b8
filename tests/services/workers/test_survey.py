"""What is asked of the real application before its workers are restarted: caches, queues, jobs in flight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.worker_cache import ReleaseAnswer, signal_places
from console.ports import Reach
from console.services.threads.loop import SystemClock
from console.services.workers.jobs_in_flight import read_reserved
from console.services.workers.probe import AskedRelease, Probe, release_directory
from console.wiring.configuration import load_environments
from console.wiring.reach import open_reach
from tests.lab import seeding
from tests.lab.values import FIRST_RELEASE, OLD_RELEASE
from tests.lab.world import Lab


@pytest.fixture
def reach(lab_alone: Lab, tmp_path: Path) -> Iterator[Reach]:
    """The environment of a world whose workers are stopped and whose queues are empty."""
    lab_alone.workers("stop")
    lab_alone.clear_queues()
    loaded = load_environments(lab_alone.write_config(tmp_path / "config"))
    found = open_reach(loaded.environment("lab"), clock=SystemClock(), state_dir=loaded.state_path)
    yield found
    found.close()


def ask(reach: Reach) -> tuple[ReleaseAnswer, ...]:
    """Both releases, the linked one without its cached configuration too, and one that is not there."""
    environment = reach.environment
    host = environment.hosts[0]
    root = environment.paths(host).root
    asked = [
        AskedRelease(release=FIRST_RELEASE, directory=root),
        AskedRelease(release=FIRST_RELEASE, directory=root, fresh=True),
        AskedRelease(release=OLD_RELEASE, directory=release_directory(environment, host, OLD_RELEASE)),
        AskedRelease(release="7", directory=release_directory(environment, host, "7")),
    ]
    probe = Probe(environment=environment, host=host, asked=asked)
    assert b"p#ss$word" not in probe.script.encode()
    return probe.read(reach.shell(host.name).run(probe.script, deadline=60))


def test_releases_say_which_cache_and_queues_their_workers_use(lab_alone: Lab, reach: Reach) -> None:
    linked, fresh, old, gone = ask(reach)
    assert linked.cache is not None and (linked.cache.store, linked.cache.prefix) == ("redis", "shop_cache")
    assert linked.cache == fresh.cache == old.cache and linked.pcntl is True and linked.major == 8
    assert linked.queues.default == "database" and linked.queues.connections["redis"].retry_after == 90
    assert gone.cache is None and gone.why
    assert [each.release for each in signal_places([linked, old])] == [FIRST_RELEASE]

    lab_alone.artisan(lab_alone.node1, "config:cache")
    lab_alone.set_environment(CACHE_PREFIX="another", QUEUE_RETRY_AFTER="30", REDIS_BLOCK_FOR="5")
    linked, fresh, old, _ = ask(reach)
    assert linked.cache is not None and linked.cache.prefix == "shop_cache", "what was cached still holds"
    assert fresh.cache is not None and fresh.cache.prefix == "another" and fresh.cache == old.cache
    assert fresh.queues.connections["redis"].block_for == 5 and fresh.changed_at >= linked.changed_at
    assert len(signal_places([linked, old])) == 2

    lab_alone.set_environment(CACHE_DRIVER="file")
    _, fresh, old, _ = ask(reach)
    assert fresh.cache is not None and fresh.cache.driver == "file"
    assert fresh.cache == old.cache, "both keep it in the storage that they share"
    lab_alone.set_environment(CACHE_DRIVER="array")
    assert all(each.cache is not None and each.cache.reaches_nobody for each in ask(reach)[1:3])


@pytest.mark.parametrize("connection", ["database", "redis"])
def test_reserved_jobs_are_counted_with_age_and_class(lab_alone: Lab, reach: Reach, connection: str) -> None:
    queue = "flight"
    empty = read_reserved(reach, [(connection, queue)])
    assert (empty.in_flight, empty.count([(connection, queue)])) == (0, 0)
    seeding.dispatch(lab_alone, "pallet", connection=connection, queue=queue, count=4)
    seeding.reserve(lab_alone, connection, queue, 1, stuck=True)
    seeding.reserve(lab_alone, connection, queue, 2)
    found = read_reserved(reach, [(connection, queue), ("sqs", "x")])
    (jobs,) = found.queues
    assert (jobs.reserved, jobs.stuck, jobs.in_flight) == (3, 1, 2)
    assert {job.name for job in found.jobs} == {"App\\Jobs\\PackPallet"} and len(found.jobs) == 2
    assert all(0 <= job.age < 60 and (job.timeout, job.tries) == (600, 3) for job in found.jobs)
    assert found.count([(connection, queue)]) == 3 and found.count([("sqs", "x")]) is None
    assert "sqs:x" in found.unread


def test_a_queue_too_long_to_look_at_is_not_called_idle(
    lab_alone: Lab, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.services.workers.jobs_in_flight.LOOKED_AT", 2)
    seeding.dispatch(lab_alone, "ok", connection="database", queue="long", count=4)
    found = read_reserved(reach, [("database", "long")])
    assert found.count([("database", "long")]) is None
