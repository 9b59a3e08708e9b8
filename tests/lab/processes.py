"""Starts, finds, freezes and ends the test world's own processes. A process is known by its pid and its start time, so
that a number which the kernel gave to somebody else is never signalled. Knows no service by name."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.waiting import NotInTimeError, eventually

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(Exception):
    """The test world could not do what was asked, with the place to look."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """One process: its number, and when it began in clock ticks since boot."""

    pid: int
    began: int


def numbers() -> list[int]:
    """The numbers of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def read(pid: int, name: str) -> bytes:
    """A file of a process' in /proc; empty when the process is gone or not ours to see.

    By descriptor: tests look at every process many times a second, and a path object costs more than the kernel.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 2_097_152)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def track(pid: int) -> Tracked | None:
    """The process of that number, None when it is gone or only waits for its parent."""
    fields = read(pid, "stat").rpartition(b")")[2].split()
    return None if not fields or fields[0] == b"Z" else Tracked(pid, int(fields[19]))


def alive(process: Tracked) -> bool:
    """Whether exactly this process still runs. Our own dead children are collected on the way."""
    try:
        os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        pass
    return track(process.pid) == process


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Waits for a condition; LabError naming `what` when the time is over."""
    try:
        eventually(true, seconds, otherwise=what)
    except NotInTimeError as late:
        raise LabError(str(late)) from late


def listening(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), 0.5).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that are free on both loopback addresses, below those the kernel hands out to clients."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + int.from_bytes(os.urandom(2)) % 12_000
        try:
            for address in ("127.0.0.1", "127.0.0.2"):
                with socket.socket() as probe:
                    probe.bind((address, port))
        except OSError:
            continue
        if port not in found:
            found.append(port)
    return found


def spawn(
    argv: Sequence[str], *, env: Mapping[str, str], log: Path, user: str = "", cwd: str = "/", out: Path | None = None
) -> Tracked:
    """Starts a program in a session of its own with exactly this environment; its output goes to `log`."""
    words = ["/usr/bin/env", "-i", "-C", cwd, *(f"{name}={value}" for name, value in {"PATH": PATH, **env}.items())]
    if user:
        words += ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
    words += argv
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, target, number) for number in (1, 2)]
        pid = os.posix_spawn(words[0], words, {}, file_actions=actions, setsid=True)
    finally:
        os.close(target)
    found = track(pid)
    if found is None:
        raise LabError(f"{argv[0]} ended at once, see {log}")
    return found


class Register:
    """The named processes of one world, kept as files so that every process of the tests sees the same ones."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, name: str, process: Tracked) -> None:
        """Notes what `name` now runs as."""
        (self._directory / f"{name}.pid").write_text(json.dumps(asdict(process)))

    def get(self, name: str) -> Tracked | None:
        """The live process of that name."""
        try:
            process = Tracked(**json.loads((self._directory / f"{name}.pid").read_text()))
        except (OSError, ValueError):
            return None
        return process if alive(process) else None


def descendants(pid: int) -> list[Tracked]:
    """All processes below one, children before grandchildren."""
    parents: dict[int, list[int]] = {}
    for number in numbers():
        if fields := read(number, "stat").rpartition(b")")[2].split():
            parents.setdefault(int(fields[1]), []).append(number)
    found: list[Tracked] = []
    queue = list(parents.get(pid, ()))
    while queue:
        child = queue.pop(0)
        queue += parents.get(child, ())
        process = track(child)
        if process:
            found.append(process)
    return found


def marked(name: str, value: str) -> list[Tracked]:
    """All processes whose environment says `name=value`, except this one: also those that detached themselves."""
    wanted = f"{name}={value}".encode()
    others = (number for number in numbers() if number != os.getpid())
    found = [track(number) for number in others if wanted in read(number, "environ").split(b"\0")]
    return [each for each in found if each is not None]


def send(processes: Iterable[Tracked], number: signal.Signals) -> None:
    """Signals those of the processes that still are what they were."""
    for process in processes:
        if alive(process):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                pass


def end(processes: Sequence[Tracked], *, patience: float = 10.0) -> None:
    """Asks the processes to end (waking frozen ones), waits, then kills what is left and waits for that too."""
    send(processes, signal.SIGTERM)
    send(processes, signal.SIGCONT)
    try:
        wait_until(lambda: not any(alive(each) for each in processes), "ending", patience)
    except LabError:
        send(processes, signal.SIGKILL)
        wait_until(lambda: not any(alive(each) for each in processes), "killing", 10)
