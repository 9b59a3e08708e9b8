"""The installed command on the test world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.lab import seeding
from tests.lab.processes import end
from tests.lab.world import Lab
from tests.source import ROOT


def quick(action: str) -> str:
    """A shipped action with a gate of seconds."""
    text = (ROOT / "sample_config/actions" / f"{action}.yaml").read_text()
    return re.sub(r"for: \d+m,", "for: 2s, every: 500ms,", text)


@pytest.fixture
def console(lab: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command with a configuration and state of its own, and gates that last two seconds; no runner outlives it."""
    actions = {name: quick(name) for name in ("deploy", "rollback")}
    command = Command(lab.write_config(tmp_path / "config", actions=actions), tmp_path / "home", mark=lab.world.root)
    yield command
    end(command.runners())


@pytest.fixture
def still(lab: Lab) -> Iterator[Lab]:
    """The world with its workers stopped and its queues empty, before and after."""
    lab.workers("stop")
    lab.clear_queues()
    yield lab
    lab.clear_queues()
    lab.workers("start")


@pytest.fixture
def seeded(still: Lab) -> tuple[Lab, seeding.Seeded]:
    """Workers stopped, and jobs in every state on both connections."""
    return still, seeding.seed(still)
