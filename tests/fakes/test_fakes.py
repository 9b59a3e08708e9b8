"""The fakes fulfil the ports they stand for."""

from __future__ import annotations

import sqlite3
import threading

from console.errors import QueryError
from console.ports import Clock, Http, KeyValue, Reach, Shell, Sql, Stream
from tests.fakes import FakeClock, FakeHttp, FakeKeyValue, FakeReach, FakeShell, FakeSql, FakeStream


def test_fakes_fulfil_the_ports() -> None:
    clock: Clock = FakeClock()
    shell: Shell = FakeShell()
    stream: Stream = FakeStream()
    sql: Sql = FakeSql()
    store: KeyValue = FakeKeyValue()
    http: Http = FakeHttp()
    reach: Reach = FakeReach()
    assert all((clock, shell, stream, sql, store, http, reach))


def test_the_clock_wakes_who_waits() -> None:
    clock = FakeClock()
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(clock.wait(threading.Event(), 5)))
    thread.start()
    clock.until_waiting()
    clock.advance(5)
    thread.join(5)
    assert results == [False]


def test_a_shell_without_an_answer_runs_sh() -> None:
    done = FakeShell().run("echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_sqlite_stands_behind_sql() -> None:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    assert FakeSql.on(connection).query("select :a + 1", {"a": 1}) == [(2,)]
    connection.close()


def test_redis_counts_as_redis_does() -> None:
    store = FakeKeyValue()
    store.lists["q"] = [b"a", b"b"]
    store.zsets["z"] = {b"x": 1.0, b"y": 2.0}
    replies = store.pipeline(
        [("LLEN", "q"), ("ZCARD", "z"), ("ZCOUNT", "z", "-inf", "(2"), ("LINDEX", "q", 0), ("LLEN", "z"), ("KEYS", "*")]
    )
    assert replies[:4] == [2, 2, 1, b"a"]
    assert all(isinstance(reply, QueryError) for reply in replies[4:])
