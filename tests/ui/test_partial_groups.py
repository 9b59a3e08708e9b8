"""Groups of failed jobs of which only the newest were looked at: they say so, and keys act on exactly these."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.ui.screens.confirm import BriefConfirm
from tests.fakes.screen import FakeWorld, living_world
from tests.fakes.world_values import make_failed
from tests.ui.driving import Driver, driven


@pytest.fixture
def world() -> FakeWorld:
    """Of a cause 40 jobs failed; 28 of them are among the newest hundred of 338."""
    made = living_world()
    first, other = made.failed.jobs[0], made.failed.jobs[-1]
    same = [replace(first, id=9000 - n, uuid=f"{n:08}-same") for n in range(28)]
    rest = [replace(other, id=8000 - n, uuid=f"{n:08}-rest") for n in range(70)]
    # Below the group that is acted on stands another one: the cursor on the last row would load older jobs.
    rest += [replace(other, id=7900 - n, uuid=f"{n:08}-few", job=first.message) for n in range(2)]
    older = [replace(first, id=7000 - n, uuid=f"{n:08}-old") for n in range(12)]
    older += [replace(other, id=6000 - n, uuid=f"{n:08}-olds") for n in range(226)]
    made.failed.jobs = [*same, *rest, *older]
    put(made)
    return made


def put(world: FakeWorld, total: int = 338) -> None:
    newest = make_failed(world.failed.jobs[:100])
    page = replace(newest.page, next=world.failed.jobs[99].id if total > 100 else None, total=total)
    world.board.put("production", "failed_jobs", replace(newest, page=page))


def row(screen: Driver, number: int) -> list[str]:
    return [cell.text for cell in screen.table(4).model.rows[number].cells]


async def test_a_group_that_may_be_larger_says_so_and_r_takes_exactly_the_seen_ones(world: FakeWorld) -> None:
    seen = [job.uuid for job in world.failed.jobs[:28]]
    async with driven(world) as screen:
        await screen.press("4")
        await screen.until(lambda: "by cause, newest 100" in screen.text)
        assert [row(screen, n)[2] for n in (0, 1)] == ["≥70", "≥28"]
        await screen.press("j", "r")
        await screen.until(lambda: isinstance(screen.app.screen, BriefConfirm))
        await screen.until(lambda: "retry 28 failed jobs of the newest 100" in screen.text)
        assert "00000000, 00000001" in screen.text and "and 23 more" in screen.text
        world.clock.advance(3)
        await screen.press(*"production", "enter")
        await screen.until(lambda: world.runs.started)
        assert world.runs.started[0][0].params["ids"] == seen


async def test_the_same_stands_on_the_smallest_screen(world: FakeWorld) -> None:
    async with driven(world, (80, 24)) as screen:
        await screen.press("4", "j", "x")
        await screen.until(lambda: isinstance(screen.app.screen, BriefConfirm))
        await screen.until(lambda: "forget 28 failed jobs of the newest 100" in screen.text)


async def test_where_all_were_looked_at_the_numbers_are_exact(world: FakeWorld) -> None:
    world.failed.jobs = world.failed.jobs[:100]
    put(world, total=100)
    async with driven(world) as screen:
        await screen.press("4")
        await screen.until(lambda: "by cause" in screen.text and row(screen, 0)[2] == "70")
        assert "newest 100" not in screen.text
        await screen.press("j", "r")
        await screen.until(lambda: isinstance(screen.app.screen, BriefConfirm))
        await screen.until(lambda: "retry 28 failed jobs" in screen.text)
        assert "older ones" not in screen.text


async def test_an_hour_with_more_failures_than_are_looked_at_is_not_a_quiet_one(world: FakeWorld) -> None:
    world.board.put("production", "failed_jobs", replace(make_failed(world.failed.jobs[:100]), since_hour=None))
    async with driven(world) as screen:
        await screen.press("4")
        await screen.until(lambda: "+≥1,000/h" in screen.text)
