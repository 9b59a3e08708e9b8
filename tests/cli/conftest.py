"""What tests of the reading commands share: one configuration, and fake clients that a test can break."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.domain.environment import QueueConnection
from tests.fakes import FakeHttp, FakeKeyValue, FakeReach, FakeShell, FakeSql
from tests.fakes.shell import completed
from tests.services.failed_jobs.test_table import add
from tests.sources.support import database, sqlite_facts
from tests.sources.test_redis_queues import fill
from tests.sources.test_sql_queues import job
from tests.sources.test_workers import STATUS

CONFIG = """\
environments:
  lab:
    tier: normal
    url: http://app.test
    app: {path: /srv/app}
    hosts:
      web1: {ssh: web1, roles: [web, worker, primary]}
      web2: {ssh: web2, roles: [web, worker]}
    health: [/up, /health]
    workers: {supervisor: [laravel-worker, laravel-redis-worker]}
  bare:
    tier: protected
    url: http://bare.test
    app: {path: /srv/app}
    hosts: {one: {ssh: one}}
"""
HOST = b"clock 1767323045\nload 0.5 0 0 1/2 3\ncores 2\nuptime 9.0 9.0\nmem MemTotal: 100 kB\nmem MemAvailable: 50 kB\n"


def answer(script: str) -> Any:
    if "supervisorctl" in script:
        return completed(looked(script, "php", "/srv/app/current/artisan", "queue:work", "redis", "--queue=idle"))
    if "/proc/loadavg" in script:
        return HOST
    if "framework/down" in script:
        return b"clock 1767323045\nup\n"
    return b"there\0current\t1\t/app/releases\t/app/releases/2\treleases/2\0release\t1\t0\tabc\0release\t2\t0\tdef\0"


def looked(script: str, *argv: str) -> str:
    """The answer to a look at a host's processes: one of them, and what supervisord says."""
    nonce = re.findall(r"nonce='?(\w+)", script)[0]
    printed = "".join(f"{word}\n" for word in argv)
    lines = ["answered", *(f"status {line}" for line in STATUS.splitlines()), "end"]
    marked = "".join(f"{nonce} {line}\n" for line in lines)
    return f"{nonce} process 9 1 5 33\n{nonce} arguments\n{printed}\n{marked}"


class World:
    """One reach whose parts a test can break, opened for any environment."""

    def __init__(self, connection: Any) -> None:

        self.store = FakeKeyValue()
        self.connection = connection
        self.sql = FakeSql.on(connection)
        self.http = FakeHttp()
        self.shells = {name: FakeShell(name, answer) for name in ("web1", "web2", "one")}
        self.facts = sqlite_facts(
            queues=(
                QueueConnection(name="database", driver="database", target="sqlite"),
                QueueConnection(name="redis", driver="redis", target="default"),
            ),
        )
        self.facts_error: Exception | None = None
        self.closed = 0

    def open(self, environment: Any, **_: Any) -> FakeReach:
        reach = _CountedReach(
            self,
            environment,
            facts=self.facts,
            shells=self.shells,
            sql={"sqlite": self.sql},
            redis={"default": self.store},
            http=self.http,
        )
        reach.facts_error = self.facts_error
        return reach


class _CountedReach(FakeReach):
    def __init__(self, world: World, environment: Any, **clients: Any) -> None:
        super().__init__(environment, **clients)
        self.world = world

    def close(self) -> None:
        self.world.closed += 1
        super().close()


Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    config = tmp_path / "opsconsole.yaml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    monkeypatch.setenv("OPSCONSOLE_CONFIG", str(config))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    with database() as connection:
        made = World(connection)
        for number in (1, 2):
            add(connection, number)
        job(connection, "default", -30)
        job(connection, "default", -500, -300)
        fill(made.store, "mail", ready=4, delayed=1)
        monkeypatch.setattr("console.wiring.reach.open_reach", made.open)
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> tuple[int, Any]:
        code = main.run(argv)
        streams = capsys.readouterr()
        if "--json" in argv:
            return code, json.loads(streams.out or streams.err)
        return code, streams.out + streams.err

    return call
