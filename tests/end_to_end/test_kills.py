"""Processes killed while an action runs: the action goes on or can be gone on with, and nothing happens twice."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import screens
from tests.end_to_end.command import Command, copy_code
from tests.lab.processes import send
from tests.lab.values import COLLEAGUE, TEAM
from tests.lab.world import Lab

pytestmark = pytest.mark.timeout(300)
STEPS = ("one", "two", "three", "four")
VICTIMS = ("screen", "follower", "runner", "sshd", "runner and sshd")


def appending() -> str:
    """A deploy whose `once` steps each append their name to a file of their host."""
    lines = [
        f'  - {{name: {name}, shell: {{script: "sleep 0.2; echo {name} >> appended; sleep 0.2", in: base}}, on: all, '
        f"effect: once, timeout: 1m}}"
        for name in STEPS
    ]
    return "title: Deploy\nsteps:\n" + "\n".join(lines) + "\n"


@pytest.fixture
def console(lab_alone: Lab, tmp_path: Path) -> Iterator[Command]:
    config = lab_alone.write_config(tmp_path / "config", actions={"deploy": appending()})
    command = Command(config, tmp_path / "home", mark=lab_alone.world.root)
    yield command
    send(command.runners(), signal.SIGKILL)


def appended(lab: Lab) -> list[list[str]]:
    """What the steps left on each host."""
    files = [Path(node.path, "appended") for node in lab.nodes]
    return [file.read_text().split() if file.exists() else [] for file in files]


def kill(lab: Lab, console: Command, victim: str) -> None:
    """Kills the processes that the word names, whichever are there, but for whoever looks on."""
    if "runner" in victim:
        send(console.runners(), signal.SIGKILL)
    if "sshd" in victim:
        for node in lab.nodes:
            lab.servers.cut_sessions(node)


def state(console: Command) -> str:
    return str(console("runs", "show", "1", "--json").json["state"])


def settle(console: Command) -> str:
    """Goes on with run 1 until it has ended or wants an operator; its state."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        now = state(console)
        if now in ("finished", "needs_operator"):
            return now
        if not console.runners():
            console("runs", "resume", "1")
        else:
            console("runs", "attach", "1", seconds=90)
    raise AssertionError(f"run 1 never ended: {console('runs', 'show', '1').out}")


def under_a_screen(console: Command, moment: float) -> None:
    """Starts run 1 by keys and kills the screen at a moment after it has taken the lock."""
    with screens.open_screen(console) as terminal:
        terminal.wait_for(screens.lives, 60)
        screens.plan(terminal, "D", shows=STEPS[0], asks=False)
        screens.run(terminal)
        terminal.wait_for(lambda text: re.search(rf"[▶✓] {STEPS[0]}", text) is not None, 30)
        screens.pause(moment)
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.wait(10) == -signal.SIGKILL


def under_a_follower(lab: Lab, console: Command, victim: str, moment: float) -> None:
    """Starts run 1 by command and kills the victim at a moment after it has taken the lock."""
    with console.start("run", "deploy", "-e", "lab", "--yes", "--json") as follower:
        assert follower.stdout
        for line in follower.stdout:
            if json.loads(line)["kind"] == "lock_taken":
                break
        screens.pause(moment)
        if victim == "follower":
            follower.kill()
        else:
            kill(lab, console, victim)
            follower.terminate()
        follower.communicate(timeout=30)


def killed_at(lab: Lab, console: Command, seed: int) -> None:
    lot = random.Random(seed)
    victim, moment = lot.choice(VICTIMS), lot.uniform(0.0, 4.0)
    if victim == "screen":
        under_a_screen(console, moment)
    else:
        under_a_follower(lab, console, victim, moment)
    ended = settle(console)
    left = appended(lab)
    what = f"{victim} killed after {moment:.2f} s: {left}"
    assert all(len(set(lines)) == len(lines) for lines in left), f"something was done twice; {what}"
    if ended == "finished":
        shown = console("runs", "show", "1", "--json").json
        assert shown["outcome"] == "ok" and left == [list(STEPS)] * 2, f"{shown['detail']}; {what}"
        assert not console("lock", "status", "-e", "lab", "--json").json.get("held")
    assert console("audit", "verify").code == 0


