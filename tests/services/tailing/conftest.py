"""The world of log files, over the shells that hosts have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.tailing.world import LogWorld, busybox


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    """Two hosts with an ordinary shell."""
    made = LogWorld(tmp_path)
    yield made
    made.end()


@pytest.fixture(params=["dash", "bash", "busybox"])
def every_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogWorld]:
    """Two hosts, with each of the shells that there are."""
    made = LogWorld(tmp_path, busybox(tmp_path) if request.param == "busybox" else [request.param])
    yield made
    made.end()
