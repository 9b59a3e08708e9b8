"""Keys typed in one burst: those behind a key that opens something never act on what lies beneath."""

from __future__ import annotations

import asyncio

import pytest

from console.ui.ahead import BURST, Ahead, heard
from console.ui.widgets.line_input import LineInput
from tests.fakes.screen import FakeWorld, living_world
from tests.terminal.session import Terminal
from tests.ui.driving import driven
from tests.ui.test_terminal import READY, program


def sent(terminal: Terminal, keys: str) -> None:
    """All of it in one write, as a slow link hands over what was typed meanwhile."""
    terminal.send(keys.encode())


@pytest.mark.parametrize("pane", ["1", "2", "3", "4", "5", "6"])
def test_what_follows_a_slash_goes_into_the_filter(pane: str) -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        terminal.wait_for("Full database backup")
        sent(terminal, f"{pane}/rxqt")
        terminal.wait_for(lambda text: text.splitlines()[-2].startswith(" / rxqt"))
        assert terminal.running and "retry 1" not in terminal.text and "forget 1" not in terminal.text


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (":zq", " : zq"),
        ("5-qt0", "qt0"),
        ("5!qt0", "qt0"),
        ("5aqt0", "qt0"),
    ],
)
def test_what_follows_a_key_that_asks_for_words_is_those_words(keys: str, shown: str) -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        terminal.wait_for("Full database backup")
        sent(terminal, keys)
        terminal.wait_for(lambda text: shown in text.splitlines()[-2])
        assert terminal.running and "0 Run" not in terminal.text


@pytest.mark.parametrize(
    ("keys", "opened"),
    [
        ("?0", "Everywhere"),
        ("\x10q0", " q0 "),
        ("2\r0", "Esc back"),
        ("3\r0", "Esc back"),
        ("4\rD0z", "caused by"),
        ("4rq0", "retry 61 failed jobs of the newest 100"),
        ("4xq0", "forget 61 failed jobs of the newest 100"),
        ("Rq0", "Plan: "),
        ("Dq0", "Plan: "),
    ],
)
def test_what_follows_a_key_that_opens_a_dialog_never_reaches_the_panes(keys: str, opened: str) -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        terminal.wait_for("ProcessCvReview")
        sent(terminal, keys)
        terminal.wait_for(opened)
        terminal.press("escape")
        terminal.wait_for(lambda text: opened not in text)
        assert terminal.running and "0 Run" not in terminal.text


def test_an_environment_chosen_is_the_one_that_the_next_key_is_for() -> None:
    with program("quiet") as terminal:
        terminal.wait_for(READY)
        sent(terminal, "1j\rD")
        terminal.wait_for(lambda text: "Plan: " in text and "staging" in text)
        assert "PROTECTED" not in terminal.text


async def test_only_the_rest_of_the_burst_that_asked_is_held_back(world: FakeWorld) -> None:
    on_its_way: list[str] = []
    ahead = Ahead(lambda: bool(on_its_way))
    async with driven(world) as screen:
        assert not await ahead.holds(1.0)
        ahead.begins(screen.main)
        on_its_way.append("a plan")
        assert await ahead.holds(1.0 + BURST / 2) and await ahead.holds(1.0 + BURST)
        assert not await ahead.holds(1.0 + 3 * BURST)
        ahead.begins(screen.main)
        assert not await ahead.holds(1.0 + 3.5 * BURST), "this burst has asked for nothing"


async def test_a_key_that_asks_for_one_more_thing_holds_its_burst_back_too(world: FakeWorld) -> None:
    on_its_way = ["details"]
    ahead = Ahead(lambda: len(on_its_way))
    async with driven(world) as screen:
        assert not await ahead.holds(1.0)
        ahead.begins(screen.main)
        on_its_way.append("other details")
        assert await ahead.holds(1.0 + BURST / 2)


async def test_a_widget_that_has_gone_holds_no_key_up_for_long(world: FakeWorld) -> None:
    async with driven(world) as screen:
        line = screen.main.query_one(LineInput)
        await line.remove()
        async with asyncio.timeout(2):
            await heard(line)


@pytest.fixture
def world() -> FakeWorld:
    return living_world()
