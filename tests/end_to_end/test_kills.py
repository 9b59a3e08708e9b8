"""Processes killed while an action runs: the action goes on or can be gone on with, and nothing happens twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command, copy_code
from tests.lab.values import COLLEAGUE, TEAM
from tests.lab.world import Lab

pytestmark = pytest.mark.timeout(300)


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
