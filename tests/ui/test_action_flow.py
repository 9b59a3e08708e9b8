"""From a key to a run: the banner's environment, refusals, plans, confirmation, and what must not get through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from console.domain.actions import Action, Param, ParamType, StepSpec
from console.domain.failures import FailedSummary
from console.ui.screens.confirm import BriefConfirm, ConfirmScreen, PlanQuestion
from console.ui.screens.params import ParamsScreen
from console.ui.screens.small import TooSmall
from console.ui.widgets.name_field import NameField
from tests.fakes.screen import FakeWorld, living_world, make_world
from tests.fakes.world_values import make_production, make_staging
from tests.ui.driving import Driver, driven


@pytest.fixture(autouse=True)
def typed_slowly(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Keys a tenth of a second apart, whatever the test's own speed; a test may set the step."""
    state = [0.1, 0.0]

    def stamp(self: NameField, event: events.Key) -> float:
        state[1] += state[0]
        return state[1]

    monkeypatch.setattr(NameField, "stamp", stamp)
    return state


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def asked(screen: Driver, kind: type[PlanQuestion] = ConfirmScreen) -> PlanQuestion:
    """The question, once it has been painted."""
    await screen.until(lambda: isinstance(screen.app.screen, kind))
    question = screen.app.screen
    assert isinstance(question, PlanQuestion)
    await screen.until(lambda: question._drawn_at is not None)
    return question


