"""The embedded world for somebody who has nothing but the package: numbers, deploys, rollbacks, failing gates."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from console.demo.announcement import joined
from console.errors import UsageError
from tests.demo.world import Called, DemoWorld, bare_path, environment_of, listening
from tests.waiting import eventually

# What a worker took before it was stopped still ends: only what nobody took can but grow.
BULK = "select count(*) from jobs where queue = 'bulk-actions' and reserved_at is null"
LISTENERS = 1 + 2 + 3
"""Redis, a web server an environment, and the SSH servers."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DemoWorld, Called]]:
    """A world, and how the call went that started it."""
    folder = tmp_path_factory.mktemp("demo")
    world = DemoWorld(folder / "world", bare_path(folder / "bin"))
    called = world.demo()
    assert called.code == 0, called.err
    world.hurry()
    with joined(world.root):
        yield world, called
    world.kill()


@pytest.fixture
def world(started: tuple[DemoWorld, Called]) -> DemoWorld:
    return started[0]


def run(world: DemoWorld, *words: str) -> Called:
    return world.on("run", *words, "--yes", "--json")


def outcome(called: Called) -> tuple[Any, int]:
    assert called.events, called.err
    return called.events[-1]["outcome"], called.code


def current(world: DemoWorld, host: str) -> str:
    return (world.root / "hosts" / host / "app" / "current").readlink().name


def version(world: DemoWorld, host: str) -> str:
    return (world.root / "hosts" / host / "app" / "current" / "VERSION").read_text().strip()


def test_headless_prints_two_environments_and_nothing_else(started: tuple[DemoWorld, Called]) -> None:
    called = started[1]
    assert [(entry["name"], entry["tier"]) for entry in called.json["environments"]] == [
        ("production", "protected"),
        ("staging", "normal"),
    ]
    for entry in called.json["environments"]:
        # Its hosts are this machine, which may be busy with something else: that is the one trouble there may be.
        busy = any(host["load"] > host["cores"] for host in entry["sources"]["hosts"]["value"]["hosts"])
        assert entry["status"] in (("ok", "warning") if busy else ("ok",))
        assert entry["release"] == "20261120083000"
        assert entry["health"]["ok"] == 4 and entry["failed"]["total"] >= 40
        assert all(source["error"] is None for source in entry["sources"].values())
    production = environment_of(called.json, "production")
    assert production["sources"]["workers"]["value"]["listens"] == {
        "redis": ["high", "default", "notifications"],
        "database": ["bulk-actions"],
    }
    assert (production["workers"]["running"], production["workers"]["expected"]) == (6, 6)
    assert set(production["sources"]) >= {"queues:redis", "queues:database", "failed", "workers", "releases", "hosts"}


def test_its_numbers_are_those_of_its_databases(world: DemoWorld) -> None:
    for host in ("web1", "web2"):
        assert world.tool(host, "supervisorctl", "stop", "all").code == 0
    try:
        eventually(lambda: world.sql("production", BULK)[0][0], 20)
        before, failed = world.ready("default"), world.sql("production", "select count(*) from failed_jobs")[0][0]
        bulk = world.sql("production", BULK)[0][0]
        told = world.on("status", "-e", "production", "--json")
        assert told.code == 0
        entry = environment_of(told.json, "production")
        assert failed <= entry["failed"]["total"] <= world.sql("production", "select count(*) from failed_jobs")[0][0]
        assert entry["workers"]["running"] == 0 and entry["workers"]["expected"] == 6
        queues = {
            (queue["connection"], queue["queue"]): queue["ready"]
            for name in ("queues:redis", "queues:database")
            for queue in entry["sources"][name]["value"]["queues"]
        }
        assert before <= queues["redis", "default"] <= world.ready("default")
        assert 0 < bulk <= queues["database", "bulk-actions"] <= world.sql("production", BULK)[0][0]
    finally:
        for host in ("web1", "web2"):
            world.tool(host, "supervisorctl", "start", "all")


def test_maintenance_mode_begins_and_ends(world: DemoWorld) -> None:
    def modes() -> list[bool]:
        return [host["maintenance"]["down"] for host in world.on("hosts", "-e", "staging", "--json").json["hosts"]]

    assert outcome(run(world, "maintenance", "-e", "staging", "--param", "do=down")) == ("ok", 0)
    assert all(modes())
    assert outcome(run(world, "maintenance", "-e", "staging", "--param", "do=up")) == ("ok", 0)
    assert not any(modes())


def test_deploy_failing_gate_and_rollback_by_the_command_line(world: DemoWorld) -> None:
    def staging() -> list[Called]:
        return [run(world, "deploy", "-e", "staging"), run(world, "rollback", "-e", "staging")]

    def production() -> list[Called]:
        sure = ("-e", "production", "--confirm", "production")
        return [run(world, action, *sure) for action in ("deploy-broken", "deploy", "rollback")]

    old = current(world, "web1")
    with ThreadPoolExecutor(2) as both:
        calm, rough = both.submit(staging), both.submit(production)
        deployed, back = calm.result()
        broken, refused, mended = rough.result()
    assert outcome(deployed) == ("ok", 0), deployed.out
    migrations = [row[0] for row in world.sql("staging", "select migration from migrations")]
    assert "2026_11_20_104512_add_index_to_orders" in migrations
    assert outcome(back) == ("ok", 0), back.out
    assert version(world, "stage1") == "1.9.0"
    assert outcome(broken) == ("failed", 1)
    assert "three bad samples in a row of /health" in broken.events[-1]["detail"]
    assert broken.events[-1]["offers"] == ["rollback"] and "opsconsole run rollback" in broken.err
    assert refused.code == 7 and "no such column" in refused.err, "a deploy on failing probes is refused"
    assert outcome(mended) == ("ok", 0), mended.out
    for host in ("web1", "web2"):
        assert current(world, host) == old
        bad = list((world.root / "hosts" / host / "app" / "releases").glob("*/BAD_RELEASE"))
        assert [(file.parent / "VERSION").read_text().strip() for file in bad] == ["2.1.0"]
    assert world.on("health", "-e", "production", "--fail-on", "warning").code == 0
    assert world.on("audit", "verify").code == 0


