"""Log following as the screen has it: lines arrive, links break and come back, nothing comes twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.domain.environment import AppSpec, Environment, Host, Layout, SshTarget, Tier
from console.domain.logs import FollowState, Where
from console.domain.snapshot import Key
from console.errors import OpsconsoleError
from console.ports import Shell
from console.services.tailing.host_follow import followed_files
from console.services.tailing.tailer import Tailer
from console.services.threads.loop import SystemClock
from tests.domain.ring import raw
from tests.fakes.clock import FakeClock
from tests.fakes.local_shell import LocalShell
from tests.fakes.shell import FakeShell
from tests.waiting import eventually


def environment(
    path: str, *, name: str = "lab", hosts: int = 1, logs: tuple[str, ...] = ("laravel.log",)
) -> Environment:
    return Environment(
        name=name,
        tier=Tier.NORMAL,
        url="http://localhost",
        app=AppSpec(path=path, layout=Layout.IN_PLACE),
        hosts=tuple(Host(name=f"web{n + 1}", ssh=SshTarget(alias=f"web{n + 1}")) for n in range(hosts)),
        logs=logs,
    )


def line(number: int, level: str = "INFO") -> bytes:
    return b"[2026-01-05 10:00:00] local.%s: order %06d {} \n" % (level.encode(), number)


class World:
    """A tailer over real scripts on this machine."""

    def __init__(self, tmp_path: Path, **options: Any) -> None:
        self.log = tmp_path / "laravel.log"
        self.shell = LocalShell("web1")
        self.published: list[tuple[float, Key]] = []
        self.environments = [environment(str(tmp_path)), environment(str(tmp_path / "other"), name="other")]
        self.tailer = Tailer(
            self.environments,
            self.reach,
            clock=SystemClock(),
            publish=lambda key: self.published.append((time.monotonic(), key)),
            **options,
        )

    def reach(self, environment: str, host: str) -> Shell:
        return self.shell

    @property
    def messages(self) -> list[str]:
        ring = self.tailer.ring("lab")
        records = [ring.record(position) for position in ring.tail(10**6)]
        return [record.message.show() for record in records if record is not None]

    @property
    def state(self) -> FollowState:
        return self.tailer.statuses("lab")[0].state

    def close(self) -> None:
        self.tailer.close()
        self.shell.end()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def orders(first: int, end: int) -> list[str]:
    return [f"order {n:06d}" for n in range(first, end)]


def test_lines_arrive_with_host_file_and_offset(world: World) -> None:
    world.log.write_bytes(line(0))
    assert world.tailer.statuses("lab")[0].state is FollowState.CONNECTING
    world.tailer.select("lab")
    eventually(lambda: world.messages == orders(0, 1))
    with world.log.open("ab") as writer:
        writer.write(line(1, "ERROR"))
    eventually(lambda: world.messages == orders(0, 2))
    ring = world.tailer.ring("lab")
    record = ring.record(ring.tail(1)[0])
    assert record is not None
    assert (record.host, record.file, record.offset) == ("web1", "laravel.log", len(line(0)))
    assert world.state is FollowState.FOLLOWING
    assert ("logs", "lab") in [key for _, key in world.published]


def test_a_cut_link_is_resumed_at_the_byte(world: World) -> None:
    world.log.write_bytes(b"".join(map(line, range(50))))
    world.tailer.select("lab")
    eventually(lambda: len(world.messages) == 50)
    world.shell.down = True
    world.shell.cut()
    eventually(lambda: world.state is FollowState.DOWN)
    assert world.tailer.statuses("lab")[0].detail in ("the link was cut", "web1 cannot be reached")
    with world.log.open("ab") as writer:
        writer.write(b"".join(map(line, range(50, 90))))
    world.log.rename(world.log.with_suffix(".log.1"))
    world.log.write_bytes(b"".join(map(line, range(90, 100))))
    world.shell.down = False
    eventually(lambda: len(world.messages) == 100)
    assert world.messages == orders(0, 100)
    assert world.state is FollowState.FOLLOWING


def test_selecting_another_environment_ends_the_follow_and_coming_back_resumes(world: World) -> None:
    world.log.write_bytes(line(0))
    world.tailer.select("lab")
    eventually(lambda: len(world.messages) == 1)
    world.tailer.select("other")
    eventually(lambda: world.shell.started[0].process.stdout is None or world.shell.started[0].process.stdout.closed)
    with world.log.open("ab") as writer:
        writer.write(line(1))
    world.tailer.select("lab")
    eventually(lambda: len(world.messages) == 2)
    assert world.messages == orders(0, 2)


def test_only_the_end_of_a_long_file_is_read_at_first(tmp_path: Path) -> None:
    world = World(tmp_path, backlog=1000)
    try:
        world.log.write_bytes(b"".join(map(line, range(5000))))
        world.tailer.select("lab")
        eventually(lambda: world.messages[-1:] == orders(4999, 5000))
        assert world.messages == orders(5000 - len(world.messages), 5000)
        assert 15 <= len(world.messages) <= 1000 // len(line(0))
    finally:
        world.close()


def test_a_missing_file_is_said_and_waited_for(world: World) -> None:
    world.tailer.select("lab")
    eventually(lambda: world.state is FollowState.WAITING)
    world.log.write_bytes(line(0))
    eventually(lambda: world.messages == orders(0, 1))
    assert world.state is FollowState.FOLLOWING


def test_an_unfinished_line_is_shown_after_a_while(world: World) -> None:
    world.log.write_bytes(line(0) + b"no newline yet")
    world.tailer.select("lab")
    eventually(
        lambda: (
            b"no newline yet" in raw(world.tailer.ring("lab"), world.tailer.ring("lab").tail(1)[0])
            if world.messages
            else False
        )
    )


@pytest.mark.deadline
def test_ten_thousand_lines_a_second_arrive_whole_and_in_order(world: World) -> None:
    world.log.write_bytes(b"")
    world.tailer.select("lab")
    eventually(lambda: world.state is FollowState.FOLLOWING)
    started = time.monotonic()
    with world.log.open("ab", buffering=0) as writer:
        for burst in range(40):
            writer.write(b"".join(map(line, range(burst * 500, burst * 500 + 500))))
    ring = world.tailer.ring("lab")
    eventually(lambda: ring.lines == 20_000)
    assert time.monotonic() - started < 10
    assert world.messages == orders(0, 20_000)
    assert len(ring.tail(10**6, Where.typed("order 01999"))) == 10
    gaps = [b - a for (a, _), (b, _) in zip(world.published, world.published[1:], strict=False)]
    assert len(gaps) < (time.monotonic() - started) / 0.05 + 20


class Refusing(FakeShell):
    """A host that cannot be reached, and counts how often it was tried."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.down = True
        self.clock = clock
        self.tries: list[float] = []

    def _up(self) -> None:
        self.tries.append(self.clock.monotonic())
        super()._up()


