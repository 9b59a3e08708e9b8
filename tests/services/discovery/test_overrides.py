"""What the configuration states in place of what the application says, field by field."""

from __future__ import annotations

from dataclasses import replace

from console.domain.documents import Json
from console.domain.environment import AppFacts, Via
from console.domain.origins import Origin, Origins
from console.errors import QueryError
from console.services.discovery import laravel_config
from console.services.discovery.discovery import unreadable_sqlite
from console.services.discovery.facts import facts_of, without_secrets
from console.services.discovery.overrides import overridden, short_form_words
from tests.services.discovery.discovering import CONFIG, environment, resolve
from tests.services.discovery.test_laravel_config import by_php


def base_facts() -> AppFacts:
    return facts_of(laravel_config.document_of(CONFIG, "11.2.0"), {}, Origins(Origin.PHP))


def test_what_the_configuration_states_wins_field_by_field() -> None:
    facts = overridden(
        base_facts(),
        {
            "database": {"user": "ro", "password": "env:RO"},
            "redis": {"host": "other", "password": "file:/x", "database": 0},
            "queues": {"redis": {"prefix": "p_", "names": ["a", "b"]}, "database": {"table": "q", "retry_after": 5}},
            "failed": {"driver": "database", "table": "f"},
            "timezone": "UTC",
        },
        resolve,
    )
    sql, redis = facts.sql["mysql"], facts.redis["default"]
    assert (sql.user, sql.password.reveal(), sql.host, sql.via) == ("ro", "<env:RO>", "db", Via.HOST)
    assert (redis.host, redis.password.reveal(), redis.prefix, redis.database) == ("other", "<file:/x>", "p_", 0)
    queues = {queue.name: queue for queue in facts.queues}
    assert (queues["redis"].names, queues["redis"].retry_after) == (("a", "b"), 120)
    assert (queues["database"].table, queues["database"].retry_after) == ("q", 5)
    assert (facts.failed_driver, facts.failed_table, facts.timezone) == ("database", "f", "UTC")


def test_a_stated_socket_replaces_the_address_and_the_other_way_round() -> None:
    facts = overridden(base_facts(), {"database": {"socket": "/run/db.sock"}, "redis": {"socket": "/run/r"}}, resolve)
    assert (facts.sql["mysql"].host, facts.sql["mysql"].socket) == ("", "/run/db.sock")
    assert (facts.redis["default"].host, facts.redis["default"].socket) == ("", "/run/r")
    back = overridden(facts, {"database": {"host": "h"}}, resolve)
    assert (back.sql["mysql"].host, back.sql["mysql"].socket) == ("h", "")


def test_a_redis_without_a_known_prefix_is_not_invented() -> None:
    bare = replace(base_facts(), redis={})
    assert overridden(bare, {"redis": {"host": "h"}}, resolve).redis == {}
    assert overridden(bare, {"redis": {"host": "h", "prefix": ""}}, resolve).redis["default"].host == "h"


def _at(document: Json, *path: str) -> Json:
    for key in path:
        assert isinstance(document, dict)
        document = document[key]
    return document


def test_secrets_are_held_by_the_likeliest_key() -> None:
    document = laravel_config.document_of(CONFIG, "11.2.0")
    kept = without_secrets(document, {"OTHER": "p#ss$word", "DB_PASSWORD": "p#ss$word", "R": "re:dis@/pw"})
    assert _at(kept, "sql", "mysql", "password_key") == "DB_PASSWORD"
    assert _at(kept, "redis", "default", "password_key") == "R"
    without = without_secrets(document, {})
    assert _at(without, "sql", "mysql", "password_withheld") is True and "p#ss" not in str(without)


def test_a_remote_sqlite_is_said_to_be_unreadable() -> None:
    error = unreadable_sqlite(environment("/x"), "sqlite", "/srv/db\x1b.sqlite")
    assert isinstance(error, QueryError)
    assert "\x1b" not in str(error)


def test_each_connection_is_stated_by_its_name_and_the_short_form_means_the_default_queues() -> None:
    several = by_php("several")
    stated: dict[str, Json] = {
        "redis": {"host": "short"},
        "connections": {
            "redis": {"long": {"host": "other", "password": "env:L"}, "clu": {"host": "c", "prefix": "p:"}},
            "database": {"pg2": {"driver": "mysql", "host": "db2"}},
        },
    }
    facts = overridden(several, stated, resolve)
    assert {name: facts.redis[name].host for name in ("default", "long", "clu")} == {
        "default": "short", "long": "other", "clu": "c",
    }  # fmt: skip
    assert facts.redis["optp"] == several.redis["optp"]
    assert facts.redis["long"].prefix == "longp:" and facts.redis["long"].password.reveal() == "<env:L>"
    assert facts.sql["pg2"].host == "db2" and facts.default_sql == several.default_sql
    assert facts.redis_origin("clu") is Origin.STATED
    assert {queue.name for queue in facts.queues if queue.stated} == {"redis", "redis-long", "redis-clu"}
    words = short_form_words(several, stated)
    assert words.startswith("redis: means the connection default only; state optp, noprefix under connections")
    assert short_form_words(several, {}) == "" and short_form_words(base_facts(), {"redis": {}}) == ""


def test_a_queue_connection_is_switched_off() -> None:
    facts = overridden(by_php("skeleton"), {"queues": {"redis": "off", "gone": "off"}}, resolve)
    assert [queue.name for queue in facts.queues] == ["database"] and facts.queues_off == ("redis", "gone")


def test_a_cluster_is_known_as_one() -> None:
    assert by_php("several").redis_clusters == ("clu",) and "clu" not in by_php("several").redis
