"""Configurations that real applications resolve to, read with and without PHP: what is claimed without it is true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from console.domain.documents import Json
from console.domain.environment import AppFacts
from console.domain.facts import fact_list
from console.domain.origins import Origin, Origins
from console.services.discovery.dotenv import parse
from console.services.discovery.facts import facts_of
from console.services.discovery.from_env import document_of as document_of_env
from console.services.discovery.laravel_config import document_of, key_hash, with_url

RECORDED: Mapping[str, Any] = json.loads(
    (Path(__file__).parent.parent.parent / "data/applications.json").read_text(encoding="utf-8")
)


def by_php(name: str) -> AppFacts:
    found = RECORDED[name]
    return facts_of(document_of(found["config"], found["laravel"]), {}, Origins(Origin.PHP))


def by_env(name: str) -> AppFacts:
    env = parse(RECORDED[name]["dotenv"])
    document, origins = document_of_env(env, {"version": RECORDED[name]["laravel"]})
    return facts_of(document, env, origins)


def listed(facts: AppFacts) -> dict[str, tuple[str | None, Origin]]:
    return {fact.name: (fact.value, fact.origin) for fact in fact_list(facts)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("skeleton", {"database": "thirteen@127.0.0.1:3307", "default_queue": "database", "timezone": "UTC"}),
        ("urls", {"database": "shop@127.0.0.1:3307", "redis.default": "127.0.0.1:6380/3", "cache_prefix": None}),
        ("socket", {"database": "shop@/srv/mysql/m.sock"}),
        ("tls", {"redis.default": "tls://127.0.0.1:6380/0"}),
        ("sqlite", {"database": "/srv/app/database/database.sqlite"}),
        ("pgsql", {"database": "shop@127.0.0.1:5433"}),
        ("cached", {"database": "shop@127.0.0.1:3307", "redis.default.prefix": "corner-shop-database-"}),
        ("retry-after", {"queues.redis.retry_after": "3600", "queues.database.retry_after": "3600"}),
        (
            "several",
            {
                "redis.default": "127.0.0.1:6380/5",
                "redis.default.prefix": "multi:",
                "redis.long.prefix": "longp:",
                "redis.optp.prefix": "optp:",
                "redis.noprefix": "127.0.0.1:6381/3",
                "redis.noprefix.prefix": None,
                "queues.redis-long.block_for": "5",
                "queues.redis-optp.retry_after": "60",
            },
        ),
        ("thirteen", {"redis.default": "127.0.0.1:6380/7", "cache_prefix": "thirteen-cache-"}),
        ("failed-null", {"failed": "null mariadb.failed_jobs"}),
        ("failed-file", {"failed": "file mariadb.failed_jobs"}),
    ],
)
def test_what_php_resolved_is_read_as_laravel_does(name: str, expected: dict[str, str | None]) -> None:
    found = listed(by_php(name))
    said = {fact: found[fact][0] if fact in found else None for fact in expected if fact != "cache_prefix"}
    assert said == {fact: value for fact, value in expected.items() if fact != "cache_prefix"}
    if expected.get("cache_prefix"):
        assert found["cache_prefix"][0] == expected["cache_prefix"]


def test_a_url_brings_its_password_and_a_name_of_other_letters_its_prefix() -> None:
    facts = by_php("urls")
    assert facts.sql["mysql"].password.reveal() == 'pa ss#w$rd"1'
    assert facts.redis["default"].password.reveal() == "r:e@d/i#1"
    assert facts.redis["default"].prefix == "slim_co_grosse_database_"
    assert (facts.cache_store, facts.cache_redis) == ("redis", "cache")


def test_a_queue_that_the_console_cannot_read_is_still_known_to_be_the_default() -> None:
    assert next((queue.name, queue.driver) for queue in by_php("sqs").queues) == ("sqs", "sqs")
    assert by_php("failover").default_queue == "failover"


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_whatever_is_said_to_stand_in_the_env_is_what_the_application_uses(name: str) -> None:
    """Nobody can promise it (a configuration file may ignore its `.env`), but for these shapes it must hold; `cached`
    is the one where it does not, and there `.env` is not asked."""
    truth, claimed = listed(by_php(name)), listed(by_env(name))
    read = {fact: value for fact, (value, origin) in claimed.items() if origin is Origin.ENV}
    wrong = {fact: (value, truth[fact][0]) for fact, value in read.items() if truth[fact][0] != value}
    assert bool(wrong) == (name == "cached"), wrong


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_what_nothing_says_is_marked_as_a_default_and_never_names_a_place(name: str) -> None:
    facts = by_env(name)
    env = parse(RECORDED[name]["dotenv"])
    if not {"DB_HOST", "DB_URL", "DB_SOCKET"} & env.keys():
        assert facts.sql == {}
    if not {"REDIS_HOST", "REDIS_URL"} & env.keys():
        assert all(facts.redis_origin(each).guessed for each in facts.redis)
    if "REDIS_QUEUE_RETRY_AFTER" not in env:
        assert facts.origins.of("queues.redis.retry_after") is Origin.DEFAULT
    if "CACHE_PREFIX" not in env:
        assert facts.origins.of("caches.redis.prefix") is Origin.UNKNOWN


def test_the_stated_retry_after_is_used_without_php() -> None:
    queues = {queue.name: queue for queue in by_env("retry-after").queues}
    assert {name: queue.retry_after for name, queue in queues.items()} == {"database": 3600, "redis": 3600}
    assert queues["redis"].queue == "high"


def test_an_address_in_a_url_is_read_without_php() -> None:
    facts = by_env("urls")
    assert facts.sql["mysql"].address == "shop@127.0.0.1:3307"
    assert facts.sql["mysql"].password.reveal() == 'pa ss#w$rd"1'
    assert facts.database_origin is Origin.ENV


def test_no_key_has_no_hash() -> None:
    assert key_hash("") == ""
    assert by_php("no-env").app_key_hash == ""
    assert by_env("no-env").app_key_hash == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "mysql://u:p%40@h:3307/d%20b?prefix=x_",
            {"driver": "mysql", "username": "u", "password": "p@", "prefix": "x_"},
        ),
        ("postgres://h/d", {"driver": "pgsql", "host": "h", "database": "d"}),
        ("sqlite:////srv/x.db", {"driver": "sqlite", "database": "/srv/x.db"}),
        ("rediss://:s@h:6390/2", {"driver": "tls", "password": "s", "port": 6390, "database": "2"}),
        ("not a url", {"host": "kept"}),
        ("mysql://h:port/d", {"host": "kept"}),
    ],
)
def test_urls_are_taken_apart(url: str, expected: dict[str, object]) -> None:
    found = with_url({"url": url, "host": "kept"})
    assert {key: found.get(key) for key in expected} == expected


def test_writes_go_to_the_write_host() -> None:
    entry: Json = {"driver": "mysql", "host": "r", "write": {"host": ["w1", "w2"], "username": "rw"}, "database": "d"}
    document = document_of({"database": {"default": "m", "connections": {"m": entry}}}, "")
    target = facts_of(document, {}, Origins(Origin.PHP)).sql["m"]
    assert (target.host, target.user, target.database) == ("w1", "rw", "d")


@pytest.mark.parametrize(("laravel", "prefix"), [("8.83.1", "shop:"), ("11.0.0", "shop"), ("", "shop")])
def test_older_frameworks_put_a_colon_after_the_cache_prefix(laravel: str, prefix: str) -> None:
    stores: Json = {"r": {"driver": "redis"}, "d": {"driver": "database"}, "f": {"driver": "file", "path": "/srv//c/"}}
    document = document_of({"cache": {"default": "r", "prefix": "shop", "stores": stores}}, laravel)
    caches = facts_of(document, {}, Origins(Origin.PHP)).caches
    assert (caches["r"].prefix, caches["r"].connection) == (prefix, "default")
    assert (caches["d"].prefix, caches["d"].table) == ("shop", "cache")
    assert (caches["f"].prefix, caches["f"].path) == ("", "/srv/c")


def test_maintenance_in_a_cache_falls_to_the_default_store() -> None:
    def told(**maintenance: Json) -> tuple[str, str]:
        config: dict[str, Json] = {"app": {"maintenance": maintenance}, "cache": {"default": "redis"}}
        facts = facts_of(document_of(config, ""), {}, Origins(Origin.PHP))
        return facts.maintenance_driver, facts.maintenance_store

    assert told() == ("file", "redis")
    assert told(driver="cache", store="database") == ("cache", "database")
    assert told(driver="cache") == ("cache", "redis")
