"""The README's picture is the screen as it is: a deploy under way beside queues, failed jobs, health and logs.

After a wanted change: `make docs`, then look at it.
"""

from __future__ import annotations

import pytest

from tests.fakes.screen import FakeWorld
from tests.snapshots.scenes import Scene, deploying
from tests.source import ROOT

PICTURE = ROOT / "docs" / "screenshot.svg"


def shown() -> FakeWorld:
    """A deploy in its third step, in the change window that was opened for it."""
    world = deploying()
    world.windows.open("production")
    return world


README = Scene("readme_140x40", (140, 40), ("0",), world=shown, seen=("running 0:09", "worker restarted", "15:00 left"))


async def test_the_picture_in_the_readme(request: pytest.FixtureRequest) -> None:
    app = README.app()
    async with app.run_test(size=README.size) as pilot:
        await README.run_before()(pilot)
        drawn = app.export_screenshot(title="opsconsole")
    if request.config.getoption("update_snapshots"):
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn, "docs/screenshot.svg is out of date: make docs"


def test_the_readme_links_to_it() -> None:
    assert f"({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
