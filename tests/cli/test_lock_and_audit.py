"""`opsconsole lock` and `opsconsole audit` as they are called, over a local shell."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.cli import lock as lock_command
from console.cli import main
from console.domain.environment import AppFacts, AppSpec, Environment, Host, SshTarget, Tier
from console.domain.policy import Operator
from console.errors import RemoteError, UnreachableError
from console.services.records.audit import Audit
from console.services.target.lock import EnvironmentLock, holder_of, new_token
from console.services.target.remote_step import RemoteStep, Start, StartProof, parse_start, start_text
from console.services.threads.loop import SystemClock
from console.store.audit import AuditRows
from console.store.database import open_database
from tests.fakes.shell import FakeShell
from tests.fakes.stepping import SteppingClock

BOB = Operator(uid=1001, login="bob", host="laptop", origin="10.0.0.9")


class World:
    """A configuration with a normal and a protected environment, whose only host is this machine's shell."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state = directory / "state"
        self.shell = FakeShell()
        self.capsys = capsys
        for name in ("shop", "prod"):
            (directory / name).mkdir()
        self.config = directory / "opsconsole.yaml"
        self.config.write_text(
            "state: {path: state}\n"
            "environments:\n"
            + "".join(
                f"  {name}:\n    tier: {tier}\n    url: http://shop.example\n"
                f"    app: {{path: {directory / name}, layout: releases}}\n    hosts: {{web1: {{ssh: web1}}}}\n"
                for name, tier in (("shop", "normal"), ("prod", "protected"))
            )
        )
        self.config.chmod(0o600)
        self.directory = directory

    def call(self, *arguments: str) -> tuple[int, str, str]:
        code = main.run([*arguments, "--config", str(self.config)])
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def document(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, out, _ = self.call(*arguments, "--json")
        return code, json.loads(out)

    def lock(self, name: str = "shop") -> EnvironmentLock:
        environment = Environment(
            name=name,
            tier=Tier.NORMAL,
            url="",
            app=AppSpec(path=str(self.directory / name)),
            hosts=(Host(name="web1", ssh=SshTarget(alias="web1")),),
        )
        return EnvironmentLock(FakeShell(), environment, SystemClock())

    def held(self, name: str = "shop") -> str:
        token = new_token()
        since = datetime(2026, 1, 2, tzinfo=UTC)
        self.lock(name).take(holder_of(BOB, token=token, why="deploy\x1b[2J", at=since, run=5))
        return token

    def audited(self, *actions: str, environment: str = "shop") -> None:
        database = open_database(self.state)
        for action in actions:
            Audit(AuditRows(database), BOB, SystemClock(), syslog=Path("/nonexistent")).write(
                action, environment=environment, command=f"echo {action}", result="ok", exit_status=0, run=3
            )
        database.close()

    def refusals(self) -> list[tuple[str, str, int]]:
        """What the audit says was refused: the action, the environment and the exit code."""
        _, document = self.document("audit", "show")
        return [
            (entry["action"], entry["environment"], entry["exit_status"])
            for entry in document["entries"]
            if entry["result"] == "refused"
        ]

    def witnessed(self, name: str = "shop") -> None:
        database = open_database(self.state)
        control = self.directory / name / ".opsconsole"
        control.mkdir(exist_ok=True)
        assert Audit(AuditRows(database), BOB, SystemClock()).witness(FakeShell(), str(control))
        database.close()


class ReachOf:
    def __init__(self, environment: Environment, shell: FakeShell) -> None:
        self.environment = environment
        self._shell = shell

    def shell(self, _host: str) -> FakeShell:
        return self._shell

    def facts(self) -> AppFacts:
        raise RemoteError("there is no application here")

    def close(self) -> None:
        self._shell.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> World:
    world = World(tmp_path, capsys)
    monkeypatch.setattr("console.wiring.reach.open_reach", lambda environment, **_: ReachOf(environment, world.shell))
    monkeypatch.setattr(lock_command, "SystemClock", SteppingClock)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return world


def test_status_of_a_free_and_of_a_held_lock(world: World) -> None:
    assert world.call("lock", "status", "-e", "shop") == (0, "shop: free\n", "")
    world.held()
    code, out, _ = world.call("lock", "status", "-e", "shop")
    assert code == 0
    assert "held by bob from 10.0.0.9 since 2026-01-02 00:00:00 UTC: deploy" in out
    assert "\x1b" not in out
    code, document = world.document("lock", "status", "-e", "shop")
    assert (code, document["state"], document["host"], document["stale"]) == (0, "held", "web1", None)
    holder = document["holder"]
    assert (holder["who"], holder["run"], holder["since"]) == ("bob", 5, "2026-01-02T00:00:00.000Z")
    assert "token" not in json.dumps(document)


def test_watching_tells_a_dead_holder_from_a_living_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.held()
    assert world.document("lock", "status", "-e", "shop", "--watch")[1]["stale"] is True
    lock = world.lock()
    monkeypatch.setattr(lock_command, "SystemClock", lambda: SteppingClock(lambda _: lock.beat(token)))
    code, out, _ = world.call("lock", "status", "-e", "shop", "--watch")
    assert code == 0
    assert "its holder is alive" in out


def test_a_dead_holders_lock_is_released_with_a_reason_and_audited(world: World) -> None:
    world.held()
    code, out, err = world.call("lock", "release", "-e", "shop", "--reason", "laptop died", "--yes")
    assert code == 0, err
    assert "released; it was held by bob" in out
    assert world.call("lock", "status", "-e", "shop")[1] == "shop: free\n"
    _, document = world.document("audit", "show", "-e", "shop")
    entries = [(entry["action"], entry["result"], "laptop died" in entry["detail"]) for entry in document["entries"]]
    assert entries == [("lock.steal", "intent", True), ("lock.steal", "ok", True)]
    # The target was told the audit's head.
    assert world.document("audit", "verify", "-e", "shop")[1]["witnessed"] == 2


def test_a_living_holders_lock_is_never_released(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.held()
    lock = world.lock()
    monkeypatch.setattr(lock_command, "SystemClock", lambda: SteppingClock(lambda _: lock.beat(token)))
    code, _, err = world.call("lock", "release", "-e", "shop", "--reason", "impatient", "--yes")
    assert code == 5
    assert "its holder is alive" in err
    assert "runs abort 5" in err
    assert world.refusals() == [("lock.release", "shop", 5)]
    assert "held by bob" in world.call("lock", "status", "-e", "shop")[1]


@pytest.mark.parametrize(
    ("name", "options", "code", "says"),
    [
        ("shop", ["--yes"], 2, "--reason"),
        ("shop", ["--reason", "dead"], 7, "add --yes"),
        ("prod", ["--reason", "dead", "--yes"], 7, "add --confirm prod"),
        ("prod", ["--reason", "dead", "--confirm", "shop"], 7, "add --confirm prod"),
        ("nosuch", ["--reason", "dead"], 2, "nosuch"),
    ],
)
def test_without_what_it_needs_nothing_is_released(
    world: World, name: str, options: list[str], code: int, says: str
) -> None:
    for environment in ("shop", "prod"):
        world.held(environment)
    got, out, err = world.call("lock", "release", "-e", name, *options)
    assert got == code
    assert out == ""
    assert says in err
    for environment in ("shop", "prod"):
        assert "held by bob" in world.call("lock", "status", "-e", environment)[1]
    # What is refused is audited; a wrong call is only told.
    assert world.refusals() == ([("lock.release", name, 7)] if code == 7 else [])


def test_a_protected_environment_is_confirmed_by_its_name(world: World) -> None:
    world.held("prod")
    code, document = world.document("lock", "release", "-e", "prod", "--reason", "dead", "--confirm", "prod")
    assert (code, document["released"], document["was"]["holder"]["who"]) == (0, True, "bob")


def test_releasing_a_free_lock_is_no_error_and_deployers_is_left_alone(world: World) -> None:
    code, document = world.document("lock", "release", "-e", "shop")
    assert (code, document["released"]) == (0, False)
    (world.directory / "shop" / ".dep").mkdir()
    (world.directory / "shop" / ".dep" / "deploy.lock").write_text("carol")
    code, _, err = world.call("lock", "release", "-e", "shop", "--reason", "dead", "--yes")
    assert code == 5
    assert "dep deploy:unlock" in err
    assert (world.directory / "shop" / ".dep" / "deploy.lock").exists()


def living(world: World, name: str, script: str = "sleep 150") -> RemoteStep:
    """A step of run 5 that runs on the environment's host, under the token that holds its lock."""
    token = world.held(name)
    control = world.directory / name / ".opsconsole"
    (control / "fence").write_text(f"{token} 1\n")
    step = RemoteStep(control=str(control), run="5-0a1b2c3d", step="migrate")
    started = parse_start(world.shell.run(start_text(step, script, proof=StartProof(token=token, locks=True))))
    assert started.start is Start.STARTED
    return step


def test_a_lock_whose_step_lives_is_released_only_after_it_was_ended(world: World) -> None:
    step = living(world, "shop")
    code, out, err = world.call("lock", "release", "-e", "shop", "--reason", "dead", "--yes")
    assert (code, out) == (5, "")
    assert "web1: step migrate of run 5-0a1b2c3d is running, for " in err
    assert "--end-steps" in err
    assert "held by bob" in world.call("lock", "status", "-e", "shop")[1]
    code, document = world.document("lock", "release", "-e", "shop", "--reason", "dead", "--yes", "--end-steps")
    assert (code, document["released"], document["unasked_hosts"]) == (0, True, [])
    (ended,) = document["ended_steps"]
    assert (ended["host"], ended["run"], ended["step"]) == ("web1", "5-0a1b2c3d", "migrate")
    assert ended["detail"] == "was ended, exit status 143"
    assert (Path(step.directory) / "rc").read_text().startswith("143 abort ")


def test_a_free_lock_with_a_living_step_is_told_and_cleared(world: World) -> None:
    living(world, "shop")
    holder = world.lock().status().holder
    assert holder is not None and world.lock().release(holder.token)
    code, _, err = world.call("lock", "release", "-e", "shop")
    assert code == 5
    assert "the lock is free" in err
    code, _, err = world.call("lock", "release", "-e", "shop", "--end-steps", "--yes")
    assert (code, "--reason" in err) == (2, True)
    code, out, _ = world.call("lock", "release", "-e", "shop", "--end-steps", "--yes", "--reason", "left over")
    assert code == 0
    assert "step migrate of run 5-0a1b2c3d is running, for " in out
    assert "it was ended, exit status 143" in out
    assert world.call("lock", "status", "-e", "shop")[1] == "shop: free\n"


def test_a_plan_is_refused_beside_a_living_step(world: World) -> None:
    (world.directory / "actions").mkdir()
    action = world.directory / "actions" / "touch.yaml"
    action.write_text("title: Touch\nsteps:\n- {name: one, shell: {script: 'true', in: base}}\n")
    action.chmod(0o600)
    living(world, "shop")
    code, out, err = world.call("plan", "touch", "-e", "shop")
    assert (code, out) == (5, "")
    assert "web1: step migrate of run 5-0a1b2c3d is running, for " in err
    assert "Nothing was planned." in err
    world.call("lock", "release", "-e", "shop", "--end-steps", "--yes", "--reason", "left over")
    assert world.call("plan", "touch", "-e", "shop")[0] == 0


def test_the_audit_is_shown_newest_last_for_people_and_as_json(world: World) -> None:
    world.audited("deploy", "rollback")
    world.audited("cleanup", environment="prod")
    code, out, _ = world.call("audit", "show")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[3] for line in lines[1:]] == ["deploy", "rollback", "cleanup"]
    assert "bob@10.0.0.9" in lines[1]
    _, document = world.document("audit", "show", "-e", "shop", "--limit", "1")
    assert [entry["action"] for entry in document["entries"]] == ["rollback"]
    assert (document["is_complete"], document["bound"]) == (False, "the newest 1; older ones are left out")
    assert world.document("audit", "show")[1]["is_complete"]
    assert "older ones are left out" in world.call("audit", "show", "--limit", "2")[2]
    assert document["entries"][0]["command"] == "echo rollback"


def test_a_sound_chain_ends_with_0_and_says_what_nobody_witnessed(world: World, tmp_path: Path) -> None:
    world.audited("one", "two")
    world.witnessed()
    world.audited("three")
    code, out, _ = world.call("audit", "verify")
    assert code == 0
    assert "3 entries: sound" in out
    assert "unwitnessed since" in out
    code, document = world.document("audit", "verify", "-e", "shop")
    assert (code, document["sound"], document["witnessed"]) == (0, True, 2)
    head = document["head"]
    chain = (world.directory / "shop" / ".opsconsole" / "audit.head").read_text().split()[0]
    report = tmp_path / "report"
    report.write_text(f"Report of run 5\naudit.head {chain} 3 {head}\n")
    code, document = world.document("audit", "verify", "--witness", str(report))
    assert (code, document["witnessed"], document["unwitnessed_since"]) == (0, 3, None)


def test_a_tampered_chain_ends_with_1_and_names_the_entry(world: World) -> None:
    world.audited("one", "two", "three")
    world.witnessed()
    with sqlite3.connect(world.state / "state.db") as connection:
        connection.execute("update audit set body = replace(body, 'echo two', 'echo 2') where seq = 2")
    connection.close()
    code, out, _ = world.call("audit", "verify")
    assert code == 1
    assert "entry 2 was changed" in out


def test_a_cut_tail_with_a_mended_head_is_found_by_the_target_only(world: World) -> None:
    world.audited("one", "two", "three")
    world.witnessed()
    with sqlite3.connect(world.state / "state.db") as connection:
        connection.execute("delete from audit where seq = 3")
        connection.execute(
            "update meta set value = (select seq || ' ' || hash from audit where seq = 2) where name = 'audit.head'"
        )
    connection.close()
    assert world.call("audit", "verify")[0] == 0
    code, document = world.document("audit", "verify", "-e", "shop")
    assert code == 1
    assert document["problems"] == ["entry 3 is gone (web1: audit.head)"]


def test_a_target_that_cannot_be_asked_makes_the_answer_partial(world: World) -> None:
    world.audited("one")
    world.shell.down = True
    with pytest.raises(UnreachableError):
        world.shell.connect()
    code, out, err = world.call("audit", "verify", "-e", "shop")
    assert code == 3
    assert "1 entries: sound" in out
    assert "could not be asked" in err
