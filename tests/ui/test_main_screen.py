"""The main screen by keys: focus, zoom, sizes, filters, environments, live changes, command line, copy."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Event
from typing import cast

import pytest
from textual import events

from console.domain.failures import FailedPage, FailedSummary
from console.domain.health import Status
from console.domain.queues import QueueReading
from console.domain.untrusted import Raw
from console.ports import Publish
from console.services.container import Services
from console.ui.app import ConsoleApp
from console.ui.command_index import all_commands, commands_of
from console.ui.palette import entries
from console.ui.panes.failed_jobs import FailedJobsPane
from console.ui.screens.detail import DetailScreen
from console.ui.screens.help import HelpScreen
from tests.fakes.screen import FakeWorld, fill, living_world, make_world
from tests.fakes.world_values import make_probes, make_production, make_queues, make_staging, queue
from tests.ui.driving import Driver, driven

NO_QUEUES = QueueReading(connection="redis", driver="redis", queues=(), server_time=0)
TITLES = ("1 Environments", "2 Queues", "3 Health", "4 Failed jobs", "5 Checklist", "6 Logs")


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_six_panes_stand_at_120_by_36(world: FakeWorld) -> None:
    async with driven(world) as screen:
        for title in TITLES:
            assert title in screen.text
        for shown in ("bulk-actions", "4,812", "ProcessCvReview", "laravel-worker", "Deploy code changes", "mail"):
            assert shown in screen.text


async def test_the_banner_says_what_every_key_acts_on(world: FakeWorld) -> None:
    async with driven(world) as screen:
        assert screen.banner.startswith(" PROTECTED   production")
        assert "20261121-3 (a1b2c3d)" in screen.banner and "read-only" in screen.banner
        assert "20:51Z" in screen.banner


async def test_the_keys_that_are_live_in_a_pane_are_those_of_its_chain(world: FakeWorld) -> None:
    async with driven(world) as screen:
        for number, pane in screen.main.panes.numbered.items():
            await screen.press(str(number))
            nodes = screen.main.focused.ancestors_with_self if screen.main.focused else ()
            ids = {binding.id for node in nodes for _, binding in node._bindings}
            live = {each.where for each in all_commands() if each.id in ids}
            assert live == {where for where in ("app", "main", *pane.CHAIN, pane.NAME) if commands_of(where)}


async def test_digits_tab_and_zoom_move_the_focus(world: FakeWorld) -> None:
    async with driven(world) as screen:
        for number in "23456":
            await screen.press(number)
            assert screen.main.panes[int(number)].has_focus_within
        await screen.press("2", "tab")
        assert screen.main.panes[3].has_focus_within
        await screen.press("shift+tab", "shift+tab")
        assert screen.main.panes[1].has_focus_within
        await screen.press("2", "z")
        assert "4 Failed jobs" not in screen.text and "per min" in screen.text
        await screen.press("escape")
        assert "4 Failed jobs" in screen.text


async def test_a_change_from_outside_appears_without_a_key(world: FakeWorld) -> None:
    async with driven(world) as screen:
        reading = make_queues()
        world.board.put(
            "production",
            "redis_queues",
            QueueReading(
                connection="redis", driver="redis", queues=(*reading.queues, queue("fresh", 9, 0, 0)), server_time=0
            ),
        )
        await screen.until(lambda: "fresh" in screen.text)
        world.board.put("production", "probes", _all_down(world))
        await screen.until(lambda: screen.table(3).model.rows[0].cells[2].text == "500")


def _all_down(world: FakeWorld) -> object:
    reading = make_probes(world.clock.now())
    return replace(
        reading, probes=tuple(replace(probe, status=Status.FAILED, http_status=500) for probe in reading.probes)
    )


async def test_an_error_is_one_line_in_the_border_beside_the_last_good_value(world: FakeWorld) -> None:
    async with driven(world) as screen:
        world.clock.advance(30)
        world.board.fail("production", "redis_queues", "Redis does not answer within 2 s")
        await screen.until(lambda: "Redis does not answer" in screen.text)
        assert "4,812" in screen.text and "30s old: Redis" in screen.text
        assert screen.main.panes[2].has_class("-failing")
        states = {cell.state for row in screen.table(2).model.rows for cell in row.cells}
        assert screen.table(2).stale and "error" in states
        # Counts in the title are of the same old reading.
        assert screen.main.panes[2]._extra == (("1 stuck", "dim"),)


async def test_old_readings_are_marked_old_and_never_ok(world: FakeWorld) -> None:
    staging = make_staging()
    world = make_world(staging)
    fill(world, "staging", calm=True)
    async with driven(world) as screen:
        assert screen.table(1).model.rows[0].cells[2].text == "ok"
        world.clock.advance(3600)
        await screen.until(lambda: "1 h ago" in screen.text)
        assert screen.table(1).model.rows[0].cells[2].text != "ok"
        assert screen.main.panes[3].has_class("-stale")


async def test_before_anything_was_read_each_pane_says_so() -> None:
    async with driven(make_world(make_production())) as screen:
        assert screen.text.count("reading …") >= 3
        assert "●" not in screen.text


async def test_empty_panes_say_the_next_step() -> None:
    world = make_world(make_staging())
    world.board.put(
        "staging", "redis_queues", QueueReading(connection="redis", driver="redis", queues=(), server_time=0)
    )
    async with driven(world) as screen:
        await screen.until(lambda: "no queue found yet" in screen.text)
        assert "no checklist" in screen.text


async def test_enter_selects_an_environment_everywhere(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("1", "j", "enter")
        await screen.until(lambda: "staging" in screen.banner)
        assert "NORMAL" in screen.banner and "read-only" not in screen.banner
        assert world.polling.selected == ["production", "staging"]
        assert world.tails.selected == ["production", "staging"]
        assert "140" in screen.text and "4,812" not in screen.text
        assert screen.app.title.startswith("staging")


async def test_answers_for_the_environment_that_was_left_are_dropped(world: FakeWorld) -> None:
    async with driven(world) as screen:
        world.background.held = True
        await screen.press("4", "enter")
        screen.main.select("staging")
        world.background.release()
        await screen.settle()
        assert not isinstance(screen.app.screen, DetailScreen)


async def test_a_filter_narrows_while_typed_and_escape_leaves_it(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("2", "slash", "b", "u", "l", "k")
        assert [row.key for row in screen.table(2).model.rows] == ["redis:bulk-actions"]
        await screen.press("enter")
        assert screen.table(2).has_focus
        await screen.press("escape")
        assert len(screen.table(2).model.rows) == 5
        await screen.press("slash", "exclamation_mark", "b", "u", "l", "k", "enter")
        assert len(screen.table(2).model.rows) == 4


async def test_the_command_line_completes_and_runs(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("colon", *"env", "tab")
        assert screen.main.line.value == "env production"
        await screen.press("tab", "enter")
        await screen.until(lambda: "staging" in screen.banner)
        await screen.press("colon", *"deplo", "enter")
        assert "no command :deplo; nearest is :deploy" in screen.notices
        await screen.press("colon", *"theme light", "enter")
        assert screen.app.theme == "light"
        await screen.press("colon", *"checklist deploy", "enter")
        assert screen.main.panes[5].has_focus_within
        await screen.press("colon", *"q", "enter")
        await screen.until(lambda: not screen.app.is_running or screen.app._exit)


async def test_help_shows_the_command_table(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, HelpScreen) and "Everywhere" in screen.text)
        seen = screen.text
        await screen.press("G")
        await screen.settle()
        seen += screen.text
        assert "Deploy: shows the plan, then asks" in seen
        assert "Backup" not in seen, "there is no such action here"
        await screen.press("escape")
        assert screen.app.screen is screen.main


async def test_help_begins_with_the_keys_that_are_live_where_the_focus_is(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4", "question_mark")
        await screen.until(lambda: "Failed jobs pane" in screen.text)
        lines = [line for line in screen.text.splitlines() if "Keys" in line or "Failed jobs pane" in line]
        assert "Keys" in lines[0] and "Failed jobs pane" in lines[1]
        await screen.press("escape", "6", "question_mark")
        await screen.until(lambda: "Logs pane" in screen.text)


async def test_the_palette_begins_with_the_actions(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4")
        titles = [title for title, _, _ in entries(screen.main)]
        assert titles[:3] == ["deploy  (D)", "rollback  (R)", "cleanup  (C)"]
        assert titles[3].startswith("Failed jobs pane: ")


async def test_the_palette_runs_what_it_finds(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("ctrl+p")
        await screen.until(lambda: "Search commands" in screen.text)
        await screen.press(*"zoom")
        await screen.until(lambda: "Give the focused pane" in screen.text)
        await screen.press("enter")
        await screen.until(lambda: screen.main.arrangement.zoomed)


async def test_y_copies_the_row_and_capital_y_its_command_line(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("2", "j", "y")
        assert screen.app.clipboard.startswith("bulk-actions  4,812")
        await screen.press("Y")
        assert screen.app.clipboard == "opsconsole queues -e production"


async def test_z_shows_local_time(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        async with driven(world) as screen:
            await screen.press("Z")
            await screen.until(lambda: "05:51 " in screen.banner)
            assert "Z" not in screen.banner
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_ctrl_c_closes_a_dialog_and_twice_detaches(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("question_mark", "ctrl+c")
        assert screen.app.screen is screen.main
        await screen.press("ctrl+c")
        assert any("again detaches" in notice for notice in screen.notices)
        await screen.press("ctrl+c")
        await screen.until(lambda: screen.app._exit)
        assert screen.app.return_code == 0


async def test_the_last_failed_job_loads_the_next_page(world: FakeWorld) -> None:
    older = world.failed.jobs[-1]
    world.failed.jobs = [
        *world.failed.jobs,
        *(replace(older, id=older.id - n, uuid=f"old-{n:04}") for n in range(1, 151)),
    ]
    async with driven(world) as screen:
        await screen.press("4", "v", "G")
        await screen.until(lambda: len(screen.table(4).model.rows) == 200)
        await screen.press("G")
        await screen.until(lambda: len(screen.table(4).model.rows) == 250)
        assert world.failed.pages == [older.id, older.id - 100]


async def test_a_failed_job_opens_with_its_chain_and_payload(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.settle()
        for shown in ("App\\Exceptions\\RateLimited", "caused by", "14 vendor frames", "maxTries", "candidate"):
            assert shown in screen.text
        await screen.press("escape")
        assert screen.table(4).has_focus


async def test_hostile_text_is_harmless_everywhere(world: FakeWorld) -> None:
    evil = "\x1b]52;c;aGk=\x07[red]x[/x] \x1b[31m\u202eevil [@click=app.quit]go[/]"
    jobs = tuple(
        replace(job, job=Raw.of(f"App\\{evil}"), message=Raw.of(evil), queue=evil) for job in world.failed.jobs[:3]
    )
    world.failed.jobs = list(jobs)
    world.board.put(
        "production",
        "failed_jobs",
        FailedSummary(page=FailedPage(total=3, total_is_exact=True, next=None, jobs=jobs), since_hour=3),
    )
    world.board.fail("production", "probes", f"{evil}".replace("\x1b", "␛").replace("\x07", "␇"))
    async with driven(world) as screen:
        await screen.press("4", "v")
        await screen.settle()
        assert "\x1b" not in screen.text and "\u202e" not in screen.text
        assert "[red]x[/x]" in screen.text or "[red]" in "".join(row.text for row in screen.table(4).model.rows)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.settle()
        assert "\x1b" not in screen.text and "\u202e" not in screen.text and "[/x]" in screen.text


async def test_keys_work_before_services_exist() -> None:
    release = Event()
    world = living_world()

    def slow(publish: Publish) -> Services:
        release.wait(10)
        return world.factory(publish)

    app = ConsoleApp(slow)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = Driver(app, pilot, world)
        for title in TITLES:
            assert title in screen.text
        await screen.press(
            "D", "U", "L", "2", "r", "x", "v", "enter", "ctrl+r", "0", "a", "X", "h", "o", "escape", "4", "r"
        )
        assert any("still starting" in notice for notice in screen.notices)
        release.set()
        await screen.until(lambda: "bulk-actions" in screen.text)


async def test_keys_typed_at_once_reach_what_the_key_before_them_opened(world: FakeWorld) -> None:
    """As a terminal sends them after the screen was busy: all in one piece."""
    async with driven(world) as screen:
        for key in ("4", "v", "6", "z"):
            screen.app.post_message(events.Key(key, key))
        await screen.until(lambda: screen.main.arrangement.zoomed and screen.main.arrangement.focused == 6)
        assert not cast("FailedJobsPane", screen.main.panes[4]).grouped
        for key, character in (("z", "z"), ("colon", ":"), ("q", "q"), ("u", "u")):
            screen.app.post_message(events.Key(key, character))
        await screen.until(lambda: screen.main.line.value == "qu")
        assert not screen.app._exit


async def test_enter_on_the_banners_environment_opens_its_troubles_and_hosts_in_words() -> None:
    world = living_world(make_production())
    async with driven(world) as screen:
        await screen.press("1", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, DetailScreen))
        await screen.until(lambda: "mail failed" in screen.text)
        for shown in (
            "1 job stuck in bulk-actions on redis",
            "load 0.42 (1 min) on 4 cores",
            "memory 61 % used, disk 71 % used",
        ):
            assert shown in screen.text
        assert "bulk-worker" in screen.text and "stopped 1/2" in screen.text
