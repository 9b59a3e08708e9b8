"""`opsconsole lock` and `audit` as installed, against real hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.world import Lab


def call(config: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "console", *words, "--json", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.soak  # half a minute of watching, by nature; the same over a local shell is always run
def test_a_lock_left_by_a_dead_console_is_seen_and_released(lab: Lab, tmp_path: Path) -> None:
    config = lab.write_config(tmp_path / "config")
    assert call(config, "lock", "status", "-e", "lab")[1]["state"] == "free"
    holder = json.dumps({"who": "bob", "machine": "laptop", "why": "deploy", "run": 3})
    made = lab.ssh(lab.node1, f"umask 007; cd {lab.node1.path} && mkdir -p .opsconsole/lock && echo '{holder}' "
                   "> .opsconsole/lock/holder.aa")  # fmt: skip
    assert made.returncode == 0, made.stderr
    code, document, _ = call(config, "lock", "status", "-e", "lab")
    assert (code, document["state"], document["holder"]["who"]) == (0, "held", "bob")
    code, document, err = call(config, "lock", "release", "-e", "lab", "--reason", "bob went home", "--yes")
    assert code == 0, err
    assert document["released"] is True
    code, document, err = call(config, "audit", "verify", "-e", "lab")
    assert (code, document["sound"], document["witnessed"]) == (0, True, 2), err
    assert call(config, "lock", "status", "-e", "lab")[1]["state"] == "free"


def test_an_unknown_environment_and_an_unreachable_host_have_their_codes(lab_alone: Lab, tmp_path: Path) -> None:
    config = lab_alone.write_config(tmp_path / "config")
    assert call(config, "lock", "status", "-e", "lab")[1]["state"] == "free"
    assert call(config, "lock", "status", "-e", "nosuch")[0] == 2
    lab_alone.stop("sshd1")
    code, document, err = call(config, "lock", "status", "-e", "lab")
    assert (code, document) == (6, {})
    assert json.loads(err)["error"]
