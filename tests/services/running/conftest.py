"""The stage that runs are performed on, and another console beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.running.stage import HOSTS, Stage
from tests.services.running.taking_over import Other


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Two hosts, a state and a clock; steps that still wait for the file `go` are let go at the end."""
    built = Stage(tmp_path)
    yield built
    for host in HOSTS:
        (tmp_path / host / "go").touch()
    built.close()


@pytest.fixture
def other(stage: Stage) -> Iterator[Other]:
    """Somebody else's console on the same hosts."""
    built = Other(stage)
    yield built
    built.stage.close()
