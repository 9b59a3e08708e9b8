"""Maintenance mode of the real framework: begun and ended by the shipped action, and whatever ends a run inside it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Command, Ended
from tests.end_to_end.conftest import quick
from tests.lab.processes import end
from tests.lab.values import FIRST_RELEASE, Node
from tests.lab.world import Lab
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)

INSIDE = """title: Inside
params:
  fail: {{type: int, default: 0}}
steps:
  - {{name: down, artisan: [down, "--retry=30"], on: all, effect: idempotent{abort}}}
  - {{name: work, shell: {{script: "{work}", in: base}}, on: primary, timeout: 2m}}
  - {{name: up, artisan: [up], on: all, effect: idempotent}}
"""
GATE = "gate: {probes: all, for: 2s, every: 500ms, on_failure: rollback}\n"
WAITING = "while [ ! -e go ]; do sleep 0.1; done"
STILL = "the site is still in maintenance mode on web1, web2 (step down); "


@pytest.fixture
def fresh(lab_alone: Lab) -> Iterator[Lab]:
    lab_alone.heal()
    yield lab_alone
    for node in lab_alone.nodes:
        lab_alone.artisan(node, "up", check=False)


@pytest.fixture
def inside(fresh: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command with actions that work, fail, or wait between `down` and `up`."""
    actions = {
        "fails": INSIDE.format(work="exit 3", abort=""),
        "mends": INSIDE.format(work="exit 3", abort="") + GATE,
        "waits": INSIDE.format(work=WAITING, abort=""),
        "heeds": INSIDE.format(work=WAITING, abort=", on_abort: up"),
        "rollback": quick("rollback"),
    }
    health = [{"name": "up", "url": "/up"}]
    config = fresh.write_config(tmp_path / "config", actions=actions, health=health)
    command = Command(config, tmp_path / "home", mark=fresh.world.root)
    yield command
    end(command.runners())
    for node in fresh.nodes:
        Path(node.path, "go").unlink(missing_ok=True)


def answer(node: Node) -> int:
    """What a visitor gets."""
    try:
        with urllib.request.urlopen(f"{node.url}/", timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def visitors(lab: Lab) -> list[int]:
    return [answer(node) for node in lab.nodes]


def last(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = ended.events[-1]
    assert found["kind"] == "run_finished", ended.out[-1500:] + ended.err
    return found


def modes(command: Command) -> list[bool]:
    return [host["maintenance"]["down"] for host in command.read("hosts")["hosts"]]


def test_the_shipped_action_turns_visitors_away_and_lets_them_in(fresh: Lab, console: Command) -> None:
    done = console("run", "maintenance", "-e", "lab", "--param", "do=down", "--param", "retry=60", "--yes")
    assert done.code == 0, done.out + done.err
    assert visitors(fresh) == [503, 503]
    told = console.read("hosts")["hosts"]
    assert [(host["maintenance"]["down"], host["maintenance"]["retry_after"]) for host in told] == [(True, 60)] * 2
    assert 0 <= told[0]["maintenance"]["seconds"] < 60
    page = console("status", "-e", "lab")
    assert "maintenance      web1, web2 down for" in page.out and "! web1 in maintenance mode" in page.out
    assert "maintenance mode: web1, web2 down for" in console("health", "-e", "lab").err
    again = console("plan", "maintenance", "-e", "lab", "--param", "do=up")
    assert "in maintenance mode for" in again.out and "The step maintenance ends it." in again.out
    assert console("run", "maintenance", "-e", "lab", "--param", "do=up", "--yes").code == 0
    assert visitors(fresh) == [200, 200] and modes(console) == [False, False]


def test_a_step_that_fails_inside_it_is_told_and_up_is_offered(fresh: Lab, inside: Command) -> None:
    done = inside("run", "fails", "-e", "lab", "--yes", "--json")
    ended = last(done)
    assert (done.code, ended["outcome"], ended["offers"]) == (1, "failed", ["maintenance"])
    assert ended["detail"].startswith(STILL + "step work failed")
    assert visitors(fresh) == [503, 503]
    shown = inside("runs", "show", str(inside.read("runs", "list", environment="")["runs"][0]["run"]))
    assert "run maintenance --param do=up -e lab" in shown.out
    assert inside("run", "maintenance", "-e", "lab", "--param", "do=up", "--yes").code == 0
    assert visitors(fresh) == [200, 200]


def test_where_the_gate_rolls_back_it_is_ended_by_itself(fresh: Lab, inside: Command) -> None:
    ended = last(inside("run", "mends", "-e", "lab", "--yes", "--json"))
    assert ended["detail"].startswith("maintenance mode was ended; step work failed") and ended["offers"] == []
    assert visitors(fresh) == [200, 200]


@pytest.mark.parametrize(("action", "code"), [("waits", 503), ("heeds", 200)])
def test_an_abort_inside_it(fresh: Lab, inside: Command, action: str, code: int) -> None:
    with inside.start("run", action, "-e", "lab", "--yes", "--json") as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if (event["kind"], event.get("step")) == ("step_started", "work"):
                number = inside("runs", "list", "--json").json["runs"][0]["run"]
                assert inside("runs", "abort", str(number)).code in (0, 1)
        assert process.wait() == 1
    assert event["kind"] == "run_finished" and event["outcome"] == "cancelled"
    expected = STILL if code == 503 else "maintenance mode was ended; "
    assert event["detail"].startswith(expected + "aborted by"), event["detail"]
    assert event["offers"] == (["maintenance"] if code == 503 else [])
    assert visitors(fresh) == [code, code]


def test_a_runner_that_is_killed_inside_it_is_told_of_and_reached_back_from(fresh: Lab, inside: Command) -> None:
    with inside.start("run", "waits", "-e", "lab", "--yes", "--json") as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if (event["kind"], event.get("step")) == ("step_started", "work"):
                end(inside.runners())
                break
        process.communicate(timeout=60)
        assert process.returncode == 8
    number = str(inside("runs", "list", "--json").json["runs"][0]["run"])
    assert "has put the site into maintenance mode" in inside("runs", "show", number).err
    Path(fresh.node1.path, "go").touch()
    assert inside("runs", "abort", number).code in (0, 1)
    eventually(lambda: inside("runs", "show", number, "--json").json["outcome"] is not None, 60)
    shown = inside("runs", "show", number, "--json").json
    assert shown["detail"].startswith(STILL) and shown["offers"] == ["maintenance"], shown["detail"]
    assert visitors(fresh) == [503, 503]
    assert inside("run", "maintenance", "-e", "lab", "--param", "do=up", "--yes").code == 0
    assert visitors(fresh) == [200, 200]


def test_a_rollback_in_maintenance_mode_marks_nothing_bad(fresh: Lab, inside: Command) -> None:
    for node in fresh.nodes:
        fresh.artisan(node, "down")
    planned = inside("plan", "rollback", "-e", "lab")
    assert "visitors get the maintenance page whatever release is live" in planned.out
    assert "The release that is left is not marked bad" in planned.out
    ended = last(inside("run", "rollback", "-e", "lab", "--yes", "--json"))
    assert "in maintenance mode, so its answers say nothing of the release" in ended["detail"]
    assert fresh.release(fresh.node1) != FIRST_RELEASE
    assert not list(Path(fresh.node1.path, "releases").glob("*/BAD_RELEASE"))