async def test_keys_act_on_the_banner_never_on_the_cursor(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("1", "j")
        row = screen.table(1).model.current
        assert row is not None and row.key == "environment:staging"
        await screen.press("D")
        question = await asked(screen)
        assert question.plan.environment == "production"
        assert [planned[:2] for planned in world.runs.planned] == [("production", "deploy")]
        await screen.press("escape")
        assert world.runs.started == []


async def test_the_plan_shows_hosts_steps_commands_notes_and_danger(world: FakeWorld) -> None:
    world.runs.notes = ("2 migrations stay when rolled back",)
    async with driven(world, (120, 40)) as screen:
        await screen.press("D")
        await asked(screen)
        await screen.settle()
        for shown in (
            "▲ 2 migrations stay",
            "deploy@web1.internal",
            "now 20261121-3",
            "php artisan migrate --force",
            "destructive",
            "once",
            "9f8e7d6c5b4a",
            "all probes for 2m",
            "taken for the whole run",
        ):
            assert shown in screen.text


async def test_a_protected_environment_wants_its_exact_name_two_seconds_after_the_plan(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("D")
        question = await asked(screen)
        assert isinstance(screen.app.focused, NameField)
        await screen.press(*"productio", "enter")
        assert "That is not production" in screen.text and screen.app.screen is question
        await screen.press("n", "enter")
        assert "two seconds" in screen.text and screen.app.screen is question
        world.clock.advance(2.1)
        await screen.press("enter")
        await screen.until(lambda: world.runs.started)
        plan, confirmation = world.runs.started[0]
        assert (plan.environment, confirmation.typed, confirmation.yes) == ("production", "production", False)
        await screen.until(lambda: screen.main.arrangement.drawer_open)
        assert world.runs.followed[-1] == 42


async def test_pasted_text_is_not_a_typed_name(world: FakeWorld, typed_slowly: list[float]) -> None:
    async with driven(world) as screen:
        await screen.press("D")
        await asked(screen)
        world.clock.advance(5)
        field = screen.app.screen.query_one(NameField)
        field.post_message(events.Paste("production"))
        await screen.until(lambda: "Type it" in screen.text)
        assert field.value == ""
        typed_slowly[0] = 0.005
        await screen.press(*"production", "enter")
        assert field.value != "production"
        await screen.until(lambda: "Nothing has been started. Type it key by key" in screen.text)
        assert world.runs.started == []
        await screen.press("ctrl+v")
        assert field.value != "production"


async def test_normal_tier_has_cancel_focused_and_run_asleep_for_two_seconds() -> None:
    world = make_world(make_staging())
    async with driven(world) as screen:
        await screen.press("D")
        await asked(screen)
        assert screen.app.focused is not None and screen.app.focused.id == "cancel"
        run = screen.app.screen.query_one("#run")
        assert run.has_class("-asleep")
        await screen.press("tab", "enter")
        assert screen.app.focused.id == "run" and "Read the plan first" in screen.text
        assert world.runs.started == []
        world.clock.advance(2.1)
        await screen.until(lambda: not run.has_class("-asleep") and not run.has_class("-active"))
        await screen.press("enter")
        await screen.until(lambda: world.runs.started)
        assert world.runs.started[0][1].yes


async def test_a_plan_that_could_not_be_seen_takes_no_key_until_it_stood_there_for_two_seconds() -> None:
    world = make_world(make_staging())
    async with driven(world) as screen:
        await screen.press("D")
        question = await asked(screen)
        await screen.pilot.resize_terminal(30, 8)
        await screen.until(lambda: isinstance(screen.app.screen, TooSmall))
        world.clock.advance(5)
        await screen.pilot.resize_terminal(120, 36)
        await screen.until(lambda: screen.app.screen is question and question._drawn_at is not None)
        await screen.press("tab", "enter")
        assert world.runs.started == [] and "Read the plan first" in screen.text
        await screen.press("escape")


async def test_a_plan_that_comes_while_the_terminal_is_too_small_waits_beneath() -> None:
    world = make_world(make_staging())
    async with driven(world) as screen:
        plan = world.runs.plan("staging", "deploy", {})
        await screen.pilot.resize_terminal(30, 8)
        await screen.until(lambda: isinstance(screen.app.screen, TooSmall))
        screen.app.push_screen(ConfirmScreen(plan, world.clock.monotonic), lambda _answer: None)
        await screen.settle()
        world.clock.advance(5)
        await screen.until(lambda: isinstance(screen.app.screen, TooSmall))
        await screen.press("tab", "enter")
        await screen.pilot.resize_terminal(120, 36)
        question = await asked(screen)
        await screen.press("tab", "enter")
        assert screen.app.screen is question and "Read the plan first" in screen.text
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is screen.main)


async def test_enter_on_the_focused_cancel_runs_nothing() -> None:
    world = make_world(make_staging())
    async with driven(world) as screen:
        await screen.press("D")
        await asked(screen)
        world.clock.advance(5)
        await screen.press("enter")
        await screen.until(lambda: screen.app.screen is screen.main)
        assert world.runs.started == []


async def test_a_refusal_says_why_and_plans_nothing(world: FakeWorld) -> None:
    world.runs.refusals["production", "deploy"] = "read-only: open a change window first"
    async with driven(world) as screen:
        await screen.press("D")
        assert "deploy: read-only: open a change window first (U)" in screen.notices
        assert world.runs.planned == []


async def test_a_refused_key_is_audited_once_however_long_it_is_held(world: FakeWorld) -> None:
    world.runs.refusals["production", "deploy"] = why = "read-only: open a change window first"
    async with driven(world) as screen:
        await screen.press("D", "D", "D")
        await screen.until(lambda: world.runs.refused == [("production", "deploy", why)])
        world.clock.advance(3)
        await screen.press("D")
        await screen.until(lambda: len(world.runs.refused) == 2)


async def test_u_and_l_open_and_close_the_change_window_of_the_banner(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("1", "j", "U")
        await screen.until(lambda: "change window 15:00 left" in screen.banner)
        assert list(world.windows.windows) == ["production"]
        world.clock.advance(61)
        await screen.until(lambda: "13:59" in screen.banner)
        await screen.press("L")
        await screen.until(lambda: "read-only" in screen.banner)


async def test_a_row_that_has_just_come_under_the_cursor_takes_no_key(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4", "v")
        world.clock.advance(10)
        summary = world.board.get("production", "failed_jobs")
        assert summary is not None and isinstance(summary.value, FailedSummary)
        page = replace(summary.value.page, jobs=summary.value.page.jobs[1:])
        before = screen.table(4).model.rows[0].key
        world.board.put("production", "failed_jobs", replace(summary.value, page=page))
        await screen.until(lambda: screen.table(4).model.rows[0].key != before)
        world.clock.advance(0.3)
        await screen.press("r")
        assert any("has just changed" in notice for notice in screen.notices)
        assert world.runs.planned == []
        world.clock.advance(0.3)
        await screen.press("r")
        await asked(screen, BriefConfirm)


async def test_asked_parameters_come_before_the_plan(world: FakeWorld) -> None:
    ref = Param(name="ref", type=ParamType.GIT_REF, default="{app.source.ref}", ask=True, help="Branch or commit")
    step = StepSpec(name="one", kind="shell", params={})
    world.runs.declared = (Action(name="deploy", title="Deploy", steps=(step,), params=(ref,)),)
    async with driven(world) as screen:
        await screen.until(lambda: screen.main.acting is not None and screen.main.acting.names)
        await screen.press("D")
        await screen.until(lambda: isinstance(screen.app.screen, ParamsScreen))
        await screen.settle()
        assert "Branch or commit" in screen.text
        assert world.runs.planned == []
        await screen.press(*"hotfix", "enter")
        await asked(screen)
        assert world.runs.planned[0][2] == {"ref": "hotfix"}


async def test_what_planning_refuses_is_told_in_full(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.errors import RefusedError

    def refuse(*_: object) -> None:
        raise RefusedError("mail fails now.", done="Nothing was changed.", fix="Pass allow_failing=mail.")

    monkeypatch.setattr(world.runs, "plan", refuse)
    async with driven(world) as screen:
        await screen.press("D")
        await screen.until(
            lambda: any("mail fails now." in notice and "allow_failing" in notice for notice in screen.notices)
        )
        await screen.press("D")
        await screen.settle()
        assert sum("mail fails now." in notice for notice in screen.notices) == 2


async def test_a_window_that_cannot_be_opened_lets_no_second_plan_begin(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.errors import StateError

    def refuse(*_: object) -> None:
        raise StateError("The state cannot be written.")

    monkeypatch.setattr(world.windows, "open", refuse)
    # Each key comes with a look at the screen before it.
    monkeypatch.setattr("console.ui.ahead.BURST", 0.0)
    async with driven(world) as screen:
        world.background.held = True
        await screen.press("D")
        await screen.until(lambda: "plan deploy" in world.background.asked)
        world.background.held = False
        await screen.press("U")
        await screen.until(lambda: any("cannot be written" in notice for notice in screen.notices))
        assert screen.main.expecting
        await screen.press("D")
        assert world.background.asked.count("plan deploy") == 1
        world.background.release()
        await asked(screen)
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is screen.main)
        assert not screen.main.expecting


async def test_leaving_an_environment_drops_the_plan_that_was_being_made(world: FakeWorld) -> None:
    async with driven(world) as screen:
        world.background.held = True
        await screen.press("D")
        screen.main.select("staging")
        world.background.release()
        await screen.settle()
        assert screen.app.screen is screen.main
        assert "staging" in screen.banner


async def test_on_one_protected_environment_only_its_own_name_counts() -> None:
    world = make_world(make_production())
    async with driven(world) as screen:
        await screen.press("D")
        await asked(screen)
        world.clock.advance(3)
        for wrong in ("PRODUCTION", "production ", "prod"):
            await screen.press(*(key if key != " " else "space" for key in wrong), "enter")
            assert world.runs.started == []
            screen.app.screen.query_one(NameField).value = ""


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
async def test_no_notice_lies_over_the_field_of_a_dialog(world: FakeWorld, size: tuple[int, int]) -> None:
    async with driven(world, size, toasts=True) as screen:
        screen.main.notice("told before the dialog", "error")
        await screen.until(lambda: "told before the dialog" in screen.text)
        await screen.press("D")
        await asked(screen)
        await screen.until(lambda: "told before the dialog" not in screen.text)
        screen.main.notice("told while the dialog stands", "error")
        await screen.until(lambda: "told while" in screen.text)
        field = screen.app.screen.query_one(NameField).region
        assert all(not toast.region.overlaps(field) for toast in screen.app.screen.query("Toast"))
