"""On what facts stand, and what numbers that stand on nothing read say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.domain.facts import fact_list, queue_guesses
from console.domain.origins import Origin, Origins, weakest
from tests.fakes import make_facts


def test_the_longest_known_path_counts() -> None:
    origins = Origins(Origin.PHP, {"sql.a.b": Origin.ENV, "sql.a.b.port": Origin.DEFAULT, "sql": Origin.STATED})
    assert [origins.of(path) for path in ("timezone", "sql.x.host", "sql.a.b.host", "sql.a.b.port")] == [
        Origin.PHP,
        Origin.STATED,
        Origin.ENV,
        Origin.DEFAULT,
    ]
    assert origins.weakest("timezone", "sql.a.b.host", "sql.a.b.port") is Origin.DEFAULT
    assert origins.having({"timezone": Origin.STATED}).of("timezone") is Origin.STATED
    assert Origins().of("anything") is Origin.UNKNOWN
    assert weakest([]) is Origin.UNKNOWN


@pytest.mark.parametrize("origin", list(Origin))
def test_only_the_application_itself_proves_anything(origin: Origin) -> None:
    assert origin.proves == (origin in (Origin.PHP, Origin.CACHE, Origin.ENV))
    assert origin.guessed == (origin in (Origin.DEFAULT, Origin.UNKNOWN))


def test_what_is_unknown_has_no_value() -> None:
    facts = replace(make_facts(), origins=Origins(Origin.PHP, {"timezone": Origin.UNKNOWN}))
    values = {fact.name: (fact.value, fact.origin) for fact in fact_list(facts)}
    assert values["timezone"] == (None, Origin.UNKNOWN)
    assert values["database"] == ("app@db:3306", Origin.PHP)


def test_numbers_say_which_default_they_stand_on() -> None:
    sql, redis = make_facts().queues
    assert queue_guesses(make_facts(), redis) == ()
    parts = {"queues.redis.retry_after": Origin.DEFAULT, "redis.default.prefix": Origin.DEFAULT}
    facts = make_facts(origins=Origins(Origin.ENV, parts))
    assert queue_guesses(facts, sql) == ()
    stuck, keys = queue_guesses(facts, redis)
    assert "retry_after of 90 s" in stuck and "laravel_database_" in keys
