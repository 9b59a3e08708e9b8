"""Depth of Redis queues: keys, ages, names, and how often the server is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from console.domain.environment import QueueConnection, RedisTarget
from console.domain.queues import QueueDepth, QueueReading, job_total
from console.errors import QueryError, UnreachableError
from console.ports import Scanned
from console.sources import redis_queues
from console.sources.kinds import SourceContext, SourceParams
from console.sources.queue_keys import counted
from tests.fakes import FakeClock, FakeKeyValue, FakeReach, make_facts
from tests.sources.support import context_of, round_trips

PREFIX = "laravel_database_"
CONNECTION = QueueConnection(name="redis", driver="redis", target="default", queue="default", names=("high",))


def made(
    *, laravel: str = "12.67.0", prefix: str = PREFIX, default: str = "redis"
) -> tuple[redis_queues.RedisQueuesSource, FakeKeyValue, SourceContext]:
    store = FakeKeyValue()
    facts = make_facts(
        laravel=laravel,
        queues=(CONNECTION,),
        redis={"default": RedisTarget(host="redis", prefix=prefix)},
        default_queue=default,
    )
    context = context_of(FakeReach(facts=facts, redis={"default": store}), FakeClock())
    [source] = redis_queues.build(context, SourceParams())
    return source, store, context


def fill(store: FakeKeyValue, queue: str, *, ready: int, delayed: int = 0, running: int = 0, expired: int = 0) -> None:
    key = f"{PREFIX}queues:{queue}"
    store.lists[key] = [payload(createdAt=int(store.time) - 30 + n) for n in range(ready)]
    store.lists[key + ":notify"] = [b"1"] * (ready + 5)
    store.zsets[key + ":delayed"] = {b"d%d" % n: store.time + 60 for n in range(delayed)}
    reserved = {b"r%d" % n: store.time + 60 for n in range(running)}
    store.zsets[key + ":reserved"] = reserved | {b"e%d" % n: store.time - 5 for n in range(expired)}


def payload(**fields: Any) -> bytes:
    return json.dumps({"displayName": "App\\Jobs\\X", **fields}).encode()


def depths(reading: QueueReading) -> dict[str, QueueDepth]:
    return {queue.queue: queue for queue in reading.queues}


def test_every_state_is_counted_and_notify_is_no_queue() -> None:
    source, store, _ = made()
    fill(store, "default", ready=3, delayed=2, running=1, expired=2)
    fill(store, "only:colon", ready=0, delayed=1)
    reading = source.read()
    found = depths(reading)
    assert list(found) == ["default", "high", "only:colon"]
    depth = found["default"]
    assert (depth.ready, depth.delayed, depth.reserved, depth.stuck, depth.depth) == (3, 2, 3, 2, 8)
    assert depth.oldest_ready_seconds == 30
    assert (found["high"].depth, found["high"].oldest_ready_seconds) == (0, None)
    assert reading.server_time == store.time
    round_trips(source, reading)


def test_a_poll_is_one_round_trip_and_the_search_happens_once() -> None:
    source, store, context = made()
    fill(store, "default", ready=1)
    source.read()
    trips = store.trips
    source.read()
    assert store.trips == trips + 1
    assert sum(command[0] == "SCAN" for command in store.asked) == 1
    fill(store, "late", ready=1)
    assert "late" not in depths(source.read())
    context.names.ask_again()
    assert depths(source.read())["late"].ready == 1
    assert not {"KEYS", "EVAL", "LRANGE", "SMEMBERS"} & {str(command[0]) for command in store.asked}


def test_the_servers_clock_decides_what_is_stuck() -> None:
    source, store, _ = made()
    store.time += 100_000  # far from ours
    fill(store, "default", ready=0, running=1, expired=1)
    assert depths(source.read())["default"].stuck == 1


def test_a_user_who_may_not_scan_sees_the_configured_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    source, store, context = made()
    fill(store, "default", ready=2)

    def refuse(pattern: str, *, cursor: bytes = b"0", budget: int = 0, deadline: float = 0) -> Scanned:
        raise QueryError("NOPERM")

    monkeypatch.setattr(store, "scan", refuse)
    context.names.add("redis", ["from-a-worker"])
    found = source.read()
    assert list(depths(found)) == ["default", "from-a-worker", "high"]
    assert found.bound == "this Redis user may not look for queue names (SCAN)"
    assert source.summary(found).startswith("≥2 jobs in ≥3 queues (")


def test_names_of_workers_without_a_connection_belong_to_the_default_one() -> None:
    source, _, context = made(default="redis")
    context.names.add("", ["media"])
    assert "media" in depths(source.read())
    other, _, context = made(default="database")
    context.names.add("", ["media"])
    assert "media" not in depths(other.read())


@pytest.mark.parametrize(
    ("version", "age"), [("8.83.26", None), ("12.10.2", None), ("12.11.0", 30), ("13.0", 30), ("", 30)]
)
def test_ages_are_asked_only_where_payloads_have_them(version: str, age: int | None) -> None:
    source, store, _ = made(laravel=version)
    fill(store, "default", ready=1)
    assert depths(source.read())["default"].oldest_ready_seconds == age
    assert any(command[0] == "LINDEX" for command in store.asked) == (age is not None)


@pytest.mark.parametrize("head", [b"", b"not json", b"[]", b'{"createdAt": true}', b'{"createdAt": "x"}', b"\xff\xfe"])
def test_a_head_that_says_nothing_has_no_age(head: bytes) -> None:
    source, store, _ = made()
    store.lists[f"{PREFIX}queues:default"] = [head]
    assert depths(source.read())["default"].oldest_ready_seconds is None


def test_a_huge_head_is_not_fetched_each_second() -> None:
    source, store, _ = made()
    huge = payload(createdAt=int(store.time) - 7, data="x" * 50_000)
    store.lists[f"{PREFIX}queues:default"] = [huge]
    assert depths(source.read())["default"].oldest_ready_seconds == 7
    for _ in range(10):
        source.read()
    asked = sum(command == ("LINDEX", f"{PREFIX}queues:default", 0) for command in store.asked)
    assert asked == 1


def test_a_prefix_with_glob_characters_is_taken_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    source, store, _ = made(prefix="app[1]*")
    store.lists["app[1]*queues:mine"] = [b"{}"]
    store.lists["app1xqueues:theirs"] = [b"{}"]

    def scan(pattern: str, *, cursor: bytes = b"0", budget: int = 0, deadline: float = 0) -> Scanned:
        keys = (b"app[1]*queues:mine",) if pattern == r"app\[1\]\*queues:*" else (b"app1xqueues:theirs",)
        return Scanned(keys, None, 2)

    monkeypatch.setattr(store, "scan", scan)
    assert "mine" in depths(source.read())


def test_a_key_of_another_kind_is_named_and_hides_no_other() -> None:
    source, store, _ = made()
    fill(store, "default", ready=3)
    fill(store, "half", ready=2)
    del store.zsets[f"{PREFIX}queues:half:delayed"]
    store.strings[f"{PREFIX}queues:half:delayed"] = b"x"
    store.hashes[f"{PREFIX}queues:stats"] = {b"processed": b"12"}
    reading = source.read()
    assert [(queue.queue, queue.ready) for queue in reading.queues] == [("default", 3), ("half", 2), ("high", 0)]
    assert [trouble.words for trouble in source.troubles(reading) if trouble.unread] == [
        f"redis: {PREFIX}queues:half:delayed is a string, where Laravel keeps a sorted set of jobs; it is not counted",
        f"redis: {PREFIX}queues:stats is a hash, where Laravel keeps a list of jobs; it is not counted",
    ]
    assert not job_total(reading).is_complete and not depths(reading)["half"].counts.ready.is_complete
    assert depths(reading)["default"].counts.ready.is_complete
    source.read()
    assert sum(command[0] == "TYPE" for command in store.asked) == 2, "what a key is, is asked once"
    round_trips(source, reading)


def test_many_keys_of_another_kind_are_a_few_lines() -> None:
    source, store, _ = made()
    fill(store, "default", ready=1)
    for number in range(100):
        store.hashes[f"{PREFIX}queues:h{number}"] = {}
    reading = source.read()
    assert len(reading.unread) == 21 and reading.unread[-1] == "80 more keys could not be counted either"


def test_where_one_refused_key_ends_the_transaction_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    source, store, _ = made()
    fill(store, "default", ready=3)
    fill(store, "secret", ready=2)
    plain = store.pipeline

    def refuse(commands: Sequence[tuple[Any, ...]], *, deadline: float = 5.0) -> list[object]:
        denied = {at for at, command in enumerate(commands) if "queues:secret" in str(command)}
        replies = plain(commands, deadline=deadline)
        for at, command in enumerate(commands):
            if at in denied:
                replies[at] = QueryError("default: Redis says: No permissions to access a key")
            elif command[0] == "EXEC" and denied:
                replies[at] = QueryError("default: Redis says: EXECABORT Transaction discarded")
        return replies

    monkeypatch.setattr(store, "pipeline", refuse)
    reading = source.read()
    assert depths(reading)["default"].ready == 3 and len(reading.unread) == 3
    assert "queues:secret could not be counted: default: Redis says: No permissions" in reading.unread[0]


def test_one_server_of_a_cluster_is_called_that() -> None:
    moved = QueryError("default: Redis says: MOVED 7 127.0.0.1:7001")
    with pytest.raises(QueryError, match="one server of a cluster"):
        counted("default", "queues:default", [moved, 0, 0, 0])


def test_names_that_are_no_text_are_counted() -> None:
    source, store, _ = made()
    store.lists[f"{PREFIX}queues:"] = [b"{}"]
    assert depths(source.read())[""].label == "(no name)"


def test_errors_of_the_server_are_errors() -> None:
    source, store, _ = made()
    for name in ("default", "high"):
        for suffix in ("", ":delayed", ":reserved"):
            store.strings[f"{PREFIX}queues:{name}{suffix}"] = b"none"
    with pytest.raises(QueryError, match="WRONGTYPE"):
        source.read()
    store.error = UnreachableError("gone")
    with pytest.raises(UnreachableError):
        source.read()


def test_a_user_without_transactions_is_read_all_the_same() -> None:
    source, store, _ = made()
    store.transactions = False
    fill(store, "default", ready=3, delayed=2, running=1, expired=2)
    for _ in range(2):
        depth = depths(source.read())["default"]
        assert (depth.ready, depth.delayed, depth.reserved, depth.stuck) == (3, 2, 3, 2)
        assert depth.oldest_ready_seconds == 30
    assert sum(command[0] == "MULTI" for command in store.asked) == 1


def test_counts_are_one_transaction() -> None:
    source, store, _ = made()
    fill(store, "default", ready=1)
    source.read()
    names = [str(command[0]) for command in store.asked]
    assert (
        names.index("MULTI") < names.index("LLEN") < names.index("ZCOUNT") < names.index("EXEC") < names.index("LINDEX")
    )
