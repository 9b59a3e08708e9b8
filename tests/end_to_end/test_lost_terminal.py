"""The terminal goes away under the screen, in every way it can: its process ends, and nothing goes on polling."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import Sshd
from tests.demo.world import DemoWorld
from tests.terminal.session import FailingTerminal
from tests.terminal.tmux import Tmux
from tests.waiting import eventually

pytestmark = pytest.mark.deadline

ROOT = Path(__file__).parents[2]
FUTEX = {"x86_64": "202", "aarch64": "98"}.get(os.uname().machine, "")
WITHIN = 5.0
"""Seconds within which the screen must have ended."""
STARTS = ("make", "sh", "direct", "ssh")
ENDS = ("kill-session", "kill-pane", "closed", "HUP+TERM", "stopped then closed")
EVERY = [(start, end) for start, end in itertools.product(STARTS, ENDS) for _ in range(2)]
SOME = [("make", "kill-session"), ("ssh", "kill-pane"), ("direct", "closed"), ("sh", "HUP+TERM")]


class Stage:
    """One demo directory, and the ways to start its screen."""

    def __init__(self, directory: Path, sshd: Sshd) -> None:
        self.directory = directory
        self.world = directory / "world"
        self._sshd = sshd
        self.own = [sys.executable, "-m", "console", "demo", "--dir", str(self.world)]
        self.environment = {"HOME": str(directory), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}

    def argv(self, start: str) -> list[str]:
        """The command that starts the screen in that way."""
        command = shlex.join(self.own)
        if start == "make":
            file = self.directory / "Makefile"
            file.write_text(f"demo:\n\t{command}\n")
            return ["make", "--no-print-directory", "-f", str(file), "demo"]
        if start == "sh":
            return ["sh", "-c", f"{command}; echo over"]
        if start == "ssh":
            words = [f"{name}={value}" for name, value in {**self.environment, "TERM": "xterm-256color"}.items()]
            options = ["-F", "/dev/null", "-i", str(self._sshd.key), "-p", str(self._sshd.port)]
            options += ["-o", f"UserKnownHostsFile={self._sshd.known_hosts}", "-o", "IdentitiesOnly=yes"]
            there = shlex.join(["env", "-C", str(ROOT), *words, *self.own])
            return ["ssh", "-tt", *options, "127.0.0.1", there]
        return self.own

    def screens(self) -> list[int]:
        """The processes of screens on this demo, stopped ones included."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                # Python itself: a shell, make or ssh only carry the words further.
                if words[1:] == [*(word.encode() for word in self.own[1:]), b""]:
                    found.append(int(entry.name))
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    sshd = Sshd(tmp_path / "sshd").prepare()
    sshd.start()
    made = Stage(tmp_path, sshd)
    yield made
    sshd.stop()
    for pid in made.screens():
        os.kill(pid, signal.SIGKILL)
    world = DemoWorld(made.world, tmp_path)
    with contextlib.suppress(AssertionError, OSError):
        world.kill()


def in_tmux(stage: Stage, start: str, end: str) -> None:
    """Shows the screen in a tmux and ends that."""
    with Tmux(stage.directory / "tmux", stage.argv(start), env=stage.environment, cwd=ROOT) as window:
        window.wait_for("production", 60)
        window.wait_for("default", 30)
        (pid,) = stage.screens()
        window.kill(end)
        gone(stage, pid)


def on_a_terminal(stage: Stage, start: str, end: str) -> None:
    """Shows the screen on a terminal that is taken away, or sends its process what a terminal's end sends."""
    terminal = FailingTerminal(stage.argv(start), env=stage.environment, cwd=ROOT)
    try:
        terminal.wait_for("production", 60)
        terminal.wait_for("default", 30)
        (pid,) = stage.screens()
        if end == "HUP+TERM":
            os.kill(pid, signal.SIGHUP)
            os.kill(pid, signal.SIGTERM)
        if end == "stopped then closed":
            os.kill(pid, signal.SIGSTOP)
    finally:
        terminal.vanish()
    try:
        if end == "stopped then closed":
            goes_on(pid)
        gone(stage, pid)
    finally:
        terminal.reap(WITHIN)


def goes_on(pid: int) -> None:
    """Lets a stopped process go on where the kernel does not: below make, which lives and waits for its child."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def gone(stage: Stage, pid: int) -> None:
    """Waits for the end of the screen's process; says what it does when it stays."""

    def state() -> str:
        word = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return f"the screen (pid {pid}, state {word}) is still there"

    eventually(lambda: not alive(pid), WITHIN, otherwise=state)
    assert stage.screens() == []


def alive(pid: int) -> bool:
    """Whether it still runs; a process that only waits for its parent to look has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def waits_for_a_thread(pid: int) -> bool:
    """Whether the main thread waits for another thread of its own (futex) for half a second, and not for events."""
    until = time.monotonic() + 0.5
    while Path(f"/proc/{pid}/task/{pid}/syscall").read_text().split()[0] == FUTEX:
        if time.monotonic() > until:
            return True
    return False


def lose(stage: Stage, start: str, end: str) -> None:
    """One loss."""
    way: Callable[[Stage, str, str], None] = in_tmux if end.startswith("kill-") else on_a_terminal
    way(stage, start, end)


@pytest.mark.timeout(240)
def test_nothing_is_left_of_a_screen_whose_terminal_went_away(stage: Stage) -> None:
    for start, end in SOME:
        lose(stage, start, end)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_forty_ends_leave_nothing(stage: Stage) -> None:
    order = random.Random(40).sample(EVERY, len(EVERY))
    assert len(order) == 40
    left = []
    for start, end in order:
        try:
            lose(stage, start, end)
        except BaseException as error:
            left.append(f"{start}, {end}: {error}")
            for pid in stage.screens():
                os.kill(pid, signal.SIGKILL)
    print(f"40 ends, {len(left)} left")
    assert left == []


def test_a_terminal_that_reads_nothing_keeps_no_screen(stage: Stage) -> None:
    """The line is there and nobody reads it: a signal still ends the screen, whatever its thread waits for."""
    terminal = FailingTerminal(stage.argv("direct"), env=stage.environment, cwd=ROOT)
    try:
        terminal.wait_for("production", 60)
        terminal.deafen()
        (pid,) = stage.screens()
        eventually(lambda: terminal.press("z") > 0 and waits_for_a_thread(pid), 30)
        os.kill(pid, signal.SIGTERM)
        gone(stage, pid)
    finally:
        terminal.close()
