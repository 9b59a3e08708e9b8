"""An action that the banner's environment does not have has no key, footer, palette entry or line of help."""

from __future__ import annotations

import re

import pytest

from console.ui.command_line import ways_on
from console.ui.palette import entries
from console.ui.screens.help import help_lines
from tests.fakes.screen import FakeWorld, living_world
from tests.ui.driving import driven


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_actions_an_environment_lacks_are_not_in_the_footer(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.until(lambda: "D deploy" in screen.text)
        assert "B backup" not in screen.text and "W workers" not in screen.text


async def test_actions_an_environment_lacks_are_nowhere_on_offer_and_their_keys_do_nothing(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.until(lambda: "D deploy" in screen.text)
        before = list(screen.notices)
        await screen.press("B", "W", "M")
        await screen.settle()
        assert world.runs.planned == [] and screen.notices == before
        await screen.press("colon", *"backup", "enter")
        await screen.until(lambda: any("no command :backup" in notice for notice in screen.notices))
        names = screen.main.acting.names if screen.main.acting else ()
        offered = [title for title, _, _ in entries(screen.main)] + list(ways_on(screen.main, ""))
        offered += ["".join(text for text, _ in line) for line in help_lines(80, names)]
        assert any("deploy" in each for each in offered)
        assert not [each for each in offered if re.search("backup|workers  |maintenance", each)]
