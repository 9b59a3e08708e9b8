"""Deploying, rolling back, retrying and killing, by the command on two real hosts."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import seeding
from tests.lab.world import Lab

SHIPPED = Path(__file__).parent.parent.parent / "sample_config/actions"


COUNT = "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.3; done"
SLOW = f"""title: Slow
steps:
  - {{name: one, shell: {{script: "echo one >> once; sleep 0.3", in: base}}, on: all}}
  - {{name: slow, shell: {{script: "echo slow >> once; {COUNT}", in: base}}, on: all}}
  - {{name: last, shell: {{script: "echo last >> once", in: base}}, on: all}}
"""
LINES = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); [ $((i % 30)) -ne 0 ] || sleep 0.3; done"
TALK = f'title: Talk\nsteps:\n  - {{name: talk, shell: {{script: "{LINES}", in: base}}, on: all}}\n'


HOLD = """title: Hold
steps:
  - {name: hold, shell: {script: "while [ ! -e go ]; do sleep 0.1; done", in: base}}
"""


class Console:
    """The command with one configuration. `close` ends what a failing test left behind."""

    def __init__(self, lab: Lab, directory: Path, **actions: str) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.config = lab.write_config(directory, actions=actions)
        self.state = directory / "state"

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A command that goes on."""
        argv = [sys.executable, "-m", "console", *words, "--config", str(self.config)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """Ends its commands and closes their pipes."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def run(self, *words: str) -> tuple[int, str, str]:
        """A command's exit code and both streams."""
        process = self.start(*words)
        out, err = process.communicate(timeout=100)
        return process.returncode, out.decode(), err.decode()

    def document(self, *words: str) -> dict[str, Any]:
        """A command's JSON document."""
        _, out, err = self.run(*words, "--json")
        assert out, err
        return dict(json.loads(out))

    def runner(self, run: int) -> int:
        """The pid of a run's runner, 0 when there is none."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"_runner" in words and str(run).encode() in words and str(self.config).encode() in words:
                return int(entry.name)
        return 0


def quick(name: str, seconds: int = 11) -> str:
    """A shipped action with a short gate."""
    text = (SHIPPED / f"{name}.yaml").read_text()
    head, _, _ = text.partition("gate:")
    return f"{head}gate: {{probes: all, for: {seconds}s, on_failure: ask}}\n"


def eventually(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for a condition."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


@pytest.fixture
def console(lab_alone: Lab, tmp_path: Path) -> Iterator[Console]:
    actions = {"deploy": quick("deploy"), "rollback": quick("rollback"), "slow": SLOW, "talk": TALK, "hold": HOLD}
    forget_once(lab_alone)
    built = Console(lab_alone, tmp_path / "console", **actions)
    yield built
    built.close()


def worker_pids(lab: Lab) -> list[str]:
    lines = [line for node in lab.nodes for line in lab.supervisor(node, "status").stdout.splitlines()]
    return [line.split("pid ")[1].split(",")[0] for line in lines if "RUNNING" in line]


@pytest.mark.timeout(400)
def test_deploy_a_failing_gate_and_the_way_back(lab_alone: Lab, console: Console) -> None:
    lab = lab_alone
    before, old = worker_pids(lab), lab.release(lab.node1)
    code, out, err = console.run("run", "deploy", "-e", "lab", "--yes")
    assert code == 0, out + err
    new = lab.release(lab.node1)
    assert new != old
    assert lab.release(lab.node2) == new
    assert not set(before) & set(worker_pids(lab))
    assert "lock released" in out
    # The next one comes up ill: the gate fails, and the way back is offered, planned and taken.
    for node in lab.nodes:
        lab.set_web_mode(node, "500")
    code, _, err = console.run("run", "deploy", "-e", "lab", "--yes")
    assert code == 7
    assert "/up" in err
    assert lab.release(lab.node1) == new
    allowed = "allow_failing=/up,/health,mail"
    code, _, err = console.run("run", "deploy", "-e", "lab", "--yes", "--param", allowed)
    assert code == 0, err
    third = lab.release(lab.node1)
    for node in lab.nodes:
        lab.set_web_mode(node, "normal")
    code, out, err = console.run("run", "rollback", "-e", "lab", "--yes")
    assert code == 0, out + err
    assert [lab.release(node) for node in lab.nodes] == [new, new]
    assert Path(lab.node1.path, "releases", third, "BAD_RELEASE").exists()
    assert console.document("audit", "verify")["problems"] == []


@pytest.mark.timeout(300)
def test_a_gate_that_fails_ends_with_an_offer(lab_alone: Lab, console: Console) -> None:
    lab = lab_alone
    process = console.start("run", "deploy", "-e", "lab", "--yes", "--json")
    assert process.stdout
    kinds = []
    for line in process.stdout:
        event = json.loads(line)
        kinds.append(event["kind"])
        if event["kind"] == "step_finished" and event.get("step") == "workers":
            lab.set_web_mode(lab.node1, "500")
    assert process.wait(30) == 1
    assert kinds[-1] == "run_finished"
    run = max(one["run"] for one in console.document("runs", "list")["runs"])
    shown = console.document("runs", "show", str(run))
    assert (shown["outcome"], shown["offers"], shown["lock_held"]) == ("failed", ["rollback"], False)
    process.communicate()


def forget_once(lab: Lab) -> None:
    for node in lab.nodes:
        Path(node.path, "once").unlink(missing_ok=True)


def once(lab: Lab) -> list[list[str]]:
    return [Path(node.path, "once").read_text().split() for node in lab.nodes]


@pytest.mark.timeout(300)
def test_kill_the_follower_then_the_runner(lab_alone: Lab, console: Console) -> None:
    lab = lab_alone
    follower = console.start("run", "slow", "-e", "lab", "--yes", "--json")
    assert follower.stdout
    for line in follower.stdout:
        event = json.loads(line)
        if event["kind"] == "step_output" and event.get("step") == "slow":
            break
    run = event["run"]
    follower.kill()
    follower.communicate()
    runner = console.runner(run)
    assert runner
    os.kill(runner, signal.SIGKILL)
    code, _, err = console.run("runs", "attach", str(run))
    assert code == 8
    assert f"runs answer {run} resume|abort" in err
    code, out, err = console.run("runs", "resume", str(run))
    assert code == 0, out + err
    assert once(lab) == [["one", "slow", "last"], ["one", "slow", "last"]]
    assert console.document("runs", "show", str(run))["outcome"] == "ok"
    assert console.run("lock", "status", "-e", "lab")[1].strip().endswith("free")


@pytest.mark.timeout(300)
def test_killing_only_the_follower_changes_nothing(lab_alone: Lab, console: Console) -> None:
    lab = lab_alone
    follower = console.start("run", "slow", "-e", "lab", "--yes")
    eventually(lambda: Path(lab.node1.path, "once").exists())
    follower.kill()
    follower.communicate()
    code, out, err = console.run("runs", "attach", "1")
    assert code == 0, out + err
    assert once(lab) == [["one", "slow", "last"], ["one", "slow", "last"]]
    assert "slow on web2: ok" in out


@pytest.mark.timeout(300)
def test_two_deploys_at_once(lab_alone: Lab, console: Console, tmp_path: Path) -> None:
    lab = lab_alone
    go = Path(lab.node1.path, "go")
    go.unlink(missing_ok=True)
    other = Console(lab, tmp_path / "other", slow=SLOW)
    first = console.start("run", "hold", "-e", "lab", "--yes", "--json")
    assert first.stdout
    for line in first.stdout:
        if json.loads(line)["kind"] == "lock_taken":
            break
    code, out, _ = other.run("run", "slow", "-e", "lab", "--yes")
    assert code == 5
    assert "held by" in out
    assert "since" in out
    go.touch()
    first.communicate(timeout=60)
    assert first.returncode == 0


@pytest.mark.timeout(300)
def test_a_session_that_dies_in_mid_step_is_taken_up_again(lab_alone: Lab, console: Console) -> None:
    lab = lab_alone
    process = console.start("run", "talk", "-e", "lab", "--yes", "--json")
    assert process.stdout
    kinds = []
    for line in process.stdout:
        event = json.loads(line)
        kinds.append(event["kind"])
        if event["kind"] == "step_output" and event["host"] == "web2" and "link_lost" not in kinds:
            lab.servers.cut_sessions(lab.node2)
    assert process.wait(30) == 0
    assert "link_lost" in kinds
    assert "link_restored" in kinds
    process.communicate()
    _, out, _ = console.run("runs", "attach", "1")
    for host in ("web1", "web2"):
        lines = [line.split(" | ")[1] for line in out.splitlines() if line.strip().startswith(f"{host} | ")]
        assert lines == [f"line {number}" for number in range(300)]


@pytest.mark.timeout(300)
def test_retry_and_forget_say_what_became_of_each(lab_alone: Lab, console: Console) -> None:
    lab = lab_alone
    lab.clear_queues()
    seeding.seed(lab)
    lab.workers("stop")
    jobs = console.document("failed", "list", "-e", "lab")["jobs"]
    ids = [job["uuid"] for job in jobs]
    missing = "00000000-0000-4000-8000-000000000000"
    code, out, err = console.run("failed", "retry", "-e", "lab", "--yes", "--json", ids[0], ids[1], missing)
    assert code == 3, out + err
    outcomes = {one["uuid"]: one["outcome"] for one in json.loads(out)["results"]}
    assert outcomes == {ids[0]: "ok", ids[1]: "ok", missing: "failed"}
    code, out, err = console.run("failed", "forget", "-e", "lab", "--yes", "--json", ids[2])
    assert code == 0, out + err
    left = {job["uuid"] for job in console.document("failed", "list", "-e", "lab")["jobs"]}
    assert not left & set(ids[:3])
    (archive,) = console.state.glob("archives-*/*.gz")
    assert json.loads(gzip.decompress(archive.read_bytes()))["uuid"] == ids[2]
    assert archive.stat().st_mode & 0o777 == 0o600


def test_a_protected_environment_wants_its_name(lab_alone: Lab, console: Console) -> None:
    del lab_alone
    for words, code in (
        (("run", "rollback", "-e", "labprod"), 7),
        (("run", "rollback", "-e", "labprod", "--yes"), 7),
        (("run", "rollback", "-e", "labprod", "--yes", "--confirm", "lab"), 7),
        (("run", "rollback", "-e", "lab"), 7),
        (("plan", "rollback", "-e", "nowhere"), 2),
        (("plan", "nothing", "-e", "lab"), 2),
    ):
        assert console.run(*words)[0] == code, words
    assert console.document("runs", "list")["runs"] == []
    refusals = [one for one in console.document("audit", "show")["entries"] if one["result"] == "refused"]
    assert len(refusals) == 4
