"""Driving the screen by keys, and waiting for what a user would see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from console.ui.app import ConsoleApp
from console.ui.colour_depth import Depth
from console.ui.screens.main import MainScreen
from console.ui.widgets.record_table import RecordTable
from console.ui.widgets.status_bar import StatusBar
from tests.fakes.screen import FakeWorld
from tests.waiting import eventually_on


class Driver:
    """One running screen."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[None], world: FakeWorld) -> None:
        self.app = app
        self.pilot = pilot
        self.world = world

    @property
    def main(self) -> MainScreen:
        return self.app.main

    async def until(self, seen: Callable[[], object], seconds: float = 5.0) -> None:
        """Waits until something holds; AssertionError when it never does."""
        await eventually_on(self.pilot, seen, seconds, otherwise=lambda: f"the screen shows:\n{self.text}")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def settle(self) -> None:
        """Lets everything published arrive: two frames of the screen."""
        for _ in range(12):
            await self.pilot.pause(0.01)

    @property
    def text(self) -> str:
        """The whole screen as text."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in lines)

    @property
    def banner(self) -> str:
        return self.main.query_one("#banner", StatusBar).text

    @property
    def notices(self) -> list[str]:
        return [str(notice.message) for notice in self.app._notifications]

    def table(self, number: int) -> RecordTable:
        return self.main.panes[number].query_one(RecordTable)


@asynccontextmanager
async def driven(
    world: FakeWorld,
    size: tuple[int, int] = (120, 36),
    theme: str = "dark",
    *,
    toasts: bool = False,
    depth: Depth = Depth.TRUE,
) -> AsyncIterator[Driver]:
    """A screen on a fake world, with services attached; notices are only drawn with `toasts`."""
    app = ConsoleApp(world.factory, theme=theme, depth=depth)
    async with app.run_test(size=size, notifications=toasts) as pilot:
        driver = Driver(app, pilot, world)
        await driver.until(lambda: app.services is not None)
        await driver.settle()
        yield driver
