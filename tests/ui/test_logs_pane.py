"""The logs pane as an operator meets it: follow, errors, filters, levels, records in full, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from console.domain.log_format import Level
from console.domain.logs import FollowState, FollowStatus, LogRing, Origin
from console.ui.app import ConsoleApp
from console.ui.panes.logs import LogsPane
from console.ui.screens.detail import DetailScreen
from console.ui.screens.main import MainScreen
from console.ui.widgets.log_view import PERIOD
from console.ui.widgets.text_view import TextView
from tests.fakes.screen import START, FakeWorld, living_world

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


class Writer:
    """Appends to a ring as a follower would."""

    def __init__(self, world: FakeWorld, host: str = "web1", environment: str = "production") -> None:
        self.world = world
        self.ring = world.tails.ring(environment)
        self.environment = environment
        self.origin = Origin(host, "storage/logs/laravel.log", f"8:{host}")
        self.offset = 0

    def write(self, data: bytes) -> None:
        minute = int(self.world.clock.now().timestamp()) // 60
        self.ring.append(self.origin, self.offset, data, minute=minute)
        self.offset += len(data)
        self.world.tails.publish(("logs", self.environment))

    def line(self, text: str, level: str = "INFO") -> None:
        self.write(f'[2026-11-21 20:50:41] production.{level}: {text} {{"ms":912}} \n'.encode())


@asynccontextmanager
async def shown(world: FakeWorld, size: tuple[int, int] = (140, 40)) -> AsyncIterator[tuple[Pilot[None], LogsPane]]:
    """The screen with the logs pane focused."""
    app = ConsoleApp(world.factory)
    async with app.run_test(size=size) as pilot:
        for _ in range(200):
            if app.services is not None:
                break
            await pilot.pause(0.01)
        await pilot.press("6")
        await settled(pilot)
        yield pilot, app.main.query_one(LogsPane)


async def settled(pilot: Pilot[None]) -> None:
    """Long enough for a repaint that was put off."""
    await pilot.pause(0.12)
    await pilot.pause()


def screen(pane: LogsPane) -> list[str]:
    """What the window shows, line by line."""
    view = pane.view
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def title(pane: LogsPane) -> str:
    return f"{pane.border_title} | {pane.border_subtitle}"


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
        assert pane.view.current is not None


async def test_moving_up_stands_still_and_g_follows_again(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(200):
        writer.line(f"order {n}")
    async with shown(world) as (pilot, pane):
        assert "order 199" in screen(pane)[-1]
        await pilot.press("k")
        await settled(pilot)
        before = screen(pane)
        for n in range(200, 230):
            writer.line(f"order {n}")
        await settled(pilot)
        assert screen(pane) == before
        assert "standing, 30 new lines" in title(pane)
        await pilot.press("G")
        await settled(pilot)
        assert "order 229" in screen(pane)[-1]
        assert "follow" in title(pane)


async def test_pages_and_ends(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(100):
        writer.line(f"order {n:03}")
    async with shown(world) as (pilot, pane):
        height = pane.view.size.height
        await pilot.press("g")
        assert "order 000" in screen(pane)[0]
        await pilot.press("pagedown")
        assert pane.view.current is not None
        assert pane.view.current.message.show() == f"order {height - 1:03}"
        await pilot.press("j", "j")
        assert pane.view.current.message.show() == f"order {height + 1:03}"
        assert f"order {height + 1:03}" in screen(pane)[-1]
        await pilot.press("pageup")
        assert "order 000" not in screen(pane)[-1]
        for _ in range(30):
            await pilot.press("pagedown")
        assert pane.view.following
        assert "order 099" in screen(pane)[-1]


async def test_e_and_E_go_from_error_to_error(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(300):
        writer.line(f"order {n}", "ERROR" if n % 100 == 50 else "INFO")
    async with shown(world) as (pilot, pane):
        seen = []
        for key in ("E", "E", "E", "e"):
            await pilot.press(key)
            assert pane.view.current is not None
            seen.append(pane.view.current.message.show())
            assert any(seen[-1] in line for line in screen(pane))
        assert seen == ["order 250", "order 150", "order 50", "order 150"]


async def test_filter_inverse_and_escape(world: FakeWorld) -> None:
    writer = Writer(world)
    for n in range(60):
        writer.line(f"order {n}" if n % 2 else f"invoice {n}")
    async with shown(world) as (pilot, pane):
        await pilot.press("slash", *"invoice", "enter")
        await settled(pilot)
        assert all("invoice" in line for line in screen(pane))
        assert "/invoice" in title(pane)
        writer.line("order late")
        await settled(pilot)
        assert all("invoice" in line for line in screen(pane))
        await pilot.press("slash", *(["backspace"] * 7), "exclamation_mark", *"invoice", "enter")
        await settled(pilot)
        assert all("order" in line for line in screen(pane))
        await pilot.press("escape")
        await settled(pilot)
        assert "invoice" in "".join(screen(pane)) and "order" in "".join(screen(pane))
        await pilot.press("k")
        await pilot.press("N")
        assert pane.view.current is not None
        assert "invoice" not in pane.view.current.message.show()


async def test_the_level_threshold(world: FakeWorld) -> None:
    writer = Writer(world)
    for n, level in enumerate(("DEBUG", "INFO", "WARNING", "ERROR")):
        writer.line(f"order {n}", level)
    async with shown(world) as (pilot, pane):
        counts = []
        for _ in range(4):
            counts.append(len([line for line in screen(pane) if line]))
            await pilot.press("v")
            await settled(pilot)
        assert counts == [4, 3, 2, 1]
        assert pane.view.where.level is Level.NONE
        pane.view.set_level(Level.EMERGENCY)
        assert "no line kept here matches" in screen(pane)[0]


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
        assert pane.view.current is not None


async def test_bookmarks_copy_and_the_equivalent_command(world: FakeWorld) -> None:
    writer = Writer(world)
    writer.line("order 1")
    async with shown(world) as (pilot, pane):
        await pilot.press("b")
        await settled(pilot)
        assert screen(pane)[0].startswith("▶")
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
        assert pane.view._ring.lines == 50_000


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