def test_back_off_grows_to_five_seconds_and_no_further() -> None:
    clock = FakeClock()
    shell = Refusing(clock)
    tailer = Tailer([environment("/srv")], lambda *_: shell, clock=clock, publish=lambda key: None)
    tailer.select("lab")
    for _ in range(6):
        clock.until_waiting()
        tried = len(shell.tries)
        while len(shell.tries) == tried:
            clock.advance(0.25)
            time.sleep(0.005)
    waits = [round(b - a) for a, b in zip(shell.tries, shell.tries[1:], strict=False)]
    assert waits == [1, 2, 4, 5, 5, 5]
    (status,) = tailer.statuses("lab")
    assert (status.state, status.detail) == (FollowState.DOWN, "web1 cannot be reached")
    assert status.since == FakeClock().now()
    tailer.close()


def test_a_host_that_answers_nonsense_or_nothing_is_given_up_and_tried_again() -> None:
    clock = FakeClock()
    shell = FakeShell()
    tailer = Tailer([environment("/srv")], lambda *_: shell, clock=clock, publish=lambda key: None)
    tailer.select("lab")
    eventually(lambda: shell.streams)
    shell.streams[0].chunks.append(b"opsconsole-follower 1\nneeds /proc\n")
    eventually(lambda: tailer.statuses("lab")[0].state is FollowState.DOWN)
    assert "no /proc" in tailer.statuses("lab")[0].detail
    assert shell.streams[0].closed
    clock.until_waiting()
    clock.advance(1.1)
    eventually(lambda: len(shell.streams) == 2)
    clock.advance(13)
    eventually(lambda: "nothing heard" in tailer.statuses("lab")[0].detail)
    clock.until_waiting()
    clock.advance(2.1)
    eventually(lambda: len(shell.streams) == 3)
    shell.streams[2].ended = True
    eventually(lambda: "ended on the host" in tailer.statuses("lab")[0].detail)
    tailer.close()


def test_a_crash_in_reaching_the_host_is_a_state_not_an_end() -> None:
    def reach(environment: str, host: str) -> Shell:
        raise ZeroDivisionError

    clock = FakeClock()
    tailer = Tailer([environment("/srv")], reach, clock=clock, publish=lambda key: None)
    tailer.select("lab")
    eventually(lambda: tailer.statuses("lab")[0].detail == "following failed: ZeroDivisionError")
    tailer.close()


def test_an_authentication_failure_says_its_own_words() -> None:
    class Locked(FakeShell):
        def _up(self) -> None:
            raise OpsconsoleError("web1 refused every key")

    tailer = Tailer([environment("/srv")], lambda *_: Locked(), clock=FakeClock(), publish=lambda key: None)
    tailer.select("lab")
    eventually(lambda: tailer.statuses("lab")[0].detail == "web1 refused every key")
    tailer.close()


def test_files_are_below_the_application_root_on_each_host_and_three_share_a_channel() -> None:
    logs = ("storage/logs/laravel.log", "/var/log/nginx/error.log", "a.log", "b.log")
    env = environment("/srv/app", hosts=2, logs=logs)
    assert [(f.host, f.path) for f in followed_files(env)][:3] == [
        ("web1", "/srv/app/storage/logs/laravel.log"),
        ("web1", "/var/log/nginx/error.log"),
        ("web1", "/srv/app/a.log"),
    ]
    shell = FakeShell()
    tailer = Tailer([env], lambda *_: shell, clock=FakeClock(), publish=lambda key: None)
    tailer.select("lab")
    eventually(lambda: len(shell.streams) == 4)
    assert len(tailer.statuses("lab")) == 8
    assert tailer.statuses("unknown") == ()
    tailer.close()
