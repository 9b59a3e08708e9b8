"""Finding out about an application: through PHP where there is some, from its `.env` where there is none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.environment import Via
from console.domain.facts import fact_list
from console.domain.origins import Origin
from console.errors import RemoteError, UnreachableError, UsageError
from console.own_directories import own_within
from console.ports import Completed
from console.services.discovery.discovery import missing_connection
from console.services.discovery.facts import facts_of
from console.services.discovery.from_env import document_of
from tests.services.discovery.discovering import DOCUMENT, ENV, Setup, calls, environment, said, with_php


def test_the_probe_is_asked_once_and_remembered_without_secrets(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    facts = setup.discovery().facts()
    assert (facts.laravel, facts.timezone, facts.default_queue) == ("11.2.0", "Europe/Paris", "redis")
    assert facts.queues[0].name == "redis"
    assert facts.sql["mysql"].driver == "mysql"
    assert facts.sql["mysql"].password.reveal() == "p#ss$word"
    assert facts.sql["local"].file == "/srv/db.sqlite"
    assert facts.redis["default"].prefix == "shop_"
    assert facts.database == "shop@db:3307"
    assert "<?php" in (tmp_path / "php.program").read_text()

    (stored,) = (own_within(setup.state, "discovery")).iterdir()
    assert stored.stat().st_mode & 0o777 == 0o600
    assert stored.parent.stat().st_mode & 0o777 == 0o700
    text = stored.read_text()
    assert "p#ss" not in text and "re:dis" not in text

    again = setup.discovery().facts()
    assert calls(setup) == 1
    assert again == facts
    assert again.redis["default"].password.reveal() == "re:dis@/pw"


def test_a_changed_application_is_asked_again(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    found = setup.discovery()
    found.facts()
    setup.clock.advance(10)
    os.utime(setup.app / ".env", (1, 1))
    found.facts()
    assert calls(setup) == 1, "compared at most each 30 s"
    setup.clock.advance(25)
    found.facts()
    assert calls(setup) == 2
    (setup.app / "bootstrap/cache").mkdir(parents=True)
    (setup.app / "bootstrap/cache/config.php").write_text("<?php")
    (tmp_path / "answer.json").write_text(json.dumps(said(origin="config cache")))
    setup.clock.advance(31)
    found.facts()
    assert calls(setup) == 3
    assert setup.discovery().facts() == found.facts()
    assert calls(setup) == 3


def test_a_password_that_is_in_no_env_is_never_stored_and_asked_for_when_it_is_needed(tmp_path: Path) -> None:
    setup = Setup(tmp_path, env="APP_ENV=production\n")
    with_php(setup, DOCUMENT)
    whole = setup.discovery().facts()
    assert whole.sql["mysql"].password.reveal() == "p#ss$word"
    (stored,) = (own_within(setup.state, "discovery")).iterdir()
    assert "p#ss" not in stored.read_text()
    again = setup.discovery()
    assert again.facts().sql["mysql"].withheld and again.facts().queues == whole.queues
    assert calls(setup) == 1, "what is remembered needs no PHP"
    assert again.with_passwords().sql["mysql"].password.reveal() == "p#ss$word"
    assert again.with_passwords().redis["default"].password.reveal() == "re:dis@/pw"
    assert calls(setup) == 2


def test_a_password_in_a_url_of_the_env_is_remembered_by_its_key(tmp_path: Path) -> None:
    env = "DB_URL='mysql://shop:p%23ss%24word@db:3307/shop'\nREDIS_PASSWORD='re:dis@/pw'\n"
    setup = Setup(tmp_path, env=env)
    with_php(setup, DOCUMENT)
    facts = setup.discovery().facts()
    (stored,) = (own_within(setup.state, "discovery")).iterdir()
    assert "ss%24" not in stored.read_text() and "p#ss" not in stored.read_text()
    again = setup.discovery().facts()
    assert (again, calls(setup)) == (facts, 1)
    assert again.sql["mysql"].password.reveal() == "p#ss$word"


def test_passwords_that_the_host_does_not_tell_any_more_are_an_error(tmp_path: Path) -> None:
    setup = Setup(tmp_path, env="APP_ENV=production\n")
    with_php(setup, DOCUMENT)
    setup.discovery().facts()
    (tmp_path / "php").write_text(f"#!/bin/sh\necho x >> {tmp_path}/php.calls\nexit 1\n")
    found, before = setup.discovery(), calls(setup)
    for seconds, asked in ((0, 1), (4, 1), (2, 2)):
        setup.clock.advance(seconds)
        with pytest.raises(RemoteError, match="the passwords of its databases could not be read"):
            found.with_passwords()
        assert calls(setup) == before + asked, "PHP is not started again at once"


def test_a_memory_that_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    setup.discovery().facts()
    (stored,) = (own_within(setup.state, "discovery")).iterdir()
    stored.chmod(0o660)
    setup.discovery().facts()
    assert calls(setup) == 2
    (stored,) = (own_within(setup.state, "discovery")).iterdir()
    stored.write_text("not json")
    setup.discovery().facts()
    assert calls(setup) == 3


def test_while_the_host_is_away_known_facts_stay(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    found = setup.discovery()
    facts = found.facts()
    setup.shell.down = True
    setup.clock.advance(60)
    assert found.facts() == facts
    with pytest.raises(UnreachableError):
        setup.discovery().facts()


def test_a_release_that_cannot_boot_leaves_what_was_known(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    facts = setup.discovery().facts()
    (tmp_path / "answer.json").write_text('{"error": "ParseError: syntax error"}')
    os.utime(setup.app / ".env", (1, 1))
    left = setup.discovery().facts()
    assert (left.sql, left.redis, left.queues) == (facts.sql, facts.redis, facts.queues)
    assert left.origins.of("sql.mysql.host") is Origin.EARLIER
    assert left.unbooted and "ParseError: syntax error" in left.problem
    assert calls(setup) == 2


def test_forget_asks_again_but_not_in_a_storm(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    found = setup.discovery()
    for _ in range(5):
        found.facts()
        found.forget()
    found.facts()
    assert calls(setup) == 2


def test_without_php_the_env_speaks(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.app / "config").mkdir()
    (setup.app / "config/database.php").write_text("'prefix' => env('REDIS_PREFIX', x.'_database_'),")
    facts = setup.discovery().facts()
    assert facts.default_sql == "mysql"
    target = facts.sql["mysql"]
    assert (target.host, target.port, target.database, target.user) == ("db.internal", 3306, "shop", "shop")
    assert target.password.reveal() == "p#ss$word"
    assert facts.redis["default"].prefix == "my_shop_database_"
    assert (facts.redis["cache"].database, facts.cache_redis) == (1, "cache")
    assert facts.default_queue == "redis"
    assert [queue.name for queue in facts.queues] == ["redis", "database"]
    assert facts.app_key_hash == hashlib.sha256(b"base64:abc=").hexdigest()[:12]
    assert facts.problem == "there is no PHP on the host; .env was read instead" and not facts.unbooted
    assert facts.origins.of("sql.mysql.host") is Origin.ENV
    assert facts.database_origin is Origin.DEFAULT, "the port is nowhere"


def test_without_php_an_unknown_prefix_leaves_redis_out(tmp_path: Path) -> None:
    facts = Setup(tmp_path).discovery().facts()
    assert facts.redis == {}
    error = missing_connection(environment("/x"), "redis", "default", facts)
    assert isinstance(error, UsageError)
    assert "prefix" in error.fix


@pytest.mark.parametrize(
    ("hints", "name", "prefix"),
    [
        ({"version": "8.83.1"}, "Laravel", "laravel_database_"),
        ({"version": "11.0.0"}, "My  Shop-One!", "my_shop_one_database_"),
        ({"version": "12.9.0", "prefix": "-database-"}, "My_Shop", "my-shop-database-"),
        ({"version": "12.9.0"}, "x", None),
        ({"version": "8.1.1"}, "Café", None),
        ({}, "x", None),
    ],
)
def test_the_skeletons_prefix_is_known_or_not_guessed(hints: dict[str, str], name: str, prefix: str | None) -> None:
    document, origins = document_of({"APP_NAME": name}, hints)
    facts = facts_of(document, {}, origins)
    assert (facts.redis["default"].prefix if facts.redis else None) == prefix


def test_without_php_a_cached_configuration_leaves_everything_unknown(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.app / "bootstrap/cache").mkdir(parents=True)
    (setup.app / "bootstrap/cache/config.php").write_text("<?php return [];")
    found = setup.discovery()
    with pytest.raises(
        RemoteError, match="are unknown: there is no PHP on the host, and the configuration is cached"
    ) as caught:
        found.facts()
    assert "db.internal" not in str(caught.value)
    asked = len(setup.shell.scripts)
    with pytest.raises(RemoteError):
        found.facts()
    assert len(setup.shell.scripts) == asked, "a second source does not make the host boot PHP again at once"
    setup.clock.advance(6)
    (setup.app / "bootstrap/cache/config.php").unlink()
    assert found.facts().database.startswith("shop@db.internal")


def test_what_the_configuration_states_is_known_where_nothing_else_is(tmp_path: Path) -> None:
    overrides = {"database": {"driver": "mysql", "host": "db2", "database": "d2"}, "queues": {"database": {}}}
    setup = Setup(tmp_path, overrides=overrides)
    (setup.app / "bootstrap/cache").mkdir(parents=True)
    (setup.app / "bootstrap/cache/config.php").write_text("<?php return [];")
    facts = setup.discovery().facts()
    listed = {fact.name: (fact.value, fact.origin) for fact in fact_list(facts)}
    assert facts.sql_origin("mysql") is Origin.STATED and facts.sql["mysql"].address == "d2@db2:3306"
    assert listed["database"] == ("d2@db2:3306", Origin.DEFAULT), "its port is MySQL's own"
    assert listed["app_key"] == (None, Origin.UNKNOWN)
    assert listed["timezone"] == (None, Origin.UNKNOWN)
    assert listed["queues.database.retry_after"] == ("90", Origin.DEFAULT)
    assert facts.problem


def test_nothing_at_the_path_is_an_error_unless_the_configuration_states_the_rest(tmp_path: Path) -> None:
    setup = Setup(tmp_path, env=None)
    shutil.rmtree(setup.app)
    with pytest.raises(RemoteError, match="nothing was found at"):
        setup.discovery().facts()
    setup.environment = replace(
        setup.environment,
        overrides={"database": {"driver": "sqlite", "file": "/x.db", "via": "direct"}, "queues": {"database": {}}},
    )
    facts = setup.discovery().facts()
    assert facts.sql["sqlite"].via is Via.DIRECT
    assert (facts.queues[0].target, facts.failed_sql, facts.failed_driver) == ("sqlite", "sqlite", "database-uuids")


def test_env_values_are_read_on_demand(tmp_path: Path) -> None:
    found = Setup(tmp_path).discovery()
    assert found.env_value("REDIS_PASSWORD") == "re:dis@/pw"
    assert found.env_value("NOPE") == ""


def test_sections_cannot_be_faked_by_a_file(tmp_path: Path) -> None:
    setup = Setup(tmp_path, env=ENV + '\n@probe\nnonce probe\n{"sql": {}}\n')
    assert setup.discovery().facts().default_sql == "mysql"


def test_output_that_is_no_answer_is_told(tmp_path: Path) -> None:
    setup = Setup(tmp_path, env=None)
    setup.shell.answer = lambda _script: Completed(status=0, stdout=b"\xff\x00 banner", stderr=b"", seconds=0)
    with pytest.raises(RemoteError):
        setup.discovery().facts()


def test_nobody_waits_for_a_host_that_is_asked_again(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    found = setup.discovery()
    facts = found.facts()
    asked, go_on = threading.Event(), threading.Event()

    def slow(_script: str) -> Completed:
        asked.set()
        assert go_on.wait(10)
        raise UnreachableError("web1 went away")

    setup.shell.answer = slow
    setup.clock.advance(31)
    first = threading.Thread(target=found.facts)
    first.start()
    assert asked.wait(10)
    assert found.facts() == facts
    go_on.set()
    first.join()


def test_a_php_that_says_nothing_useful_leaves_the_env(tmp_path: Path) -> None:
    for answer in ("not json", "[1]", '{"error": "Boom"}'):
        setup = Setup(tmp_path)
        with_php(setup, {})
        (tmp_path / "answer.json").write_text(answer)
        assert setup.discovery().facts().database == "shop@db.internal:3306"


def test_a_state_directory_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    setup.state.write_text("a file where a directory should be")
    assert setup.discovery().facts().laravel == "11.2.0"
