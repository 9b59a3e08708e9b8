"""The main screen at every size: what has a place, what gives way, and when it says that it is too small."""

from __future__ import annotations

import pytest

from console.domain.queues import QueueReading
from tests.fakes.screen import FakeWorld, living_world
from tests.ui.driving import driven


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_80_by_24_shows_one_pane_and_a_line_for_each_other(world: FakeWorld) -> None:
    async with driven(world, (80, 24)) as screen:
        await screen.press("2")
        lines = screen.text.splitlines()
        assert "bulk-actions" in screen.text and "notifications" in screen.text
        summaries = "\n".join(lines[1:6])
        for title in ("1 Environments", "3 Health", "4 Failed jobs", "5 Checklist", "6 Logs"):
            assert title in summaries
        assert "mail failed" in summaries and "1,216" in summaries and "3/9" in summaries
        assert "PROTECTED" in lines[0] and "production" in lines[0]


@pytest.mark.parametrize("window", [False, True])
async def test_the_banner_keeps_release_protection_and_operator_at_80_columns(world: FakeWorld, window: bool) -> None:
    if window:
        world.windows.open("production")
    async with driven(world, (80, 24)) as screen:
        line = screen.text.splitlines()[0]
        for words in (
            "PROTECTED",
            "production",
            "20261121-3",
            "window 15:00" if window else "read-only",
            "ops1",
            "▲ 4",
        ):
            assert words in line, line


async def test_summaries_are_live_too(world: FakeWorld) -> None:
    async with driven(world, (80, 24)) as screen:
        await screen.press("4")
        world.board.put(
            "production", "redis_queues", QueueReading(connection="redis", driver="redis", queues=(), server_time=0)
        )
        await screen.until(lambda: "37 ready" in screen.text)


async def test_180_columns_show_more(world: FakeWorld) -> None:
    async with driven(world, (200, 50)) as screen:
        for title in ("connection", "driver", "per min", "drain", "HTTP 503: relay down"):
            assert title in screen.text


@pytest.mark.parametrize("size", [(39, 24), (80, 9), (12, 3)])
async def test_a_terminal_too_small_says_so_and_takes_no_key_until_it_has_grown(
    world: FakeWorld, size: tuple[int, int]
) -> None:
    async with driven(world, (80, 24)) as screen:
        await screen.press("4")
        await screen.pilot.resize_terminal(*size)
        wanted = "too small: 40x10 at least"
        await screen.until(lambda: wanted.startswith(screen.text.split()[0]))
        assert " ".join(screen.text.split()) == wanted
        await screen.press("D", "2", "q")
        assert world.runs.planned == [] and not screen.app._exit
        await screen.pilot.resize_terminal(80, 24)
        await screen.until(lambda: "4 Failed jobs" in screen.text and "too small" not in screen.text)
        assert screen.main.arrangement.focused == 4 and screen.table(4).has_focus
        await screen.pilot.resize_terminal(40, 10)
        await screen.settle()
        assert "too small" not in screen.text


async def test_a_terminal_too_small_from_the_start_comes_up_once_it_has_grown(world: FakeWorld) -> None:
    async with driven(world, (30, 8)) as screen:
        await screen.until(lambda: screen.text.strip().startswith("too small: 40x10"))
        await screen.pilot.resize_terminal(120, 36)
        await screen.until(lambda: "bulk-actions" in screen.text)
