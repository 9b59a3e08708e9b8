"""The configuration that a command called in this process was given is forgotten after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.own_commands import name_configuration


@pytest.fixture(autouse=True)
def forgotten_configuration() -> Iterator[None]:
    yield
    name_configuration(None)
