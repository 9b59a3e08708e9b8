"""The logs pane as an operator meets it: follow, errors, filters, levels, records in full, and what went wrong."""

from __future__ import annotations

import time

import pytest

from console.domain.log_history import LeftOut
from console.domain.logs import FollowState, FollowStatus, LogRing
from console.ui.screens.detail import DetailScreen
from console.ui.screens.main import MainScreen
from console.ui.widgets.log_view import PERIOD
from console.ui.widgets.text_view import TextView
from tests.fakes.screen import START, FakeWorld, living_world
from tests.ui.log_lines import Writer, screen, settled, shown, title

TRACE = (
    b'[2026-11-21 20:50:58] production.ERROR: RateLimited: 429 from api {"exception":"[object]'
    b" (App\\\\Exceptions\\\\RateLimited(code: 429): 429 from api"
    b" at /srv/app/releases/7/app/Jobs/ProcessCvReview.php:41)\n"
    b"[stacktrace]\n"
    b"#0 /srv/app/releases/7/vendor/laravel/framework/src/A.php(1): f()\n"
    b"#1 /srv/app/releases/7/app/Jobs/ProcessCvReview.php(41): CvReviewService->analyze()\n"
    b"#2 /srv/app/releases/7/vendor/laravel/framework/src/B.php(2): g()\n"
    b'#3 {main}\n"} \n'
)


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_new_lines_appear_at_the_end_with_host_level_and_context(world: FakeWorld) -> None:
    one, two = Writer(world, "web1"), Writer(world, "web2")
    async with shown(world) as (pilot, pane):
        assert screen(pane)[0].strip() == "no line yet: they appear as the application writes them"
        one.line("bulk action done")
        two.line("rate limit near", "WARNING")
        await settled(pilot)
        first, second = [line for line in screen(pane) if line]
        assert first.split() == ["20:50:41", "web1", "INFO", "bulk", "action", "done", '{"ms":912}']
        assert "web2" in second and "WARNING" in second
        assert "laravel.log · web1+web2 · all levels · follow" in title(pane)


async def test_only_the_applications_own_frames_take_a_line(world: FakeWorld) -> None:
    writer = Writer(world)
    async with shown(world) as (pilot, pane):
        writer.write(TRACE)
        await settled(pilot)
        lines = [line.strip() for line in screen(pane) if line]
        assert lines[0].endswith("RateLimited: 429 from api  RateLimited ProcessCvReview.php:41")
        assert lines[1:] == ["#1 app/Jobs/ProcessCvReview.php(41): CvReviewService->analyze()", "… 3 vendor frames"]


async def test_enter_opens_the_whole_record(world: FakeWorld) -> None:
    writer = Writer(world)
    async with shown(world) as (pilot, pane):
        writer.write(TRACE)
        await settled(pilot)
        await pilot.press("enter")
        await pilot.pause()
        detail = pilot.app.screen
        assert isinstance(detail, DetailScreen)
        text = detail.query_one(TextView).text
        for wanted in (
            "App\\Exceptions\\RateLimited",
            "vendor/laravel/framework/src/B.php(2): g()",
            "{main}",
            "web1",
            "429 from api",
        ):
            assert wanted in text
        await pilot.press("escape")
        assert pane.view.window.current is not None


async def test_a_hostile_line_is_harmless(world: FakeWorld) -> None:
    writer = Writer(world)
    async with shown(world) as (pilot, pane):
        writer.write(
            b"[2026-11-21 20:50:41] a.ERROR: \x1b]52;c;eA==\x07 [/x] [@click=app.quit]q[/] \xe2\x80\xae \x9b31m \n"
        )
        writer.write(bytes(range(256)) + b"\n")
        await settled(pilot)
        text = "".join(screen(pane))
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text)
        assert "[@click=app.quit]q[/]" in text
        assert "‹U+202E›" in text
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DetailScreen)


async def test_a_part_of_the_logs_is_called_one(world: FakeWorld) -> None:
    writer = Writer(world)
    writer.offset = 70_000
    for _ in range(12):
        writer.write(b"[2026-11-21 20:51:00] production.ERROR: boom \n")
    async with shown(world) as (pilot, pane):
        assert "newest 12 lines · ≥12 err/min" in title(pane)
        world.tails.lost["production"] = (LeftOut("web1", "laravel.log", "from byte 5 on, the file is gone"),)
        world.clock.advance(180)
        world.tails.publish(("logs", "production"))
        await settled(pilot)
        assert "web1 laravel.log: not read, from byte 5 on, the file is gone" in title(pane)
        assert "≥" not in title(pane).partition("err/min")[0].rpartition("·")[2], "these minutes were read whole"


