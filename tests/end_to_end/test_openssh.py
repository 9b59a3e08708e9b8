"""Everything through the system's `ssh` over a jump host: each host of the world is reached through the other one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Command
from tests.end_to_end.conftest import quick
from tests.end_to_end.test_deploy_kills import Aim, prepare, strike
from tests.end_to_end.watch import Watch
from tests.lab.console_config import Reached, environment
from tests.lab.processes import marked, read, send
from tests.lab.values import FIRST_RELEASE, MARK
from tests.lab.world import Lab
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)


def over_a_jump_host(lab: Lab, directory: Path) -> dict[str, Any]:
    """The parts of a configuration that say so."""
    directory.mkdir(exist_ok=True)
    text = Path(lab.ssh_config).read_text()
    for node, other in (lab.nodes, lab.nodes[::-1]):
        text += f"Host far-{node.name}\n  ProxyJump lab-{other.name}\n"
        text += text.partition(f"Host lab-{node.name}\n")[2].partition("Host ")[0]
    file = directory / "ssh_config"
    file.write_text(text)
    hosts = environment(lab.world, Reached(key="", known_hosts="", ports={}))["hosts"]
    for node, host in zip(lab.nodes, hosts.values(), strict=True):
        host |= {"ssh": f"far-{node.name}", "transport": "openssh"}
    return {"top": {"ssh_config": str(file)}, "hosts": hosts}


def sshs(lab: Lab) -> list[str]:
    """The `ssh` commands that run for the console."""
    found = (read(each.pid, "cmdline").split(b"\0") for each in marked(MARK, lab.world.root))
    return [b" ".join(words).decode() for words in found if words[0] == b"ssh"]


@pytest.fixture
def distant(lab_alone: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command on the world as it came up, its hosts behind a jump host."""
    lab_alone.heal()
    actions = {name: quick(name) for name in ("deploy", "rollback")}
    config = lab_alone.write_config(
        tmp_path / "config", actions=actions, **over_a_jump_host(lab_alone, tmp_path / "over")
    )
    command = Command(config, tmp_path / "home", mark=lab_alone.world.root)
    yield command
    send(command.runners(), signal.SIGKILL)


def test_deploy_rollback_and_a_log_search_over_a_jump_host(lab_alone: Lab, distant: Command, watch: Watch) -> None:
    status = distant("status", "-e", "lab", "--json")
    assert status.code == 0, status.out[-2000:] + status.err
    done = distant("run", "deploy", "-e", "lab", "--yes", "--json", seconds=120)
    assert done.code == 0, done.out[-2000:] + done.err
    new = {lab_alone.release(node) for node in lab_alone.nodes}
    assert len(new) == 1 and new != {FIRST_RELEASE}
    back = distant("run", "rollback", "-e", "lab", "--yes", "--json", seconds=120)
    assert back.code == 0, back.out[-2000:] + back.err
    assert {lab_alone.release(node) for node in lab_alone.nodes} == {FIRST_RELEASE}
    for node in lab_alone.nodes:
        lab_alone.artisan(node, "lab:log", "--count=3", "--level=error")
    found = distant("logs", "-e", "lab", "--json", "--level", "error", "--grep", "entry ")
    assert found.code == 0, found.err
    assert {each["host"] for each in found.events} == {"web1", "web2"}
    assert distant("audit", "verify").code == 0
    ports = {node.ssh_port for node in lab_alone.nodes}
    assert not {remote for remote in watch.remotes if remote[1] in ports}, "ssh alone speaks to the hosts"
    eventually(lambda: sshs(lab_alone) == [])


@pytest.mark.parametrize("victim", ["runner", "sshd", "runner and sshd"])
def test_a_deploy_over_a_jump_host_survives_a_kill(lab_alone: Lab, tmp_path: Path, victim: str) -> None:
    changes = over_a_jump_host(lab_alone, tmp_path / "over")
    console = prepare(lab_alone, tmp_path, "2s, every: 500ms", **changes)
    try:
        strike(lab_alone, console, Aim(victim, "migrate", 0.3))
    finally:
        send(console.runners(), signal.SIGKILL)
    eventually(lambda: sshs(lab_alone) == [])
