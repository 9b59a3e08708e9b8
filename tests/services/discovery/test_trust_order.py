"""What is believed of an answer: PHP and the config cache before `.env`, and nothing where neither could be read."""

from __future__ import annotations

from typing import Any

import pytest

from console.domain.documents import Json
from console.domain.facts import fact_list
from console.domain.origins import Origin
from console.services.discovery.probe import EnvFile, ProbeAnswer, cut
from console.services.discovery.trust_order import learned

NONCE = "n0nce"
ENV = {"APP_KEY": "base64:x", "APP_ENV": "production", "DB_CONNECTION": "mysql", "DB_HOST": "db", "DB_DATABASE": "env"}
CONFIG: dict[str, Json] = {
    "app": {"env": "production", "key": "base64:x"},
    "database": {"default": "mysql", "connections": {"mysql": {"driver": "mysql", "host": "db", "database": "real"}}},
}


def answer(**changes: Any) -> ProbeAnswer:
    given: dict[str, Any] = {"signature": "s", "env": EnvFile.READ, "values": ENV, **changes}
    return ProbeAnswer(**given)


def php(**changes: Json) -> dict[str, Json]:
    return {"origin": "php", "config": CONFIG, "laravel": "11.0.0", "env": "read", "env_file": ".env", **changes}


def told(found: ProbeAnswer) -> tuple[str, Origin]:
    facts = learned(found).facts(found)
    return facts.database.partition("@")[0], facts.sql_origin("mysql")


@pytest.mark.parametrize(
    ("found", "database", "origin"),
    [
        (answer(php=php()), "real", Origin.PHP),
        (answer(php=php(origin="config cache"), cached=True), "real", Origin.CACHE),
        (answer(php=php(origin="config cache"), cached=True, env=EnvFile.UNREADABLE, values={}), "real", Origin.CACHE),
        (answer(nophp=True, problem="no PHP"), "env", Origin.ENV),
        (answer(problem="it throws"), "env", Origin.ENV),
        (answer(nophp=True, problem="no PHP", cached=True), "", Origin.UNKNOWN),
        (answer(problem="it throws", cached=True), "", Origin.UNKNOWN),
        (answer(php=php(), cached=True), "", Origin.UNKNOWN),
        (answer(php=php(env="unreadable"), env=EnvFile.UNREADABLE, values={}), "", Origin.UNKNOWN),
        (answer(nophp=True, problem="no PHP", env=EnvFile.UNREADABLE, values={}), "", Origin.UNKNOWN),
        (answer(nophp=True, problem="no PHP", env=EnvFile.ABSENT, values={}), "", Origin.UNKNOWN),
        (answer(php=php(env="absent"), env=EnvFile.ABSENT, values={}), "real", Origin.PHP),
        (answer(php=php(env="absent", config={**CONFIG, "app": {}}), env=EnvFile.ABSENT), "real", Origin.DEFAULT),
    ],
)
def test_the_order_of_trust(found: ProbeAnswer, database: str, origin: Origin) -> None:
    assert told(found) == (database, origin)
    facts = learned(found).facts(found)
    assert bool(facts.problem) == (origin not in (Origin.PHP, Origin.CACHE))


def test_every_fact_says_on_what_it_stands() -> None:
    found = answer(nophp=True, problem="no PHP", hints={"version": "8.83.1"})
    origins = {fact.name: fact.origin for fact in fact_list(learned(found).facts(found))}
    assert origins["laravel"] is Origin.FILES
    assert origins["app_key"] is Origin.ENV
    assert origins["database"] is Origin.DEFAULT, "its port stands nowhere"
    assert origins["timezone"] is Origin.DEFAULT
    assert origins["queues.database.retry_after"] is Origin.DEFAULT
    assert origins["maintenance"] is Origin.DEFAULT


def printed(*sections: tuple[str, str]) -> bytes:
    return "".join(f"{NONCE} {name}\n{body}\n" for name, body in sections).encode()


def test_an_answer_is_cut_apart() -> None:
    found = cut(printed(("signature", "/srv 1"), ("env", "A=1\n"), ("nophp", ""), ("version", "8.83.1")), b"", NONCE)
    assert (found.signature, found.env, dict(found.values), found.nophp) == ("/srv 1", EnvFile.READ, {"A": "1"}, True)
    assert found.hints == {"version": "8.83.1"}
    closed = cut(printed(("signature", "/srv 1"), ("env", ""), ("closed", ""), ("cached", "")), b"", NONCE)
    assert (closed.env, closed.cached, dict(closed.values)) == (EnvFile.UNREADABLE, True, {})
    assert cut(b"banner", b"", NONCE).env is EnvFile.ABSENT


@pytest.mark.parametrize(
    ("probe", "stderr", "words"),
    [
        ('{"error": "ParseError: it is broken"}', "", "ParseError: it is broken"),
        ("no json", "", "no JSON"),
        ("[1]", "", "wrong shape"),
        ('{"error": "x hunter2long y"}', "", "x [secret] y"),
        (
            '{"error": "it ended"}',
            "The file is invalid!\n unexpected whitespace at [my own pass].",
            "whitespace at […]",
        ),
    ],
)
def test_why_php_could_not_answer_is_told_without_secrets(probe: str, stderr: str, words: str) -> None:
    output = printed(("env", "DB_PASSWORD=hunter2long\nOTHER='my own pass'"), ("probe", probe))
    problem = cut(output, stderr.encode(), NONCE).problem
    assert words in problem
    assert "hunter2long" not in problem and "my own pass" not in problem
