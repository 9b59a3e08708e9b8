"""On what facts stand with real PHP and a real framework, and which identity a host may offer then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.config.load import load_config
from console.domain.environment import AppFacts, Environment
from console.domain.origins import Origin
from console.errors import RefusedError, RemoteError, UsageError
from console.ports import Reach
from console.services.target import identity
from console.services.threads.loop import SystemClock
from console.wiring.reach import open_reach
from tests.lab.spoiling import Spoil, before, cached, hidden_env, more_env, own_env, put, spoil
from tests.lab.world import Lab


class Hosts:
    """The world's hosts, asked by the console's own account."""

    def __init__(self, lab: Lab, tmp_path: Path) -> None:
        self.lab = lab
        self._path = tmp_path
        self._config = load_config(lab.write_config(tmp_path / "config"))
        self._opened: list[Reach] = []

    def environment(self, name: str = "lab", **app: Any) -> Environment:
        found = self._config.environment(name)
        return replace(found, app=replace(found.app, **app))

    def reach(self, environment: Environment | None = None, *, state: str = "state") -> Reach:
        made = open_reach(environment or self.environment(), clock=SystemClock(), state_dir=self._path / state)
        self._opened.append(made)
        return made

    def facts(self, **app: Any) -> AppFacts:
        return self.reach(self.environment(**app), state=f"fresh{len(self._opened)}").facts()

    def offered(self, **app: Any) -> str:
        environment = replace(self.environment("labprod", **app), identity=None)
        with pytest.raises(RefusedError) as caught:
            identity.prove_all(self.reach(environment))
        return str(caught.value)

    @property
    def place(self) -> str:
        return f"{self.lab.db.name}@{self.lab.db.host}:{self.lab.db.port}"

    def close(self) -> None:
        for reach in self._opened:
            reach.close()


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Iterator[Hosts]:
    found = Hosts(lab, tmp_path)
    yield found
    found.close()


@pytest.fixture
def spoiled(lab_alone: Lab, tmp_path: Path) -> Iterator[Hosts]:
    found = Hosts(lab_alone, tmp_path)
    yield found
    found.close()


def test_php_reads_what_the_framework_resolved(hosts: Hosts) -> None:
    facts = hosts.facts()
    assert facts.origins.whole is Origin.PHP and not facts.problem
    assert (facts.database, facts.database_origin) == (hosts.place, Origin.PHP)
    assert {queue.name: (queue.retry_after, queue.block_for) for queue in facts.queues} == {
        "database": (90, None),
        "redis": (90, None),
    }
    store = facts.caches[facts.cache_store]
    assert (store.driver, store.connection, store.prefix) == ("redis", "cache", "shop_cache:")
    assert facts.maintenance_driver == "file"
    assert f"database: '{hosts.place}'" in hosts.offered()


def test_a_cached_configuration_is_read_as_it_lies_there(spoiled: Hosts) -> None:
    without = (put("vendor/autoload.php", "<?php exit;"), put("bootstrap/app.php", "<?php exit;"))
    spoil(spoiled.lab, cached, *without)
    facts = spoiled.facts()
    assert (facts.database, facts.database_origin) == (spoiled.place, Origin.CACHE)
    assert facts.redis["default"].password.reveal() == spoiled.lab.redis.password
    assert f"database: '{spoiled.place}'" in spoiled.offered()


@pytest.mark.parametrize("spoils", [("hidden", hidden_env), ("php", put("bootstrap/cache/config.php", "<?php exit;"))])
def test_what_cannot_be_read_is_unknown(spoiled: Hosts, spoils: tuple[str, Spoil]) -> None:
    spoil(spoiled.lab, *((cached, spoils[1]) if spoils[0] == "php" else (spoils[1],)))
    reach = spoiled.reach()
    with pytest.raises(RemoteError, match="settings are unknown"):
        reach.facts()
    with pytest.raises(RemoteError):
        reach.sql("")
    if spoils[0] == "hidden":
        with pytest.raises(RemoteError, match="cannot be read by this account"):
            reach.secret("remote-env:DB_PASSWORD")
    assert "identity: {" not in spoiled.offered()


def test_without_php_a_cached_configuration_is_unknown(spoiled: Hosts) -> None:
    spoil(spoiled.lab, cached)
    with pytest.raises(RemoteError, match="no PHP on the host, and the configuration is cached"):
        spoiled.facts(php="no-such-php")
    refusal = spoiled.offered(php="no-such-php")
    assert "identity: {" not in refusal and "10.9.9.9" not in refusal


def test_without_an_env_the_defaults_are_named_and_not_used(spoiled: Hosts) -> None:
    spoil(spoiled.lab, own_env(""))
    reach = spoiled.reach()
    facts = reach.facts()
    assert facts.origins.whole is Origin.DEFAULT and facts.app_key_hash == ""
    assert "there is no .env" in facts.problem
    for ask in (lambda: reach.sql(""), lambda: reach.redis("default")):
        with pytest.raises(UsageError, match="nothing but Laravel's default says where"):
            ask()
    assert "identity: {" not in spoiled.offered()


@pytest.mark.parametrize(
    ("way", "why"),
    [
        (put("bootstrap/app.php", "<?php throw new RuntimeException('it fails on purpose');"), "it fails on purpose"),
        (put("bootstrap/app.php", "<?php exit('closed for today');"), "closed for today"),
        (put("config/queue.php", "<?php return ["), "ParseError"),
        (put("vendor/autoload.php", "<?php require 'nowhere.php';"), "nowhere.php"),
        (more_env("MAIL_PASSWORD=my own words\n"), "environment file is invalid"),
    ],
)
def test_an_application_that_cannot_boot_leaves_its_env(spoiled: Hosts, way: Spoil, why: str) -> None:
    spoil(spoiled.lab, way)
    facts = spoiled.facts()
    assert why in facts.problem and facts.unbooted
    assert "my own words" not in facts.problem
    assert (facts.database, facts.database_origin) == (spoiled.place, Origin.ENV)
    assert facts.origins.of("queues.redis.retry_after") is Origin.DEFAULT
    assert "identity: {" not in spoiled.offered()
    # What it is pinned as still proves it, or nobody could roll such a release back.
    identity.prove_all(spoiled.reach(spoiled.environment("labprod")))


def test_an_application_that_expects_artisans_streams_is_read(spoiled: Hosts) -> None:
    spoil(spoiled.lab, before("bootstrap/app.php", "fwrite(STDERR, 'noise'); fwrite(STDOUT, 'noise'); echo 'more';"))
    assert spoiled.facts().origins.whole is Origin.PHP


def test_what_was_read_before_says_so(spoiled: Hosts) -> None:
    before_it = spoiled.reach().facts()
    spoil(spoiled.lab, put("config/queue.php", "<?php return ["))
    facts = spoiled.reach().facts()
    assert facts.sql == before_it.sql and facts.database_origin is Origin.EARLIER
    assert "read before that" in facts.problem
    assert facts.redis["default"].password.reveal() == spoiled.lab.redis.password
