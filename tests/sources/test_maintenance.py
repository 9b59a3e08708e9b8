"""Maintenance mode of each host as a source: hosts that differ, hosts that do not answer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from console.domain.environment import CacheStore, RedisTarget
from console.domain.origins import Origin, Origins
from console.errors import QueryError, RemoteError, UnreachableError
from console.services.target.maintenance import read_maintenance
from console.sources import maintenance
from console.sources.kinds import SOON, SourceContext, SourceParams
from tests.fakes import FakeClock, FakeKeyValue, FakeReach, FakeShell, make_facts
from tests.sources.support import database, round_trips, sqlite_reach

DOWN = b'clock 1720\nsince 1000\nbody { "retry": 60, "secret": "let-me-in", "status": 503 }\n'
UP = b"clock 1720\nup\n"


def saying(said: bytes, _script: str) -> bytes:
    return said


def source_of(**answers: bytes) -> tuple[maintenance.MaintenanceSource, dict[str, FakeShell]]:
    shells = {name: FakeShell(name, partial(saying, said)) for name, said in answers.items()}
    reach = FakeReach(shells=shells)
    context = SourceContext(environment=reach.environment, reach=reach, clock=FakeClock())
    [source] = maintenance.build(context, SourceParams())
    return source, shells


def test_each_host_says_for_itself() -> None:
    source, _ = source_of(web1=DOWN, web2=UP)
    reading = source.read()
    assert [(host.host, host.down) for host in reading.hosts] == [("web1", True), ("web2", False)]
    assert source.summary(reading) == "web1 down for 12m (visitors get 503, a secret lets people in)"
    assert source.every == SOON
    round_trips(source, reading)


def test_up_is_said_and_read_less_often() -> None:
    source, _ = source_of(web1=UP, web2=UP)
    assert source.summary(source.read()) == "off"
    assert source.every == 10.0


def test_a_host_that_does_not_answer_hides_no_other() -> None:
    source, shells = source_of(web1=DOWN, web2=b"garbage")
    reading = source.read()
    assert [host.host for host in reading.down] == ["web1"]
    assert reading.errors == ("web2: no answer about maintenance mode: garbage",)
    shells["web1"].down = True
    with pytest.raises((UnreachableError, RemoteError)):
        source.read()


PHP = b'a:3:{s:5:"retry";i:60;s:6:"secret";s:4:"open";s:6:"status";i:503;}'
KEY = "illuminate:foundation:down"


def cached(driver: str, **more: str) -> CacheStore:
    return CacheStore(name="main", driver=driver, prefix="shop_cache_", **more)


@pytest.mark.parametrize("colon", ["", ":"])
def test_the_cache_driver_is_read_from_redis(colon: str) -> None:
    store = FakeKeyValue()
    facts = make_facts(
        redis={"cache": RedisTarget(prefix="shop_database_")},
        caches={"main": cached("redis", connection="cache")},
        maintenance_driver="cache",
        maintenance_store="main",
        origins=Origins(Origin.PHP),
    )
    reach = FakeReach(facts=facts, redis={"cache": store})
    assert not read_maintenance(reach, FakeClock()).down
    store.strings[f"shop_database_shop_cache_{colon}{KEY}"] = PHP
    reading = read_maintenance(reach, FakeClock())
    assert [(host.host, host.since, host.driver) for host in reading.down] == [
        ("web1", None, "cache main"),
        ("web2", None, "cache main"),
    ]
    first = reading.hosts[0]
    assert (first.retry, first.http_status, first.bypass, first.origin) == (60, 503, True, "php")
    store.error = UnreachableError("no link")
    with pytest.raises(UnreachableError):
        read_maintenance(reach, FakeClock())


def test_the_cache_driver_is_read_from_a_database() -> None:
    with database() as connection:
        connection.execute("create table cache (key text primary key, value text, expiration integer)")
        reach = sqlite_reach(
            connection, caches={"main": cached("database")}, maintenance_driver="cache", maintenance_store="main"
        )
        assert not read_maintenance(reach, FakeClock()).down
        connection.execute("insert into cache values (?, ?, 1)", (f"shop_cache_{KEY}", PHP.decode()))
        assert not read_maintenance(reach, FakeClock()).down, "an entry that has expired"
        connection.execute("update cache set expiration = 4102444800")
        assert [host.retry for host in read_maintenance(reach, FakeClock()).down] == [60, 60]


def test_a_store_that_cannot_be_read_is_never_taken_for_up() -> None:
    for caches in ({}, {"main": cached("memcached")}):
        facts = make_facts(caches=caches, maintenance_driver="cache", maintenance_store="main")
        with pytest.raises(QueryError, match="cache store main"):
            read_maintenance(FakeReach(facts=facts), FakeClock())


def test_a_store_of_files_is_looked_at_on_each_host() -> None:
    asked: list[str] = []

    def answer(script: str) -> bytes:
        asked.append(script)
        return DOWN

    facts = make_facts(
        caches={"main": cached("file", path="/srv/app/cache")}, maintenance_driver="cache", maintenance_store="main"
    )
    shells = {name: FakeShell(name, answer) for name in ("web1", "web2")}
    reading = read_maintenance(FakeReach(facts=facts, shells=shells), FakeClock())
    assert [host.driver for host in reading.down] == ["cache main"] * 2
    assert all("/srv/app/cache/b6/78/b67866da9996fab03a7a4321cc5fe28a94fe2953" in script for script in asked)


def test_what_is_not_found_in_a_guessed_place_is_not_taken_for_up() -> None:
    store = FakeKeyValue()
    facts = make_facts(
        redis={"cache": RedisTarget(prefix="shop_database_")},
        caches={"main": cached("redis", connection="cache")},
        maintenance_driver="cache",
        maintenance_store="main",
    )
    for guessed in ("caches.main.prefix", "redis.cache.prefix", "maintenance.store"):
        origins = Origins(Origin.ENV, {guessed: Origin.DEFAULT})
        reach = FakeReach(facts=replace(facts, origins=origins), redis={"cache": store})
        store.strings.clear()
        with pytest.raises(QueryError, match=r"kept in the cache, and wh.* was not read"):
            read_maintenance(reach, FakeClock())
        store.strings[f"shop_database_shop_cache_{KEY}"] = PHP
        assert len(read_maintenance(reach, FakeClock()).down) == 2


def test_one_host_down_in_a_guessed_directory_says_nothing_of_the_other() -> None:
    facts = make_facts(
        caches={"main": cached("file", path="storage/framework/cache/data")},
        maintenance_driver="cache",
        maintenance_store="main",
        origins=Origins(Origin.ENV, {"caches": Origin.DEFAULT}),
    )
    shells = {"web1": FakeShell("web1", partial(saying, DOWN)), "web2": FakeShell("web2", partial(saying, UP))}
    reading = read_maintenance(FakeReach(facts=facts, shells=shells), FakeClock())
    assert [host.host for host in reading.hosts] == ["web1"]
    assert reading.errors == ("web2: maintenance mode is kept in the cache, and where its files lie was not read",)
