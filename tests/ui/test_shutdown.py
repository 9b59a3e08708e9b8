"""What is said once the screen has gone."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from threading import Event

import pytest

from console.domain.runs import EventKind
from console.ports import Publish
from console.services.container import Services
from console.ui.app import ConsoleApp
from console.ui.panes.run_drawer import RunDrawer
from console.ui.shutdown import Closing, tell_run
from tests.fakes.screen import living_world, start_deploy
from tests.ui.driving import driven
from tests.waiting import eventually, eventually_on


def nobody(_key: tuple[str, ...]) -> None:
    """A publish that nobody hears."""


def test_a_run_that_goes_on_is_named_with_a_command_that_finds_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    world = living_world()
    publish: Publish = nobody
    services = world.factory(publish)
    production = world.environments[0]
    run = start_deploy(world, production.name)
    tell_run(services, production, "opsconsole {} --config /etc/ops.yaml".format)
    told = capsys.readouterr().err
    assert told == f"Run {run} goes on. Come back with: opsconsole runs attach {run} --config /etc/ops.yaml\n"
    world.runs.add(run, EventKind.RUN_FINISHED, outcome="ok")
    tell_run(services, production, "opsconsole {}".format)
    tell_run(services, None, "opsconsole {}".format)
    assert capsys.readouterr().err == ""


async def test_what_comes_while_the_screen_is_taken_apart_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[str] = []

    def when_gone(drawer: RunDrawer) -> None:
        """The drawer has left, the screen that asks for it has not."""
        main = screen.main
        for name, reached in (("answer", main.actions_changed), ("second", main._tick), ("key", main._flush)):
            late.append(name)
            screen.app._later(reached) if name == "answer" else main.call_next(reached)

    async with driven(living_world()) as screen:
        monkeypatch.setattr(RunDrawer, "on_unmount", when_gone, raising=False)
    assert late == ["answer", "second", "key"]
    assert screen.app.crash is None and screen.app._exception is None


async def test_services_that_are_built_too_late_are_no_error_and_are_closed(
    recwarn: pytest.WarningsRecorder,
) -> None:
    world, release, closed = living_world(), Event(), list[str]()

    def slow(publish: Publish) -> Services:
        release.wait(10)
        return replace(world.factory(publish), close=lambda: closed.append("services"))

    # Other tests' services may still be built.
    before = set(threading.enumerate())

    def building() -> bool:
        return any(each.name == "services" for each in set(threading.enumerate()) - before)

    app = ConsoleApp(slow)
    async with app.run_test() as pilot:
        await eventually_on(pilot, building)
    release.set()
    await asyncio.to_thread(eventually, lambda: app.built is not None and not building())
    Closing(lambda: app.built).close()
    assert closed == ["services"]
    assert app.services is None and app.crash is None
    assert [str(one.message) for one in recwarn if "services" in str(one.message)] == []
