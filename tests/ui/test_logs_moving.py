"""Moving through the logs: lines, pages, errors, filters and levels."""

from __future__ import annotations

import pytest

from console.domain.log_levels import Level
from tests.fakes.screen import FakeWorld, living_world
from tests.ui.log_lines import Writer, screen, settled, shown, title


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_moving_up_stands_still_and_g_follows_again(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(200):
        writer.line(f"order {n}")
    async with shown(world) as (pilot, pane):
        assert "order 199" in screen(pane)[-1]
        await pilot.press("k")
        await settled(pilot)
        before = screen(pane)
        for n in range(200, 230):
            writer.line(f"order {n}")
        await settled(pilot)
        assert screen(pane) == before
        assert "standing, 30 new lines" in title(pane)
        await pilot.press("G")
        await settled(pilot)
        assert "order 229" in screen(pane)[-1]
        assert "follow" in title(pane)


async def test_pages_and_ends(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(100):
        writer.line(f"order {n:03}")
    async with shown(world) as (pilot, pane):
        height = pane.view.size.height
        await pilot.press("g")
        assert "order 000" in screen(pane)[0]
        await pilot.press("pagedown")
        assert pane.view.window.current is not None
        assert pane.view.window.current.message.show() == f"order {height - 1:03}"
        await pilot.press("j", "j")
        assert pane.view.window.current.message.show() == f"order {height + 1:03}"
        assert f"order {height + 1:03}" in screen(pane)[-1]
        await pilot.press("pageup")
        assert "order 000" not in screen(pane)[-1]
        for _ in range(30):
            await pilot.press("pagedown")
        assert pane.view.window.following
        assert "order 099" in screen(pane)[-1]


async def test_e_and_E_go_from_error_to_error(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(300):
        writer.line(f"order {n}", "ERROR" if n % 100 == 50 else "INFO")
    async with shown(world) as (pilot, pane):
        seen = []
        for key in ("E", "E", "E", "e"):
            await pilot.press(key)
            assert pane.view.window.current is not None
            seen.append(pane.view.window.current.message.show())
            assert any(seen[-1] in line for line in screen(pane))
        assert seen == ["order 250", "order 150", "order 50", "order 150"]


async def test_filter_inverse_and_escape(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(60):
        writer.line(f"order {n}" if n % 2 else f"invoice {n}")
    async with shown(world) as (pilot, pane):
        await pilot.press("slash", *"invoice", "enter")
        await settled(pilot)
        assert all("invoice" in line for line in screen(pane))
        assert "/invoice" in title(pane)
        writer.line("order late")
        await settled(pilot)
        assert all("invoice" in line for line in screen(pane))
        await pilot.press("slash", *(["backspace"] * 7), "exclamation_mark", *"invoice", "enter")
        await settled(pilot)
        assert all("order" in line for line in screen(pane))
        await pilot.press("escape")
        await settled(pilot)
        assert "invoice" in "".join(screen(pane)) and "order" in "".join(screen(pane))
        await pilot.press("k")
        await pilot.press("N")
        assert pane.view.window.current is not None
        assert "invoice" not in pane.view.window.current.message.show()


async def test_the_level_threshold(world: FakeWorld) -> None:
    writer = Writer(world)
    for n, level in enumerate(("DEBUG", "INFO", "WARNING", "ERROR")):
        writer.line(f"order {n}", level)
    async with shown(world) as (pilot, pane):
        counts = []
        for _ in range(4):
            counts.append(len([line for line in screen(pane) if line]))
            await pilot.press("v")
            await settled(pilot)
        assert counts == [4, 3, 2, 1]
        assert pane.view.window.where.level is Level.NONE
        pane.view.window.set_level(Level.EMERGENCY)
        pane.view.sync()
        await settled(pilot)
        assert "no line kept here matches" in screen(pane)[0]
