"""Which run the drawer shows, and that what is typed is for the run it was typed about."""

from __future__ import annotations

import pytest

from console.domain.runs import EventKind
from tests.fakes.screen import FakeWorld, living_world, start_deploy
from tests.ui.driving import driven


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_a_run_that_goes_on_is_not_hidden_by_a_newer_one(world: FakeWorld) -> None:
    deploy = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        retry = start_deploy(world, "production")
        world.runs.add(retry, EventKind.RUN_FINISHED, outcome="ok")
        world.runs.publish(("runs", "production"))
        await screen.settle()
        assert f"0 Run  {deploy}" in screen.text
        await screen.press("h")
        await screen.until(lambda: world.runs.asks == [(deploy, "hold", "")])


async def test_an_ended_run_gives_way_to_the_one_that_goes_on(world: FakeWorld) -> None:
    deploy = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        retry = start_deploy(world, "production")
        screen.main.follow(retry)
        await screen.until(lambda: f"0 Run  {retry}" in screen.text)
        world.runs.add(retry, EventKind.RUN_FINISHED, outcome="ok")
        await screen.until(lambda: f"0 Run  {deploy}" in screen.text)


@pytest.mark.parametrize(("key", "word", "asked"), [("X", "abort", "abort"), ("a", "done", "")])
async def test_what_is_typed_is_for_the_run_that_was_asked_about(
    world: FakeWorld, key: str, word: str, asked: str
) -> None:
    colleagues = start_deploy(world, "production")
    world.runs.add(colleagues, EventKind.OPERATOR_NEEDED, "migrate", question="Did it finish?", choices=["done"])
    async with driven(world) as screen:
        await screen.press("0")
        mine = start_deploy(world, "production")
        world.runs.add(mine, EventKind.OPERATOR_NEEDED, "migrate", question="Did mine finish?", choices=["done"])
        screen.main.follow(mine)
        await screen.until(lambda: f"0 Run  {mine}" in screen.text and "Did mine finish?" in screen.text)
        await screen.press(key)
        await screen.until(lambda: f"stop run {mine}:" in screen.text or f"answer run {mine} (done):" in screen.text)
        world.runs.add(mine, EventKind.RUN_FINISHED, outcome="ok")
        await screen.until(lambda: f"0 Run  {colleagues}" in screen.text)
        await screen.press(*word, "enter")
        if asked:
            await screen.until(lambda: world.runs.asks)
            assert world.runs.asks == [(mine, asked, "")]
        else:
            await screen.until(lambda: any("does not ask that any more" in each for each in screen.notices))
            assert world.runs.asks == []


async def test_an_answer_to_one_question_is_not_taken_for_the_next(world: FakeWorld) -> None:
    run = start_deploy(world, "production")
    world.runs.add(run, EventKind.OPERATOR_NEEDED, "code", question="Did code finish?", choices=["done", "failed"])
    async with driven(world) as screen:
        await screen.press("0", "a")
        world.runs.add(run, EventKind.OPERATOR_ANSWERED, request="answer", who="ben@bastion", body="done")
        world.runs.add(run, EventKind.OPERATOR_NEEDED, "migrate", question="Did it?", choices=["done", "failed"])
        await screen.until(lambda: "Did it?" in screen.text)
        await screen.press(*"done", "enter")
        await screen.until(lambda: any("does not ask that any more" in each for each in screen.notices))
        assert world.runs.asks == []


async def test_a_run_that_has_just_come_up_by_itself_takes_no_hold(world: FakeWorld) -> None:
    colleagues = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        mine = start_deploy(world, "production")
        screen.main.follow(mine)
        await screen.until(lambda: f"0 Run  {mine}" in screen.text)
        world.runs.add(mine, EventKind.RUN_FINISHED, outcome="ok")
        await screen.until(lambda: f"0 Run  {colleagues}" in screen.text)
        await screen.press("h")
        assert any("has just come up" in each for each in screen.notices) and world.runs.asks == []
        world.clock.advance(1)
        await screen.press("h")
        await screen.until(lambda: world.runs.asks == [(colleagues, "hold", "")])


async def test_runs_are_turned_through_like_pages(world: FakeWorld) -> None:
    first = start_deploy(world, "production")
    world.runs.add(first, EventKind.RUN_FINISHED, outcome="failed", detail="the gate said no")
    second = start_deploy(world, "production")
    async with driven(world) as screen:
        await screen.press("0")
        await screen.until(lambda: f"0 Run  {second}" in screen.text)
        await screen.press("left_square_bracket")
        await screen.until(lambda: f"0 Run  {first}" in screen.text and "the gate said no" in screen.text)
        # Looking back is not interrupted by what goes on, and no key means another run than the one shown.
        world.runs.add(second, EventKind.STEP_INTENDED, "code", "web1", attempt=1)
        await screen.settle()
        assert f"0 Run  {first}" in screen.text
        await screen.press("X")
        await screen.until(lambda: any(f"has ended; run {second} goes on" in each for each in screen.notices))
        assert world.runs.asks == []
        await screen.press("left_square_bracket")
        await screen.until(lambda: any("no older run at hand" in each for each in screen.notices))
        await screen.press("right_square_bracket", "right_square_bracket")
        await screen.until(lambda: f"0 Run  {second}" in screen.text)