@pytest.mark.parametrize("seed", (0, 1, 2, 5, 7))
def test_killed_at_some_instants(lab_alone: Lab, console: Command, seed: int) -> None:
    """A seed for each victim."""
    killed_at(lab_alone, console, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 150))
def test_killed_at_fifty_instants(lab_alone: Lab, console: Command, seed: int) -> None:
    killed_at(lab_alone, console, seed)


def test_a_deploy_outlives_its_follower_during_a_migration(lab_alone: Lab, tmp_path: Path) -> None:
    from tests.end_to_end.conftest import quick

    lab = lab_alone
    lab.set_environment(LAB_MIGRATION_SECONDS="5")
    config = lab.write_config(tmp_path / "config", actions={"deploy": quick("deploy")})
    console = Command(config, tmp_path / "home", mark=lab.world.root)
    with console.start("run", "deploy", "-e", "lab", "--yes", "--json") as follower:
        assert follower.stdout
        for line in follower.stdout:
            event = json.loads(line)
            if event["kind"] == "step_intended" and event["step"] == "migrate":
                break
        follower.kill()
        follower.communicate(timeout=30)
    assert console("runs", "attach", "1", seconds=120).code == 0
    assert lab.sql("select count(*) from migrations where migration like '%%gift_cards%%'") == [(1,)]
    assert lab.release(lab.node1) == lab.release(lab.node2)
    assert "held" not in console("lock", "status", "-e", "lab").out
    assert console("audit", "verify").code == 0


@pytest.fixture
def common_directory() -> Iterator[Path]:
    """A directory that every account can enter; pytest's own are for one account only."""
    found = Path(tempfile.mkdtemp(prefix="opsteam", dir="/tmp"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def test_a_colleague_attaches_and_answers(lab_alone: Lab, common_directory: Path) -> None:
    """Another account of this machine, in the group that shares the state."""
    lab, tmp_path = lab_alone, common_directory
    action = 'title: Ask\nsteps:\n  - {name: tell, manual: "Tell the team", timeout: 1m}\n'
    shared = {"state": {"path": str(tmp_path / "state"), "group": TEAM}}
    mine = lab.write_config(tmp_path / "mine", top=shared, actions={"ask": action})
    theirs = lab.write_config(tmp_path / "theirs", top=shared, actions={"ask": action}, key=lab.colleague_key)
    subprocess.run(["chown", "-R", f"{COLLEAGUE}:", str(theirs.parent)], check=True)
    console = Command(mine, tmp_path / "home", mark=lab.world.root)
    colleague = Command(theirs, tmp_path / "other", mark=lab.world.root, user=COLLEAGUE, code=copy_code(tmp_path))
    with console.start("run", "ask", "-e", "lab", "--yes", "--json") as follower:
        assert follower.stdout
        for line in follower.stdout:
            if json.loads(line)["kind"] == "operator_needed":
                break
        with colleague.start("runs", "attach", "1", "--json") as beside:
            assert beside.stdout
            seen = [json.loads(next(beside.stdout))["kind"]]
            while seen[-1] != "operator_needed":
                seen.append(json.loads(next(beside.stdout))["kind"])
            answered = colleague("runs", "answer", "1", "done")
            assert answered.code == 0, answered.err
            ended = [json.loads(line) for line in beside.stdout][-1]
            assert beside.wait() == 0 and ended["outcome"] == "ok"
        events = [json.loads(line) for line in follower.stdout]
        assert follower.wait() == 0
    assert any(each["kind"] == "operator_answered" and COLLEAGUE in json.dumps(each) for each in events)
    attached = colleague("runs", "attach", "1", "--json")
    assert attached.code == 0 and attached.events[-1]["outcome"] == "ok"
