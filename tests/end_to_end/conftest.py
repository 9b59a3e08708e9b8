"""The installed command on the test world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.lab import seeding
from tests.lab.world import Lab


@pytest.fixture
def console(lab: Lab, tmp_path: Path) -> Command:
    """The command with a configuration and state of its own."""
    return Command(lab.write_config(tmp_path / "config"), tmp_path / "home")


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
