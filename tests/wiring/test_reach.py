"""The reach of a real environment: discovered on its host, read through its SSH connection and nothing else."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.clients import ssh_transport
from console.clients.ssh import SshShell
from console.config.load import load_config
from console.domain.environment import Environment, TransportKind
from console.domain.health import ProbeSpec
from console.errors import QueryError, UnreachableError, UsageError
from console.ports import Completed, Reach
from console.services.threads.loop import SystemClock
from console.wiring.reach import open_reach
from tests.lab.proxy import Proxy
from tests.lab.world import Lab
from tests.waiting import eventually, works


def remote_ports() -> set[int]:
    """The remote TCP ports this process is connected to."""
    inodes = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]]
    words = [line.split() for line in lines]
    return {int(each[2].rpartition(":")[2], 16) for each in words if each[9] in inodes}


def opened(lab: Lab, tmp_path: Path, **changes: Any) -> tuple[Environment, Reach]:
    configuration = tmp_path / "config"
    configuration.mkdir(exist_ok=True)
    config = load_config(lab.write_config(configuration))
    environment = replace(config.environment("lab"), **changes)
    return environment, open_reach(environment, clock=SystemClock(), state_dir=tmp_path / "state")


@pytest.fixture
def reach(lab: Lab, tmp_path: Path) -> Iterator[Reach]:
    _, made = opened(lab, tmp_path)
    yield made
    made.close()


def test_what_the_application_says_of_itself_is_found(reach: Reach, lab: Lab) -> None:
    facts = reach.facts()
    assert facts.laravel.startswith("8.83")
    assert facts.database == f"{lab.db.name}@{lab.db.host}:{lab.db.port}"
    assert facts.sql[facts.default_sql].password.reveal() == lab.db.password
    assert facts.redis["default"].password.reveal() == lab.redis.password
    assert facts.redis["default"].prefix == lab.redis.prefix
    assert {queue.driver for queue in facts.queues} == {"database", "redis"}
    assert reach.secret("remote-env:REDIS_PASSWORD").reveal() == lab.redis.password


def test_all_of_it_goes_through_the_system_s_ssh_where_that_is_stated(lab: Lab, tmp_path: Path) -> None:
    own = load_config(lab.write_config(tmp_path)).environment("lab").hosts
    hosts = tuple(replace(host, transport=TransportKind.OPENSSH) for host in own)
    _, made = opened(lab, tmp_path, hosts=hosts)
    try:
        assert made.sql("").query("SELECT count(*) FROM jobs")
        assert made.redis("default").pipeline([("SET", "big", b"x" * 300_000), ("GET", "big"), ("DEL", "big")])[1:] == [
            b"x" * 300_000,
            1,
        ]
        assert made.shell("web2").run("hostname").status == 0
        assert not remote_ports(), "nothing is dialled from this process"
    finally:
        made.close()


def test_everything_goes_through_ssh(reach: Reach, lab: Lab) -> None:
    assert reach.sql("").query("SELECT count(*) FROM jobs")
    assert reach.redis("default").pipeline([("PING",)]) == [b"PONG"]
    assert reach.shell("web2").run("hostname").status == 0
    reach.http().probe(ProbeSpec(name="up", url=f"{lab.node1.url}/up"))
    allowed = {lab.node1.ssh_port, lab.node2.ssh_port, lab.node1.web_port}
    assert lab.node1.ssh_port in remote_ports()
    assert remote_ports() <= allowed
    assert not remote_ports() & {lab.db.port, lab.redis.port}


def test_one_client_of_each_and_none_after_close(reach: Reach) -> None:
    assert reach.sql("") is reach.sql(reach.facts().default_sql)
    assert reach.redis("default") is reach.redis("")
    assert reach.shell("web1") is reach.shell("web1")
    session = reach.sql("")
    session.query("SELECT 1")
    reach.close()
    with pytest.raises(UnreachableError):
        session.query("SELECT 1")
    with pytest.raises(UnreachableError):
        reach.shell("web1")


def test_what_is_not_there_is_named(reach: Reach) -> None:
    with pytest.raises(UsageError, match="no host 'web9'"):
        reach.shell("web9")
    with pytest.raises(UsageError, match="database connection nope"):
        reach.sql("nope")
    with pytest.raises(UsageError, match="redis connection nope"):
        reach.redis("nope")


def test_a_remote_sqlite_is_not_readable_yet(lab: Lab, tmp_path: Path) -> None:
    overrides = {"database": {"driver": "sqlite", "file": "/srv/x.db"}}
    _, made = opened(lab, tmp_path, overrides=overrides)
    with pytest.raises(QueryError, match="cannot be read from here yet"):
        made.sql("")
    made.close()


def test_without_php_the_same_is_found_but_for_the_prefix(lab: Lab, tmp_path: Path) -> None:
    environment, made = opened(lab, tmp_path)
    made.close()
    found = []
    for php in ("no-such-php", "php"):
        blind = replace(environment, app=replace(environment.app, php=php))
        made = open_reach(blind, clock=SystemClock(), state_dir=tmp_path / php)
        found.append(made.facts())
        made.close()
    without, with_php = found
    assert without.database == with_php.database
    assert without.app_key_hash == with_php.app_key_hash
    assert without.default_queue == with_php.default_queue
    assert without.sql[without.default_sql] == with_php.sql[with_php.default_sql]


def test_the_second_start_asks_no_php(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, made = opened(lab, tmp_path)
    first = made.facts()
    made.close()
    again = open_reach(environment, clock=SystemClock(), state_dir=tmp_path / "state")
    scripts: list[str] = []
    run = SshShell.run

    def recorded(shell: SshShell, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        scripts.append(script)
        return run(shell, script, deadline=deadline, limit=limit)

    monkeypatch.setattr(SshShell, "run", recorded)
    assert again.facts() == first
    assert again.facts().redis["default"].password.reveal() == lab.redis.password
    assert len(scripts) == 1 and "<?php" not in scripts[0]
    again.close()


def until_it_works(ask: Callable[[], object], seconds: float) -> None:
    """Asks again, as a poller does, until an answer comes."""
    eventually(works(ask, UnreachableError), seconds, otherwise="it did not recover in time")


@pytest.mark.deadline
def test_a_silent_link_fails_every_reader_and_all_recover(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_transport, "BEAT", 0.2)
    monkeypatch.setattr(ssh_transport, "_TICK", 0.05)
    with Proxy((lab.node1.ip, lab.node1.ssh_port)) as proxy:
        config = load_config(lab.write_config(tmp_path, ports={1: proxy.port}))
        reach = open_reach(config.environment("lab"), clock=SystemClock(), state_dir=tmp_path / "state")
        session, redis, web2 = reach.sql(""), reach.redis("default"), reach.shell("web2")
        asks: list[Callable[[], object]] = [
            lambda: session.query("SELECT 1", deadline=2),
            lambda: redis.pipeline([("PING",)], deadline=2),
            lambda: reach.shell("web1").run("true", deadline=2),
        ]
        for ask in asks:
            ask()
        proxy.blackhole()
        begun = time.monotonic()
        for ask in asks:
            with pytest.raises(UnreachableError):
                ask()
        assert time.monotonic() - begun < 15
        assert web2.run("true").status == 0, "the other host is not concerned"
        assert reach.facts().laravel, "what is known stays known"
        proxy.forward()
        for ask in asks:
            until_it_works(ask, 15)
        proxy.reset()
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            while True:
                asks[1]()
                assert time.monotonic() - begun < 5
        for ask in asks:
            until_it_works(ask, 15)
        reach.close()


@pytest.mark.bench
def test_tunnelled_reads_take_a_round_trip(reach: Reach) -> None:
    session, redis = reach.sql(""), reach.redis("default")
    session.query("SELECT 1")
    redis.pipeline([("PING",)])
    asked: dict[str, Callable[[], object]] = {
        "sql": lambda: session.query("SELECT 1"),
        "redis": lambda: redis.pipeline([("LLEN", f"q{n}") for n in range(500)]),
    }
    for name, ask in asked.items():
        took = []
        for _ in range(100):
            begun = time.perf_counter()
            ask()
            took.append(time.perf_counter() - begun)
        print(f"{name} p50 {statistics.median(took) * 1000:.2f} ms")
        assert statistics.median(took) < 0.05
