"""How long the demo's world lives: as long as somebody uses it; what comes after it stands at the same place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo import world as serving
from console.demo.announcement import announce, announced, joined
from console.demo.users import START_LOCK, WORLD_LOCK, claim, living_users, locked, registered, world_lives
from console.services.runs.leases import new_holder
from console.store.database import open_database
from console.store.leases import Leases
from tests.demo.world import DemoWorld, bare_path
from tests.waiting import eventually

QUICK = 0.2


class Connected:
    """A host with, or without, somebody connected."""

    def __init__(self) -> None:
        self.connected = False

    def in_use(self) -> bool:
        return self.connected


class Serving:
    """The waiting part of a world, in a thread, in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        claim(root)
        (root / START_LOCK).touch()
        announce(root, root / "config")
        self.host = Connected()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        with locked(self.root / WORLD_LOCK, patience=5):
            lock = (self.root / WORLD_LOCK).stat().st_ino
            serving._serve_while_used(self.root, lock, [self.host], self.stop)

    def start(self) -> None:
        self.thread.start()
        eventually(lambda: announced(self.root) is not None, 5)

    def lives(self, seconds: float) -> bool:
        """Whether it still serves after so long."""
        self.thread.join(seconds)
        return self.thread.is_alive()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setattr(serving, "_GRACE", QUICK)
    found = Serving(tmp_path / "world")
    yield found
    found.stop.set()
    found.thread.join(5)


def test_nobody_needs_it(served: Serving) -> None:
    served.start()
    served.thread.join(10)
    assert not served.thread.is_alive()
    assert announced(served.root) is None and not (served.root / "world.json").exists()


def test_a_screen_keeps_it_and_a_killed_one_does_not(served: Serving) -> None:
    with registered(served.root):
        served.start()
        assert served.lives(2.5)
        assert living_users(served.root) == 1
    with subprocess.Popen(["sleep", "100"]) as screen:
        (served.root / "users" / str(screen.pid)).write_text("another start time")
        assert not served.lives(10)
        assert not (served.root / "users" / str(screen.pid)).exists()
        screen.kill()


def test_a_runner_keeps_it_until_it_is_gone(served: Serving) -> None:
    database = open_database(served.root / "state")
    with subprocess.Popen(["sleep", "100"]) as runner:
        Leases(database).take("run 1", new_holder(runner.pid))
        served.start()
        assert served.lives(2.5)
        runner.kill()
    assert not served.lives(10)
    database.close()


def test_a_connection_keeps_it(served: Serving) -> None:
    served.host.connected = True
    served.start()
    assert served.lives(2.5)
    served.host.connected = False
    assert not served.lives(10)


def test_it_is_not_taken_away_from_somebody_who_is_joining(served: Serving) -> None:
    with locked(served.root / START_LOCK, patience=5):
        served.start()
        assert served.lives(2.5)
    assert not served.lives(10)


def test_a_removed_directory_ends_it_and_another_ones_announcement_stays(served: Serving) -> None:
    with registered(served.root):
        served.start()
        (served.root / WORLD_LOCK).unlink()
        (served.root / WORLD_LOCK).touch()
        assert not served.lives(10)
    assert (served.root / "world.json").exists()


def test_a_killed_worlds_announcement_is_gone_before_the_next_one_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "world"
    claim(root)
    announce(root, root / "config")
    seen: list[object] = []

    class SeenError(Exception):
        pass

    def start(found: Path) -> None:
        seen.append(announced(found))
        raise SeenError

    monkeypatch.setattr(serving, "_start", start)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    with pytest.raises(SeenError):
        serving.main([str(root)])
    assert seen == [None]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> DemoWorld:
    folder = tmp_path_factory.mktemp("life")
    return DemoWorld(folder / "world", bare_path(folder / "bin"))


def test_a_second_one_joins_an_outdated_or_dead_one_is_replaced_and_the_last_ends_by_itself(real: DemoWorld) -> None:
    """One after the other on one directory: each start costs seconds."""
    assert real.demo().code == 0
    first, ports, keys = real.said, real.ports, (real.root / "ssh" / "known_hosts").read_text()
    with joined(real.root) as config:
        assert config == real.config and real.said == first, "the second one joins"
        said = json.loads((real.root / "world.json").read_text())
        (real.root / "world.json").write_text(json.dumps({**said, "build": "older"}))
        assert real.demo().code == 0
        second = real.said
        assert second.pid != first.pid and second.build == first.build, "an outdated one is replaced"
        real.kill()
        assert real.demo().code == 0
        assert real.said.pid != second.pid, "a dead one is replaced"
        assert (real.ports, (real.root / "ssh" / "known_hosts").read_text()) == (ports, keys)
        pid = real.said.pid
    left = time.monotonic()
    eventually(lambda: not world_lives(real.root), 20)
    assert time.monotonic() - left > 3, "it waits a while for the next one"
    eventually(lambda: not Path(f"/proc/{pid}").exists() or os.getpgid(pid) != pid, 5)