def test_retry_forget_and_cleanup(world: DemoWorld) -> None:
    rows = world.sql("staging", "select uuid from failed_jobs order by id limit 3")
    (first,), (second,), (third,) = rows
    # Nobody works, so that nothing retried can fail again meanwhile.
    assert world.tool("stage1", "supervisorctl", "stop", "all").code == 0
    with ThreadPoolExecutor(2) as both:
        calls = [
            both.submit(world.on, "failed", verb, "-e", "staging", uuid, "--yes")
            for verb, uuid in (("retry", first), ("forget", second))
        ]
    assert [call.result().code for call in calls] == [0, 0]
    left = {row[0] for row in world.sql("staging", "select uuid from failed_jobs")}
    assert first not in left and second not in left and third in left
    cleaned = run(world, "cleanup", "-e", "staging", "--param", "hours=1")
    assert outcome(cleaned) == ("ok", 0)
    assert third not in {row[0] for row in world.sql("staging", "select uuid from failed_jobs")}
    assert world.tool("stage1", "supervisorctl", "start", "all").code == 0


def test_it_listens_on_loopback_only(world: DemoWorld) -> None:
    found = listening(world.said.pid)
    assert set(found.values()) == {"0100007F"}
    assert set(found) == set(world.ports.values()) and len(found) == LISTENERS


def test_what_it_writes_is_its_owners_alone(world: DemoWorld) -> None:
    own = [world.root, *world.root.rglob("*")]
    # What a deploy brought is as open as a web server needs it, below a directory that lets nobody in.
    mine = [path for path in own if "releases" not in path.parts and ".opsconsole" not in path.parts]
    assert len(mine) > 40
    loose = [str(path) for path in mine if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert loose == []
    assert stat.S_IMODE((world.root / "ssh" / "id").stat().st_mode) == 0o600


def test_its_actions_stand_beside_its_configuration(world: DemoWorld) -> None:
    checked = world.on("config", "check")
    assert checked.code == 0 and "deploy-broken" in checked.out
    folder = world.root / "config" / "actions"
    assert "15 s" in (folder / "deploy.yaml").read_text() and "15 s" in (folder / "rollback.yaml").read_text()
    plan = world.on("plan", "deploy-broken", "-e", "staging", "--json").json
    assert "app-broken.tar.gz" in plan["steps"][0]["text"]
    relative = world.on("plan", "deploy-broken", "-e", "staging", "--param", "archive=app.tar.gz")
    assert relative.code == 2 and "absolute" in relative.err


def test_its_supervisorctl_says_what_the_real_one_does(world: DemoWorld) -> None:
    assert world.tool("stage1", "supervisorctl", "pid").out.strip() == str(world.said.pid)
    assert world.tool("stage1", "supervisorctl", "status", "nothing").code == 4
    stopped = world.tool("stage1", "supervisorctl", "stop", "bulk-worker:*")
    assert stopped.out == "bulk-worker:bulk-worker_00: stopped\n"
    assert world.tool("stage1", "supervisorctl", "status").code == 3
    assert world.tool("stage1", "supervisorctl", "restart", "bulk-worker:*").out.endswith(": started\n")
    assert world.tool("stage1", "supervisorctl", "status").code == 0
    assert "no such process" in world.tool("stage1", "supervisorctl", "status", "nothing").out


def test_values_with_line_breaks_come_back_whole(world: DemoWorld) -> None:
    text = b"one\r\ntwo\nthree"
    with redis.Redis(port=world.ports["redis"], db=9, protocol=2) as client:
        client.set("text", text)
        client.rpush("list", text)
        assert client.get("text") == text
        assert client.lrange("list", 0, -1) == [text] and client.lpop("list") == text


def test_no_process_of_it_has_a_terminal_or_the_callers_session(world: DemoWorld) -> None:
    assert os.getsid(world.said.pid) == world.said.pid != os.getsid(0)


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    tmp_path.chmod(0o755)
    called = DemoWorld(tmp_path, Path("/usr/bin")).demo()
    assert called.code == 2 and "holds something else" in called.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_world_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "fakeredis.py").write_text("raise RuntimeError('no memory for this')\n")
    world = DemoWorld(tmp_path / "world", Path("/usr/bin"))
    called = world.demo(PYTHONPATH=str(tmp_path))
    assert called.code == 1 and called.out == ""
    assert "did not start" in called.err and "no memory for this" in called.err and "world.log" in called.err


def test_without_its_package_it_names_the_line_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.demo.announcement.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'opsconsole\[demo\]'") as refused, joined(tmp_path / "world"):
        pytest.fail("nothing is started")
    assert refused.value.exit_code == 2
    assert not (tmp_path / "world").exists()
