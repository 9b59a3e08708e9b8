"""What could not be read at the first read is told as such everywhere, and never as nothing there."""

from __future__ import annotations

from functools import partial

import pytest

from console.domain.logs import FollowState, FollowStatus
from console.errors import UnreachableError
from console.ui.screens.detail import DetailScreen
from tests.fakes.screen import START, FakeWorld, fill, make_production, make_world
from tests.fakes.world_values import make_queues
from tests.ui.driving import Driver, driven

REASON = "Access denied for user 'app'@'db.internal' (using password: YES)"
UNKNOWN = "web1 is not known: its host key is in no known_hosts file of this operator"


def said(screen: Driver, title: str) -> bool:
    """Whether a pane's line on the small screen says that it was not read."""
    return any(title in line and "not readable: " in line for line in screen.text.splitlines())


@pytest.fixture
def world() -> FakeWorld:
    """Nothing can be read: the first reads have failed."""
    world = make_world(make_production())
    board = world.board
    for source in ("app", "failed", "probes", "hosts", "workers", "releases"):
        board.fail("production", source, UNKNOWN)
    world.tails.followed["production"] = (
        FollowStatus(host="web1", file="laravel.log", state=FollowState.DOWN, since=START, detail=UNKNOWN),
    )

    def broken(environment: str, name: str = "") -> None:
        raise UnreachableError("the file of this checklist cannot be read")

    setattr(world.checklists, "view", broken)  # noqa: B010 -- a service that fails
    return world


def body(screen: Driver, number: int) -> str:
    """The text inside one pane, its lines put together."""
    pane = screen.main.panes[number]
    lines = screen.text.splitlines()
    region = pane.content_region
    return " ".join(lines[y][region.x : region.right].strip() for y in range(region.y, region.bottom) if y < len(lines))


@pytest.mark.parametrize("number", range(1, 7))
async def test_each_pane_says_why_it_was_never_read(world: FakeWorld, number: int) -> None:
    async with driven(world) as screen:
        await screen.until(lambda: "not readable: " in body(screen, number))
        said = body(screen, number)
        assert "no failed jobs" not in said and "reading …" not in said and "no line yet" not in said
        assert "no checklist" not in said and "err/min" not in screen.text
        wanted = "this checklist cannot be read" if number == 5 else "in no known_hosts file of this operator"
        assert wanted in " ".join(said.split())


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6])
async def test_enter_shows_the_whole_error(world: FakeWorld, number: int) -> None:
    async with driven(world) as screen:
        await screen.until(lambda: "not readable: " in body(screen, number))
        await screen.press(str(number), "enter")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.until(lambda: "not readable" in screen.text and "since" in screen.text)
        assert ("this checklist cannot be read" if number == 5 else UNKNOWN) in screen.text


async def test_listing_each_failed_job_does_not_turn_an_error_into_none(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4", "v")
        await screen.settle()
        assert "no failed jobs" not in screen.text and "not readable: " in body(screen, 4)


async def test_the_small_screen_says_it_in_each_line(world: FakeWorld) -> None:
    async with driven(world, (80, 24)) as screen:
        await screen.press("1")
        for title in ("2 Queues", "3 Health", "4 Failed jobs", "5 Checklist", "6 Logs"):
            await screen.until(partial(said, screen, title))
        await screen.press("2")
        await screen.until(lambda: said(screen, "1 Environments"))


async def test_a_reason_is_wrapped_by_the_width_that_there_is(world: FakeWorld) -> None:
    world.board.put("production", "queues:redis", make_queues())
    world.board.fail("production", "queues:database", REASON)
    async with driven(world, (80, 24)) as screen:
        name = next(row for row in screen.table(1).model.rows if row.key == "environment:production").cells[1].text
        await screen.until(lambda: f" {name} " in body(screen, 1))
        await screen.press("2")
        await screen.until(
            lambda: "database: not readable: Access denied for user 'app'@'db.internal'" in body(screen, 2)
        )
        rows = [row for row in screen.table(2).model.rows if row.key.startswith("unread:")]
        assert len(rows) <= 2


async def test_of_several_sources_the_missing_one_is_named(world: FakeWorld) -> None:
    world.board.put("production", "queues:redis", make_queues())
    world.board.fail("production", "queues:database", REASON)
    async with driven(world) as screen:
        await screen.until(lambda: "database: not readable: Access denied" in body(screen, 2))
        assert "bulk-actions" in screen.text and not screen.table(2).stale, "what was read is not old"
        await screen.press("2", "g", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.until(lambda: REASON in screen.text)


async def test_what_was_read_once_keeps_its_words_when_it_is_empty_later(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.until(lambda: "not readable: " in body(screen, 2))
        world.board.put("production", "queues:redis", make_queues())
        await screen.until(lambda: "bulk-actions" in screen.text and "not readable" not in body(screen, 2))


async def test_a_failing_source_without_a_pane_has_a_line_below_the_hosts_and_is_an_alert() -> None:
    world = make_world(make_production())
    fill(world, "production", calm=True)
    world.board.fail("production", "ghost_entropy", "no /proc")
    async with driven(world) as screen:
        await screen.until(lambda: "ghost_entropy: no" in body(screen, 1))
        assert "unread" not in body(screen, 1) and "web1" in body(screen, 1)
        assert "1 alert" in screen.text
        pane = screen.main.panes[1]
        assert not pane.has_class("-failing"), "the hosts were read"
