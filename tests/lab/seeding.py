"""Fills a test world: real failed jobs of every kind, waiting, delayed, reserved and stuck ones, large tables, and a
log that is written, rotated and truncated while others read it. All jobs are made by the framework itself; only their
multiplication is SQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab.processes import LabError
from tests.lab.values import USER, Node
from tests.lab.world import Lab

CONNECTIONS = ("database", "redis")
FAILING = ("refused", "tries", "query", "encrypted", "hostile", "large", "unicode")
IDLE_QUEUE = "reports"
RETRY_AFTER = 90


@dataclass(frozen=True, slots=True)
class Seeded:
    """What `seed` left in the idle queue of each connection, and how many failed jobs there are now."""

    ready: int
    delayed: int
    reserved: int
    stuck: int
    failed: int


def dispatch(
    lab: Lab, kind: str, *, connection: str = "database", queue: str = "default", count: int = 1, delay: int = 0,
    note: str = "", first: int = 1,
) -> None:  # fmt: skip
    """Puts jobs of one kind into a queue, numbered from `first`; kinds are those of the application's command."""
    words = {"connection": connection, "queue": queue, "count": count, "delay": delay, "note": note, "first": first}
    lab.artisan(lab.node1, "lab:dispatch", kind, *(f"--{name}={value}" for name, value in words.items()))


def work_off(lab: Lab, connection: str, queue: str = "default", node: Node | None = None) -> str:
    """Works a queue until it is empty, in the foreground; what the worker printed."""
    return lab.artisan(
        node or lab.node1, "queue:work", connection, f"--queue={queue}", "--stop-when-empty", "--sleep=0", "--tries=1"
    )


def fail(lab: Lab, *kinds: str, count: int = 1, connections: tuple[str, ...] = CONNECTIONS) -> int:
    """Makes real failed jobs (of every kind unless named) through a queue that no worker serves; their number."""

    def one(connection: str) -> None:
        for kind in kinds or ("failing",):
            dispatch(lab, kind, connection=connection, queue="seeding", count=count)
        work_off(lab, connection, "seeding")

    with ThreadPoolExecutor(len(CONNECTIONS)) as pool:
        list(pool.map(one, connections))
    return int(lab.sql("select count(*) from failed_jobs")[0][0])


def reserve(lab: Lab, connection: str, queue: str, count: int, *, stuck: bool = False) -> None:
    """Makes the first `count` waiting jobs look taken by a worker: just now, or (`stuck`) longer ago than the
    connection lets a job run."""
    taken = int(time.time()) - (3600 if stuck else 0)
    if connection == "database":
        lab.sql(
            "update jobs set reserved_at = %s, attempts = 1 where queue = %s and reserved_at is null "
            "and available_at <= unix_timestamp() order by id limit %s",
            (taken, queue, count),
        )
        return
    with lab.redis_client() as client:
        key = f"{lab.redis.prefix}queues:{queue}"
        for _ in range(count):
            payload = client.lpop(key)
            if not isinstance(payload, str):
                raise LabError(f"{key} holds fewer than {count} jobs")
            client.zadd(f"{key}:reserved", {payload: taken + RETRY_AFTER})


def seed(lab: Lab) -> Seeded:
    """Every kind of failed job on both connections, and waiting, delayed, reserved and stuck jobs in the idle queue."""

    def one(connection: str) -> None:
        dispatch(lab, "ok", connection=connection, queue=IDLE_QUEUE, count=8)
        dispatch(lab, "ok", connection=connection, queue=IDLE_QUEUE, count=3, delay=3600)
        reserve(lab, connection, IDLE_QUEUE, 2)
        reserve(lab, connection, IDLE_QUEUE, 1, stuck=True)

    with ThreadPoolExecutor(len(CONNECTIONS)) as pool:
        list(pool.map(one, CONNECTIONS))
    failed = fail(lab)
    return Seeded(ready=5, delayed=3, reserved=3, stuck=1, failed=failed)


def bulk_failed(lab: Lab, total: int, *, days: int = 30, exception_bytes: int = 2000) -> None:
    """Clones the failed jobs that are there until the table holds `total` rows, older and older over `days`."""
    there = lab.sql("select id from failed_jobs order by id")
    if not there:
        raise LabError("bulk_failed clones rows: make some failed jobs first")
    missing = total - len(there)
    ids = ",".join(str(row[0]) for row in there[:50])
    kinds = min(50, len(there))
    fresh = "md5(concat('opslab', s.seq))"
    for place in (9, 14, 19, 24):
        fresh = f"insert({fresh}, {place}, 0, '-')"
    for begin in range(0, max(0, missing), 20_000):
        count = min(20_000, missing - begin)
        lab.sql(
            f"insert into failed_jobs (uuid, connection, queue, payload, exception, failed_at) "
            f"select u, connection, queue, replace(payload, old, u), e, "
            f"  now() - interval round({days * 86400} * (1 - seq / {max(missing, 1)})) second from ("
            f" select s.seq, f.connection, f.queue, f.payload, f.uuid old, left(f.exception, {exception_bytes}) e,"
            f"  {fresh} u"
            f" from seq_{begin + 1}_to_{begin + count} s join (select *, row_number() over (order by id) - 1 k"
            f"  from failed_jobs where id in ({ids})) f on f.k = mod(s.seq, {kinds})) x order by seq"
        )
    lab.sql("analyze table failed_jobs")


def bulk_waiting(lab: Lab, connection: str, queue: str, count: int) -> None:
    """Clones one waiting job `count` times into a queue."""
    dispatch(lab, "ok", connection=connection, queue=queue)
    if connection == "database":
        lab.sql(
            "insert into jobs (queue, payload, attempts, reserved_at, available_at, created_at) "
            "select j.queue, j.payload, 0, null, j.available_at, j.created_at from "
            "(select * from jobs where queue = %s order by id desc limit 1) j "
            f"join seq_1_to_{count - 1}",
            (queue,),
        )
        return
    with lab.redis_client() as client:
        key = f"{lab.redis.prefix}queues:{queue}"
        payload = client.lindex(key, -1)
        for begin in range(0, count - 1, 5_000):
            client.rpush(key, *[payload] * min(5_000, count - 1 - begin))


class LogWriter:
    """Writes numbered entries into a host's log in a process of its own, as fast as asked, until it is stopped."""

    def __init__(self, node: Node, rate: float, *, seconds: float = 600, hold: bool = False, odd: bool = False) -> None:
        words = [sys.executable, str(Path(__file__).with_name("log_writer.py")), str(node.log), str(rate), str(seconds)]
        words += ["--hold"] * hold + ["--odd"] * odd
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self) -> int:
        """Ends the writer; the number of the last entry."""
        output, _ = self._process.communicate(timeout=30)
        return int(output or 0)

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def rotate(node: Node, how: str) -> Path:
    """Rotates a host's log as logrotate would: `create` (rename, new file), `copytruncate`, or `rename` alone; the old
    file."""
    log = node.log
    old = log.with_name(f"{log.name}.{time.time_ns()}")
    if how == "copytruncate":
        shutil.copy2(log, old)
        os.truncate(log, 0)
        return old
    log.rename(old)
    if how == "create":
        log.touch()
        shutil.chown(log, USER, USER)
    return old
