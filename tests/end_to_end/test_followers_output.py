"""Runs on real hosts whose followers lose their output, and a retry that another run's lock keeps out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.lab.processes import end
from tests.lab.world import Lab
from tests.source import ROOT

pytestmark = pytest.mark.timeout(300)

UUID = "3fca83f8-1111-4000-8000-000000000003"
FAILS = "title: Fails\nsteps:\n  - {name: talks, shell: [seq, '2000']}\n  - {name: fails, shell: ['false']}\n"
SLOW = "title: Slow\nsteps:\n  - {name: sleeps, shell: [sleep, '60']}\n"
LOCKED = (ROOT / "sample_config/actions/retry.yaml").read_text().replace("lock: false", "lock: true")


@pytest.fixture
def console(lab: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command with an action that fails, one that takes its time, and a retry that wants the lock."""
    actions = {"fails": FAILS, "slow": SLOW, "retry": LOCKED}
    command = Command(lab.write_config(tmp_path / "config", actions=actions), tmp_path / "home", mark=lab.world.root)
    yield command
    end(command.runners())


def shell(console: Command, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, "$@" in a script of bash."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *console.program, *words],
        env=console.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=console.home,
    )


@pytest.mark.parametrize("sink", ["| head -1", ">/dev/full", ">&-", "2>&- | head -1"])
def test_a_failed_run_is_no_success_for_whoever_stopped_reading(console: Command, sink: str) -> None:
    done = shell(console, f'"$@" {sink}; echo ${{PIPESTATUS[0]}} >code', "run", "fails", "-e", "lab", "--yes", "--json")
    assert (console.home / "code").read_text() == "1\n", done.stderr
    if "2>" not in sink:
        assert "Run 1 ended failed: step fails failed" in done.stderr
    (run,) = console("runs", "list", "--json").json["runs"]
    assert (run["outcome"], run["state"]) == ("failed", "finished")


def test_a_retry_that_would_find_the_lock_held_is_refused(console: Command, lab: Lab) -> None:
    with console.start("run", "slow", "-e", "lab", "--yes", "--json") as holding:
        assert holding.stdout
        run = 0
        for line in holding.stdout:
            event = json.loads(line)
            run = event["run"]
            if event["kind"] == "step_started":
                break
        lab.sql(
            "insert into failed_jobs (uuid, connection, queue, payload, exception, failed_at)"
            f" values ('{UUID}', 'redis', 'default', '{{}}', 'x', now())"
        )
        try:
            done = console("failed", "retry", UUID, "-e", "lab", "--yes", "--json")
            assert done.code == 5, done.out + done.err
            error = json.loads(done.err)["error"]
            assert (done.out, error["kind"], error["done"]) == ("", "LockHeldError", "Nothing was planned.")
            assert "The lock is held by" in error["message"] and "Slow (run" in error["message"]
            assert UUID in [job["uuid"] for job in console.read("failed", "list")["jobs"]], "the job was not touched"
        finally:
            console("runs", "abort", str(run))
            for _ in holding.stdout:
                pass
            lab.sql(f"delete from failed_jobs where uuid = '{UUID}'")
        assert holding.wait() == 1
