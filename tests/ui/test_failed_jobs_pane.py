"""The failed jobs pane below its newest page: older jobs, how many, and whether they are still there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from console.errors import UnreachableError
from console.ui.screens.detail import DetailScreen
from tests.fakes.screen import FakeWorld, living_world
from tests.fakes.world_values import make_failed
from tests.ui.driving import Driver, driven


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


def with_older(world: FakeWorld, count: int) -> None:
    last = world.failed.jobs[-1]
    more = (replace(last, id=last.id - n, uuid=f"old-{n:04}") for n in range(1, count + 1))
    world.failed.jobs = [*world.failed.jobs, *more]


async def test_an_older_failed_job_that_went_elsewhere_goes_from_the_list_by_itself(world: FakeWorld) -> None:
    with_older(world, 150)
    async with driven(world) as screen:
        await screen.press("4", "v", "G")
        await screen.until(lambda: len(screen.table(4).model.rows) == 200)
        world.failed.jobs = [job for job in world.failed.jobs if job.uuid != "old-0050"]
        await screen.until(lambda: len(screen.table(4).model.rows) == 199, 2.5)
        assert all(row.key != "old-0050" for row in screen.table(4).model.rows)
        assert len({row.key for row in screen.table(4).model.rows}) == 199


def listed(screen: Driver, rows: int) -> bool:
    return len(screen.table(4).model.rows) == rows


async def test_older_failed_jobs_are_listed_up_to_a_bound_that_is_told(world: FakeWorld) -> None:
    with_older(world, 900)
    async with driven(world) as screen:
        await screen.press("4", "v")
        for rows in (200, 300, 400, 500):
            await screen.press("g", "G")
            await screen.until(partial(listed, screen, rows))
        await screen.press("g", "G")
        await screen.until(lambda: any("the newest 500 are listed here" in notice for notice in screen.notices))
        assert len(screen.table(4).model.rows) == 500 and len(world.failed.pages) == 4


async def test_what_newer_failures_push_off_the_newest_page_goes_on_being_listed(world: FakeWorld) -> None:
    with_older(world, 150)
    first = world.failed.jobs[0]
    async with driven(world) as screen:
        await screen.press("4", "v", "G")
        await screen.until(lambda: len(screen.table(4).model.rows) == 200)
        came = [replace(first, id=first.id + n, uuid=f"new-{n:04}") for n in range(7, 0, -1)]
        world.failed.jobs = [*came, *world.failed.jobs]
        newest = make_failed(world.failed.jobs[:100])
        page = replace(newest.page, next=world.failed.jobs[99].id, total=len(world.failed.jobs))
        world.board.put("production", "failed_jobs", replace(newest, page=page))
        await screen.until(lambda: len(screen.table(4).model.rows) == 207)
        await screen.until(lambda: "new-0001" in {row.key for row in screen.table(4).model.rows})
        assert [row.key for row in screen.table(4).model.rows] == [job.uuid for job in world.failed.jobs[:207]]


async def test_older_failed_jobs_that_cannot_be_looked_for_are_not_shown_as_current(world: FakeWorld) -> None:
    with_older(world, 150)
    async with driven(world) as screen:
        await screen.press("4", "v", "G")
        await screen.until(lambda: len(screen.table(4).model.rows) == 200)
        world.failed.broken = True
        snapshot = world.board.get("production", "failed_jobs")
        assert snapshot is not None
        newest = snapshot.value
        for _ in range(4):
            world.clock.advance(5.0)
            world.board.put("production", "failed_jobs", newest)
            await screen.settle()
        await screen.until(lambda: screen.table(4).stale)
        assert "newest 200 · 20 s ago" in screen.text


async def test_a_groups_job_says_that_it_is_one_of_several(world: FakeWorld) -> None:
    async with driven(world, (160, 40)) as screen:
        await screen.press("4")
        await screen.until(lambda: "v each job" in screen.text)
        await screen.press("enter")
        await screen.until(lambda: "the newest, 1 of ≥61: v lists each" in screen.text)
        await screen.press("escape", "v")
        await screen.until(lambda: "v by cause" in screen.text)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        assert "1 of" not in screen.text


async def test_an_older_page_that_fails_leaves_a_job_expected(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UnreachableError("no link")

    with_older(world, 150)
    monkeypatch.setattr(world.failed, "page", refuse)
    # Each key comes with a look at the screen before it.
    monkeypatch.setattr("console.ui.ahead.BURST", 0.0)
    async with driven(world) as screen:
        await screen.press("4", "v")
        world.background.held = True
        await screen.press("enter")
        await screen.until(lambda: "failed job" in world.background.asked)
        world.background.held = False
        await screen.press("G")
        await screen.until(lambda: any("no link" in notice for notice in screen.notices))
        assert screen.main.expecting
        world.background.release()
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        assert not screen.main.expecting


@pytest.mark.parametrize("known", [True, False], ids=["shown", "refused"])
async def test_of_two_jobs_asked_for_the_second_is_expected_after_the_first_answer(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    def refuse(*_: object) -> None:
        raise UnreachableError("no link")

    # Each key comes with a look at the screen before it.
    monkeypatch.setattr("console.ui.ahead.BURST", 0.0)
    async with driven(world) as screen:
        await screen.press("4", "v")
        world.background.held = True
        await screen.press("enter")
        await screen.until(lambda: world.background.asked.count("failed job") == 1)
        await screen.press("j", "enter")
        await screen.until(lambda: world.background.asked.count("failed job") == 2)
        if not known:
            monkeypatch.setattr(world.failed, "show", refuse)
        first, second = (("answer", ticket) for ticket in world.background.waiting)
        world.background.publish(first)
        await screen.until(lambda: len(world.background.waiting) == 1)
        await screen.settle()
        assert screen.main.expecting
        world.background.publish(second)
        await screen.until(lambda: not screen.main.expecting)
