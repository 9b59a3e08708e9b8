"""Finding out about an application: through PHP where there is some, from its `.env` where there is none."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.domain.documents import Json
from console.domain.environment import AppFacts, AppSpec, Environment, Host, Layout, SshTarget, Tier, Via
from console.domain.redact import Secret
from console.errors import QueryError, RemoteError, UnreachableError, UsageError
from console.ports import Completed, Shell
from console.services.discovery import Discovery, missing_connection, unreadable_sqlite
from console.services.discovery_env import document_of
from console.services.discovery_facts import facts_of, without_secrets
from console.services.discovery_overrides import overridden
from tests.fakes.clock import FakeClock
from tests.fakes.shell import FakeShell

ENV = """APP_NAME="My Shop"
APP_ENV=production
APP_KEY=base64:abc=
DB_CONNECTION=mysql
DB_HOST=db.internal
DB_DATABASE=shop
DB_USERNAME=shop
DB_PASSWORD='p#ss$word'
REDIS_HOST=10.0.0.9
REDIS_PASSWORD="re:dis@/pw"
QUEUE_CONNECTION=redis
CACHE_DRIVER=redis
"""


def environment(base: Path | str, **changes: Any) -> Environment:
    made = Environment(
        name="shop",
        tier=Tier.NORMAL,
        url="http://x",
        app=AppSpec(path=str(base), layout=Layout.IN_PLACE, php="no-such-php"),
        hosts=(Host(name="web1", ssh=SshTarget(alias="web1")),),
    )
    return replace(made, **changes)


def resolve(reference: str) -> Secret:
    return Secret(f"<{reference}>")


class Setup:
    """A discovery on a directory of this machine, through a real `sh`."""

    def __init__(self, tmp_path: Path, env: str | None = ENV, **changes: Any) -> None:
        self.app = tmp_path / "app"
        self.state = tmp_path / "state"
        self.app.mkdir(exist_ok=True)
        if env is not None:
            (self.app / ".env").write_text(env)
        self.shell = FakeShell()
        self.clock = FakeClock()
        self.environment = environment(self.app, **changes)

    def discovery(self) -> Discovery:
        return Discovery(self.environment, self._shell, clock=self.clock, state_dir=self.state, resolve=resolve)

    def _shell(self) -> Shell:
        return self.shell


def with_php(setup: Setup, document: dict[str, Json]) -> None:
    """Puts a `php` beside the application that answers like the probe."""
    php = setup.app.parent / "php"
    answer = setup.app.parent / "answer.json"
    answer.write_text(json.dumps(document))
    php.write_text(
        f"#!/bin/sh\ncat > {php}.program\necho x >> {php}.calls\n"
        f'printf "\\n%s probe\\n" "$OPSCONSOLE_NONCE"; cat {answer}\n'
    )
    php.chmod(0o755)
    setup.environment = replace(setup.environment, app=replace(setup.environment.app, php=str(php)))


DOCUMENT: dict[str, Json] = {
    "laravel": "11.2.0",
    "app_env": "production",
    "app_key": "0123456789ab",
    "timezone": "Europe/Paris",
    "sql": {
        "mysql": {
            "driver": "mariadb",
            "host": "db",
            "port": 3307,
            "database": "shop",
            "user": "u",
            "password": "p#ss$word",
        },
        "local": {"driver": "sqlite", "database": "/srv/db.sqlite"},
    },
    "default_sql": "mysql",
    "redis": {"default": {"host": "r", "port": 6380, "database": 2, "password": "re:dis@/pw", "prefix": "shop_"}},
    "queues": {
        "database": {"driver": "database", "target": "mysql", "table": "jobs", "queue": "default", "retry_after": 60},
        "redis": {"driver": "redis", "target": "default", "queue": "high", "retry_after": 120},
    },
    "default_queue": "redis",
    "failed": {"driver": "database-uuids", "database": "mysql", "table": "failed_jobs"},
    "batching": {"database": "mysql", "table": "job_batches"},
    "cache_store": "redis",
    "cache_redis": "cache",
}


def calls(setup: Setup) -> int:
    path = setup.app.parent / "php.calls"
    return path.read_text().count("x") if path.exists() else 0


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

    (stored,) = (setup.state / "discovery").iterdir()
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
    setup.clock.advance(31)
    found.facts()
    assert calls(setup) == 3
    assert setup.discovery().facts() == found.facts()
    assert calls(setup) == 3


def test_a_password_that_is_in_no_env_is_never_stored_and_asked_for_each_time(tmp_path: Path) -> None:
    setup = Setup(tmp_path, env="APP_ENV=production\n")
    with_php(setup, DOCUMENT)
    assert setup.discovery().facts().sql["mysql"].password.reveal() == "p#ss$word"
    assert not (setup.state / "discovery").exists()
    setup.discovery().facts()
    assert calls(setup) == 2


def test_a_memory_that_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    with_php(setup, DOCUMENT)
    setup.discovery().facts()
    (stored,) = (setup.state / "discovery").iterdir()
    stored.chmod(0o660)
    setup.discovery().facts()
    assert calls(setup) == 2
    (stored,) = (setup.state / "discovery").iterdir()
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
    assert setup.discovery().facts() == facts
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
    assert facts.app_key_hash == "b01d83d4f7b3" or len(facts.app_key_hash) == 12


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
    facts = facts_of(document_of({"APP_NAME": name}, hints), {})
    assert (facts.redis["default"].prefix if facts.redis else None) == prefix


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


# --- overrides -------------------------------------------------------------------------------------------------------


def base_facts() -> AppFacts:
    return facts_of(DOCUMENT, {})


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
    kept = without_secrets(DOCUMENT, {"OTHER": "p#ss$word", "DB_PASSWORD": "p#ss$word", "R": "re:dis@/pw"})
    assert kept is not None
    assert _at(kept, "sql", "mysql", "password_key") == "DB_PASSWORD"
    assert _at(kept, "redis", "default", "password_key") == "R"
    assert without_secrets(DOCUMENT, {}) is None


def test_a_remote_sqlite_is_said_to_be_unreadable() -> None:
    error = unreadable_sqlite(environment("/x"), "sqlite", "/srv/db\x1b.sqlite")
    assert isinstance(error, QueryError)
    assert "\x1b" not in str(error)
