"""Pictures of the screen. After a wanted change: `pytest tests/snapshots --snapshot-update`, then look at each one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.snapshots.scenes import SCENES, Scene


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_picture(scene: Scene, snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(scene.app(), terminal_size=scene.size, run_before=scene.run_before())