async def test_troubles_and_errors_a_minute_stand_in_the_border(world: FakeWorld) -> None:
    writer = Writer(world)
    for _ in range(7):
        writer.write(b"[2026-11-21 20:51:00] production.ERROR: boom \n")
    async with shown(world) as (pilot, pane):
        assert "7 err/min" in title(pane)
        assert "7 err/min" in pane.summary_line().plain
        assert "boom" in pane.summary_line().plain
        world.tails.followed["production"] = (
            FollowStatus(
                host="web2", file="laravel.log", state=FollowState.DOWN, since=START, detail="the link was cut"
            ),
        )
        world.clock.advance(185)
        world.tails.publish(("logs", "production"))
        await settled(pilot)
        assert "web2: no link 3m, the link was cut" in title(pane)


async def test_what_is_missing_is_said(world: FakeWorld) -> None:
    world.tails.followed["production"] = (
        FollowStatus(host="web1", file="laravel.log", state=FollowState.WAITING, since=START),
    )
    async with shown(world) as (pilot, pane):
        assert screen(pane)[0].strip() == "laravel.log does not exist yet on web1; it is waited for"
        world.tails.followed["production"] = ()
        world.tails.publish(("logs", "production"))
        await settled(pilot)
        pane.view.refresh()
        assert "name them under logs:" in screen(pane)[0]


async def test_the_ring_dropping_what_is_looked_at_moves_on(world: FakeWorld) -> None:
    world.tails.rings["production"] = LogRing(max_lines=200)
    writer = Writer(world)
    for n in range(150):
        writer.write(f"[2026-11-21 20:50:41] production.INFO: order {n} {'x' * 400}\n".encode())
    async with shown(world) as (pilot, pane):
        await pilot.press("g")
        for n in range(150, 900):
            writer.write(f"[2026-11-21 20:50:41] production.INFO: order {n} {'x' * 400}\n".encode())
        await settled(pilot)
        assert screen(pane)[0]
        assert pane.view.window.current is not None


async def test_bookmarks_copy_and_the_equivalent_command(world: FakeWorld) -> None:
    writer = Writer(world)
    writer.line("order 1")
    async with shown(world) as (pilot, pane):
        await pilot.press("b")
        await settled(pilot)
        assert screen(pane)[0].startswith("◆")
        assert pane.copy_text().endswith('order 1  {"ms":912}')
        await pilot.press("v", "v")
        assert pane.copy_command() == "opsconsole logs -e production --follow --level warning"


async def test_another_environment_shows_its_own_ring(world: FakeWorld) -> None:
    Writer(world).line("of production")
    Writer(world, environment="staging").line("of staging")
    async with shown(world) as (pilot, pane):
        assert "of production" in "".join(screen(pane))
        assert isinstance(pane.screen, MainScreen)
        pane.screen.select("staging")
        await settled(pilot)
        assert "of staging" in "".join(screen(pane))
        assert "of production" not in "".join(screen(pane))


async def test_fifty_thousand_lines_repaint_at_most_a_dozen_times_a_second(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(world)
    chunk = b"".join(b"[2026-11-21 20:50:41] production.INFO: order %06d {} \n" % n for n in range(1000))
    async with shown(world) as (pilot, pane):
        paints = 0
        repaint = pane.view._repaint

        def counted() -> None:
            nonlocal paints
            paints += 1
            repaint()

        monkeypatch.setattr(pane.view, "_repaint", counted)
        started = time.monotonic()
        for _ in range(50):
            writer.write(chunk)
            await pilot.pause(0.01)
        await settled(pilot)
        assert paints <= (time.monotonic() - started) / PERIOD + 2
        assert "order 000999" in screen(pane)[-1]
        assert pane.view.window.ring.lines == 50_000


async def test_why_nothing_stands_there_is_painted_when_it_changes() -> None:
    world = living_world()
    world.tails.followed["production"] = (
        FollowStatus(host="web1", file="laravel.log", state=FollowState.CONNECTING, since=START),
    )
    async with shown(world) as (pilot, _):

        def painted() -> str:
            return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())

        assert "connecting …" in painted()
        world.tails.followed["production"] = (
            FollowStatus(host="web1", file="laravel.log", state=FollowState.FOLLOWING, since=START),
        )
        world.tails.publish(("logs", "production"))
        await settled(pilot)
        assert "no line yet" in painted() and "connecting …" not in painted()
