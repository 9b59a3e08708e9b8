"""The bridge: one message per key until taken, answers back to who asked."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import pytest
from textual.message import Message

from console.errors import OpsconsoleError, UsageError
from console.ui.bridge import Bridge, KeyPublished


class FakeLoop:
    """Runs later what it is given, when told."""

    def __init__(self) -> None:
        self.todo: list[Callable[[], None]] = []
        self.closed = False

    def later(self, work: Callable[[], None]) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.todo.append(work)

    def run(self) -> None:
        todo, self.todo = self.todo, []
        for work in todo:
            work()


class FakeBackground:
    """Keeps submitted work until `finish`."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.work: dict[str, Callable[[], object]] = {}

    def submit(self, name: str, work: Callable[[], object], *, urgent: bool = False) -> str:
        ticket = f"{name}-{len(self.work)}" + ("-urgent" if urgent else "")
        self.work[ticket] = work
        return ticket

    def collect(self, ticket: str) -> object:
        return self.work.pop(ticket)()

    def finish(self) -> None:
        for ticket in list(self.work):
            self.bridge.publish(("answer", ticket))


class World:
    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.posted: list[Message] = []
        self.bridge = Bridge(self.loop.later, self.posted.append)
        self.background = FakeBackground(self.bridge)
        self.bridge.connect(self.background)

    @property
    def keys(self) -> list[tuple[str, ...]]:
        return [message.key for message in self.posted if isinstance(message, KeyPublished)]


@pytest.fixture
def world() -> World:
    return World()


def test_a_key_is_told_once_until_it_is_taken(world: World) -> None:
    key = ("source", "production", "queues")
    for _ in range(100):
        world.bridge.publish(key)
    world.loop.run()
    assert world.keys == [key]
    world.bridge.take(key)
    world.bridge.publish(key)
    world.loop.run()
    assert world.keys == [key, key]


def test_keys_from_many_threads_arrive_once_each(world: World) -> None:
    keys = [("source", "e", str(n)) for n in range(50)]
    threads = [Thread(target=lambda: list(map(world.bridge.publish, keys))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.loop.run()
    assert set(world.keys) == set(keys)


def test_publishing_after_the_screen_has_gone_is_quiet(world: World) -> None:
    world.loop.closed = True
    world.bridge.publish(("source", "e", "queues"))


def test_an_answer_goes_to_who_asked(world: World) -> None:
    values: list[int] = []
    errors: list[OpsconsoleError] = []
    world.bridge.ask(lambda: 42, values.append, errors.append)
    world.background.finish()
    assert values == []
    world.loop.run()
    assert (values, errors, world.keys) == ([42], [], [])


def test_an_error_of_ours_goes_to_failed(world: World) -> None:
    errors: list[OpsconsoleError] = []

    def work() -> int:
        raise UsageError("no such job")

    world.bridge.ask(work, lambda _: None, errors.append)
    world.background.finish()
    world.loop.run()
    assert [error.what for error in errors] == ["no such job"]


def test_an_answer_for_an_environment_that_was_left_is_dropped(world: World) -> None:
    values: list[int] = []
    world.bridge.ask(lambda: 1, values.append, lambda _: None)
    world.bridge.advance()
    world.background.finish()
    world.loop.run()
    assert values == []


def test_asking_before_services_exist_says_so() -> None:
    errors: list[OpsconsoleError] = []
    Bridge(FakeLoop().later, lambda _: None).ask(lambda: 1, lambda _: None, errors.append)
    assert "still starting" in errors[0].what


def test_what_is_urgent_says_so_to_the_service_threads(world: World) -> None:
    world.bridge.ask(lambda: 1, lambda _: None, lambda _: None, "abort", urgent=True)
    world.bridge.ask(lambda: 1, lambda _: None, lambda _: None, "plan")
    assert list(world.background.work) == ["abort-0-urgent", "plan-1"]
