"""Hosts that are this machine, under each shell that a real one may have."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.hosts import SHELLS, LocalHost, living


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalHost]:
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param} here")
    yield from living(LocalHost(tmp_path, request.param))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[LocalHost]:
    yield from living(LocalHost(tmp_path, "sh"))
