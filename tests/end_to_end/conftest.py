"""The installed command on the test world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.end_to_end.watch import Watch
from tests.lab import seeding
from tests.lab.fixtures import passed
from tests.lab.processes import end
from tests.lab.world import Lab
from tests.source import ROOT


def quick(action: str) -> str:
    """A shipped action with a gate of seconds."""
    text = (ROOT / "sample_config/actions" / f"{action}.yaml").read_text()
    return re.sub(r"for: \d+m,", "for: 2s, every: 500ms,", text)


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Every test on the world also proves that the console connects to sshd and to what it probes, and never listens.

    A test that puts something in between says so in `Watch.allowed`.
    """
    lab: Lab = request.getfixturevalue("lab_alone" if "lab_alone" in request.fixturenames else "lab")
    with Watch(lab.world.root) as found:
        found.allowed |= {(node.ip, port) for node in lab.nodes for port in (node.ssh_port, node.web_port)}
        yield found
    if passed(request.node):
        assert not found.listening
        assert {remote: who for remote, who in found.remotes.items() if remote not in found.allowed} == {}


@pytest.fixture
def console(lab: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command with a configuration and state of its own, and gates that last two seconds; no runner outlives it."""
    actions = {name: quick(name) for name in ("deploy", "rollback")}
    command = Command(lab.write_config(tmp_path / "config", actions=actions), tmp_path / "home", mark=lab.world.root)
    yield command
    end(command.runners())


@pytest.fixture
def seeded(still: Lab) -> tuple[Lab, seeding.Seeded]:
    """Workers stopped, and jobs in every state on both connections."""
    return still, seeding.seed(still)
