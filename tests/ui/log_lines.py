"""The logs pane on a screen of its own, and a file that is written into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from console.domain.logs import FileOrigin
from console.ui.app import ConsoleApp
from console.ui.panes.logs import LogsPane
from tests.fakes.screen import FakeWorld


class Writer:
    """Appends to a ring as a follower would."""

    def __init__(self, world: FakeWorld, host: str = "web1", environment: str = "production") -> None:
        self.world = world
        self.ring = world.tails.ring(environment)
        self.environment = environment
        self.origin = FileOrigin(host, "storage/logs/laravel.log", f"8:{host}")
        self.offset = 0

    def write(self, data: bytes) -> None:
        minute = int(self.world.clock.now().timestamp()) // 60
        self.ring.append(self.origin, self.offset, data, minute=minute)
        self.offset += len(data)
        self.world.tails.publish(("logs", self.environment))

    def line(self, text: str, level: str = "INFO") -> None:
        self.write(f'[2026-11-21 20:50:41] production.{level}: {text} {{"ms":912}} \n'.encode())


@asynccontextmanager
async def shown(world: FakeWorld, size: tuple[int, int] = (140, 40)) -> AsyncIterator[tuple[Pilot[None], LogsPane]]:
    """The screen with the logs pane focused."""
    app = ConsoleApp(world.factory)
    async with app.run_test(size=size) as pilot:
        for _ in range(200):
            if app.services is not None:
                break
            await pilot.pause(0.01)
        await pilot.press("6")
        await settled(pilot)
        yield pilot, app.main.query_one(LogsPane)


async def settled(pilot: Pilot[None]) -> None:
    """Long enough for a repaint that was put off."""
    await pilot.pause(0.12)
    await pilot.pause()


def screen(pane: LogsPane) -> list[str]:
    """What the window shows, line by line."""
    view = pane.view
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def title(pane: LogsPane) -> str:
    return f"{pane.border_title} | {pane.border_subtitle}"
