"""What an operator says to a run, or about changing, never waits behind slow plans."""

from __future__ import annotations

from tests.fakes.screen import living_world, start_deploy
from tests.ui.driving import driven


async def test_aborts_and_change_windows_go_past_slow_plans() -> None:
    world = living_world()
    start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("U")
        await screen.until(lambda: "window" in world.background.urgent)
        await screen.press("0", "X", *"abort", "enter")
        await screen.until(lambda: "run abort" in world.background.urgent)
        await screen.press("L")
        await screen.until(lambda: world.background.urgent.count("window") == 2)
        assert set(world.background.asked) - set(world.background.urgent), "the rest waits its turn"
