"""Thousands of queue names in MariaDB and in Redis: every job is in the totals of the installed command."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.end_to_end.command import Command
from tests.lab.world import Lab

NAMES = 2035
EACH = 6
"""Jobs of each queue: together more than one look at the jobs table takes."""


@pytest.fixture
def crowded(still: Lab) -> Iterator[Lab]:
    """Six jobs, one of them delayed and one reserved, in each of many queues of both connections."""
    names = [f"tenant-{number:05}" for number in range(NAMES)]
    now = int(time.time())
    states = [(None, now - 60)] * (EACH - 2) + [(None, now + 3600), (now - 10, now - 60)]
    rows = [(name, reserved, available, now) for name in names for reserved, available in states]
    for at in range(0, len(rows), 2000):
        part = rows[at : at + 2000]
        marks = ", ".join(["(%s, '{}', 0, %s, %s, %s)"] * len(part))
        still.sql(
            f"insert into jobs (queue, payload, attempts, reserved_at, available_at, created_at) values {marks}",
            [value for row in part for value in row],
        )
    with still.redis_client() as client:
        pipe = client.pipeline(transaction=False)
        for name in names:
            key = f"{still.redis.prefix}queues:{name}"
            pipe.rpush(key, *[b"{}"] * (EACH - 2))
            pipe.zadd(f"{key}:delayed", {"d": now + 3600})
            pipe.zadd(f"{key}:reserved", {"r": now + 60})
        pipe.execute()
    yield still
    with still.redis_client() as client:
        client.delete(*client.scan_iter(f"{still.redis.prefix}queues:tenant-*", count=5000))


@pytest.mark.deadline
def test_every_job_of_both_connections_is_in_the_totals(crowded: Lab, console: Command) -> None:
    begun = time.monotonic()
    found = console.read("queues")
    assert time.monotonic() - begun < 15
    assert found["is_complete"] and found["bound"] is None and found["errors"] == []
    for connection in ("database", "redis"):
        mine = [each for each in found["queues"] if each["connection"] == connection and each["queue"] > "tenant-"]
        assert len([each for each in mine if each["queue"].startswith("tenant-")]) == NAMES
        assert sum(each["ready"] + each["delayed"] + each["reserved"] for each in mine) == NAMES * EACH
        exact = [each for each in mine if each["split_is_exact"]]
        assert all((each["ready"], each["delayed"], each["reserved"]) == (EACH - 2, 1, 1) for each in exact[:5])
        assert all(each["is_complete"] == (each["bound"] is None) == each["split_is_exact"] for each in mine)
    (lab,) = console.read("status")["environments"]
    sums = lab["queues"]
    assert sums["ready"] + sums["delayed"] + sums["reserved"] == 2 * NAMES * EACH
    assert sums["is_complete"] is False and "not every job was looked at" in sums["bound"]
    text = console("status", "-e", "lab").out
    assert f"{NAMES * EACH} jobs in" in text


def test_the_table_names_each(crowded: Lab, console: Command) -> None:
    words = console("queues", "-e", "lab").out
    assert words.count("tenant-") == 2 * NAMES and "~" in words
