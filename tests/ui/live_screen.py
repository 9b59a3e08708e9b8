"""The screen on a fake world as a program of its own, for tests on a real terminal.

`python -m tests.ui.live_screen KIND`, where KIND is quiet (nothing changes), moving (one queue each second), deploying
(a run goes on), evil (hostile text everywhere), wrong (the configuration is), crash (the factory fails), broken (the
key y meets a bug in the queues pane), stuck (services never come), loaded (says which modules the first paint took) or
hello (Textual's smallest application, to compare with).
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from console.ports import Publish
from console.services.container import Services, ServicesFactory

if TYPE_CHECKING:
    from tests.fakes.screen import FakeWorld

TERMINAL_EVIL = (
    "\x1b]52;c;ZXZpbA==\x07\x1b]0;owned\x07\x1b[31m\x1b[?1049l\x9b2J\u202eevil\x00 [red]x[/x] [@click=app.quit]go[/]"
)


def main(kind: str) -> int:
    if kind == "hello":
        return hello()
    from console.ui.app import ConsoleApp
    from console.ui.launch import run_screen

    if kind == "loaded":
        before = set(sys.modules)

        def tell(self: ConsoleApp) -> None:
            Path(os.environ["LOADED"]).write_text(json.dumps(sorted(set(sys.modules) | before)))
            self.exit()

        setattr(ConsoleApp, "_start_services", tell)  # noqa: B010 -- the moment of the first paint
    try:
        return run_screen(_factory(kind))
    except Exception as error:
        print(error, file=sys.stderr)
        return getattr(error, "exit_code", 99)


def hello() -> int:
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Hello(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("hello world")

        def on_key(self) -> None:
            self.exit()

    Hello().run()
    return 0


def _factory(kind: str) -> ServicesFactory:
    def factory(publish: Publish) -> Services:
        from console.errors import ConfigError, Problem
        from tests.fakes.screen import living_world, start_deploy

        if kind == "wrong":
            raise ConfigError((Problem("opsconsole.yaml", 3, 7, "unknown key healt; did you mean health?"),))
        if kind == "stuck":
            time.sleep(600)
        world = living_world()
        services = world.factory(publish)
        if kind == "crash":
            secret = "password=hunter2-very-secret"
            raise RuntimeError(f"something broke with {secret}")
        if kind == "evil":
            _poison(world)
        if kind == "broken":
            from console.ui.panes.queues import QueuesPane

            def fail(self: QueuesPane) -> str:
                raise ValueError("token=abcdef-very-secret in a widget")

            setattr(QueuesPane, "copy_text", fail)  # noqa: B010 -- a bug in a widget, met by the key y
        if kind == "deploying":
            start_deploy(world, "production")
        if kind == "moving":
            threading.Thread(target=_move, args=(world,), daemon=True).start()
        return services

    return factory


def _poison(world: FakeWorld) -> None:
    from dataclasses import replace

    from console.domain.failures import FailedPage, FailedSummary
    from console.domain.queues import QueueReading
    from console.domain.untrusted import Raw
    from tests.fakes.world_values import make_probes, queue

    evil = TERMINAL_EVIL
    jobs = tuple(
        replace(job, job=Raw.of(evil), message=Raw.of(evil), exception_class=Raw.of(evil), queue=evil, connection=evil)
        for job in world.failed.jobs[:5]
    )
    world.failed.jobs = list(jobs)
    page = FailedPage(total=5, total_is_exact=True, next=None, jobs=jobs)
    board = world.board
    board.put("production", "failed_jobs", FailedSummary(page=page, since_hour=5))
    queues = (queue(evil, 1, 2, 3), queue("plain", 1, 2, 3))
    board.put(
        "production", "redis_queues", QueueReading(connection="redis", driver="redis", queues=queues, server_time=0)
    )
    reading = make_probes(world.clock.now())
    board.put(
        "production",
        "probes",
        replace(reading, probes=tuple(replace(each, body_status=evil, detail=evil) for each in reading.probes)),
        every=15.0,
    )
    # Whoever forgets to sanitise an error still must not reach the terminal.
    board.fail("production", "workers", evil)


def _move(world: FakeWorld) -> None:
    from dataclasses import replace

    from tests.fakes.screen import fill
    from tests.fakes.world_values import make_failed, make_probes, make_queues

    rng = random.Random(5)
    while True:
        time.sleep(1.0)
        world.clock.advance(1.0)
        reading = make_queues()
        one = rng.randrange(len(reading.queues))
        changed = replace(reading.queues[one], ready=rng.randrange(5000), oldest_ready_seconds=rng.randrange(700))
        queues = tuple(changed if at == one else each for at, each in enumerate(reading.queues))
        world.board.put("production", "redis_queues", replace(reading, queues=queues))
        _again(world, "sql_queues", 1.0)
        world.board.put("production", "failed_jobs", make_failed(world.failed.jobs))
        second = int(world.clock.monotonic())
        if second % 15 == 0:
            world.board.put("production", "probes", make_probes(world.clock.now()), every=15.0)
        if second % 5 == 0:
            _again(world, "workers", 5.0)
            _again(world, "releases", 5.0)
        if second % 30 == 0:
            _again(world, "hosts", 30.0)
            fill(world, "staging", calm=True)


def _again(world: FakeWorld, source: str, every: float) -> None:
    snapshot = world.board.get("production", source)
    world.board.put("production", source, snapshot.value if snapshot else None, every=every)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
