"""What seeding says it left is there, seen by SQL, Redis and the framework."""

from __future__ import annotations

import re

import pytest

from tests.lab import seeding
from tests.lab.processes import wait_until
from tests.lab.world import Lab


def test_seeded_states_are_what_the_framework_counts(still: Lab) -> None:
    lab = still
    seeded = seeding.seed(lab)
    states = lab.sql(
        "select sum(reserved_at is null and available_at <= unix_timestamp()), sum(available_at > unix_timestamp()), "
        "sum(reserved_at is not null), sum(reserved_at < unix_timestamp() - 90) from jobs where queue = 'reports'"
    )
    assert [int(each) for each in states[0]] == [seeded.ready, seeded.delayed, seeded.reserved, seeded.stuck]
    with lab.redis_client() as client:
        key = f"{lab.redis.prefix}queues:reports"
        counted = (client.llen(key), client.zcard(f"{key}:delayed"), client.zcard(f"{key}:reserved"))
    assert counted == (seeded.ready, seeded.delayed, seeded.reserved)
    total = seeded.ready + seeded.delayed + seeded.reserved
    printed = lab.artisan(lab.node2, "queue:monitor", "database:reports,redis:reports")
    assert re.findall(r"reports\s*\|\s*(\d+)", printed) == [str(total)] * 2
    assert seeded.failed == 2 * len(seeding.FAILING)
    kinds = {row[0] for row in lab.sql("select distinct json_value(payload, '$.displayName') from failed_jobs")}
    assert {"App\\Jobs\\ChargeCard", "App\\Jobs\\WriteLedger", "App\\Jobs\\PrintLabel"} <= kinds
    hostile = lab.sql("select exception from failed_jobs where payload like %s", ("%PrintLabel%",))[0][0]
    assert all(each in hostile for each in ("\x1b]52;", "\0", "\u202e", "[/x]"))


def test_bulk_rows_are_distinct_and_spread_over_time(still: Lab) -> None:
    lab = still
    seeding.fail(lab, "refused", "query", connections=("database",))
    seeding.bulk_failed(lab, 30_000)
    rows, uuids, days = lab.sql(
        "select count(*), count(distinct uuid), count(distinct date(failed_at)) from failed_jobs"
    )[0]
    assert (rows, uuids) == (30_000, 30_000) and days >= 30
    one = lab.sql("select uuid, payload from failed_jobs order by id desc limit 1")[0]
    assert f'"uuid":"{one[0]}"' in one[1], "the payload bears the row's own uuid"
    lab.artisan(lab.node1, "queue:retry", one[0])
    assert lab.sql("select count(*) from failed_jobs") == [(29_999,)]


@pytest.mark.parametrize("connection", seeding.CONNECTIONS)
def test_bulk_waiting(still: Lab, connection: str) -> None:
    lab = still
    seeding.bulk_waiting(lab, connection, "reports", 7_000)
    assert re.findall(r"\|\s*(\d+)", lab.artisan(lab.node1, "queue:monitor", f"{connection}:reports")) == ["7000"]


@pytest.mark.parametrize("how", ["create", "copytruncate"])
def test_every_entry_is_written_once_around_a_rotation(lab: Lab, how: str) -> None:
    log = lab.node1.log
    log.unlink(missing_ok=True)
    with seeding.LogWriter(lab.node1, 2_000, odd=True) as writer:
        wait_until(lambda: log.exists() and log.stat().st_size > 50_000, "a log")
        old = seeding.rotate(lab.node1, how)
        wait_until(lambda: log.exists() and log.stat().st_size > 50_000, "a new log")
        last = writer.stop()
    found = [int(each) for each in re.findall(rb'"seq":(\d+)', old.read_bytes() + log.read_bytes())]
    if how == "create":
        assert found == list(range(1, last + 1))
    else:
        assert len(found) == len(set(found)) and set(found) <= set(range(1, last + 1))
    for each in (old, log):
        each.unlink()
