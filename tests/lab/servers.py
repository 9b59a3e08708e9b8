"""The running servers of a test world: starts, stops and freezes them by name, and finds the processes behind them and
behind open SSH sessions. Decides nothing about what runs in the world."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import services
from tests.lab.processes import (
    LabError,
    Register,
    Tracked,
    descendants,
    end,
    marked,
    numbers,
    read,
    send,
    spawn,
    track,
    wait_until,
)
from tests.lab.values import MARK, SERVICES, Node, World


class Servers:
    """All servers of one world by name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._services = services.every(world)
        self._register = Register(world.directory / "run")

    def start(self, name: str) -> None:
        """Starts one server unless it runs, and waits until it is ready."""
        plan = self._services[name]
        log = self._world.directory / "log" / f"{name}.log"
        if self._register.get(name) is None:
            env = {"LANG": "C.UTF-8", MARK: self._world.root, **plan.env}
            self._register.put(name, spawn(plan.argv, env=env, log=log, user=plan.user, cwd=plan.cwd))

        def ready() -> bool:
            if self._register.get(name) is None:
                raise LabError(f"{name} ended:\n{log.read_text(errors='replace')[-1000:]}")
            return plan.ready()

        wait_until(ready, f"{name} (see {log})")

    def mend(self) -> None:
        """Thaws and starts whatever is frozen or stopped."""
        for name in SERVICES:
            self.resume(name)
            self.start(name)

    def stop(self, name: str) -> None:
        """Ends one server and waits until it is gone."""
        end(self.processes(name), patience=15)

    def pause(self, name: str) -> None:
        """Freezes one server; an sshd with its sessions."""
        send(self._whole(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Thaws a frozen server."""
        send(self._whole(name), signal.SIGCONT)

    def processes(self, name: str) -> list[Tracked]:
        """The live processes of one server, its first one at the head."""
        first = self._register.get(name)
        if first is None:
            return []
        return [first, *descendants(first.pid)] if self._services[name].group else [first]

    def sessions(self, node: Node) -> list[Tracked]:
        """sshd's own processes behind the SSH connections that are open to one host."""
        links = _connections(node.ip, node.ssh_port)
        return [each for each in _sshd_processes() if links & _sockets(each.pid)]

    def cut_sessions(self, node: Node) -> None:
        """Kills all open SSH connections of one host; commands that detached themselves live on."""
        send(self.sessions(node), signal.SIGKILL)

    def end_strays(self) -> None:
        """Ends what somebody left behind: every process of this world that belongs to none of its servers."""
        # In this order: a server may start a process of its own meanwhile.
        found = marked(MARK, self._world.root)
        own = {each for name in SERVICES for each in self._whole(name)}
        end([each for each in found if each not in own], patience=2)

    def end(self) -> None:
        """Ends every server, and every process that some session left behind."""
        for name in SERVICES:
            self.resume(name)
        with ThreadPoolExecutor(len(SERVICES)) as pool:
            list(pool.map(self.stop, SERVICES))
        # What ends may start something as it goes, so look again until nothing is there.
        for _ in range(5):
            left = marked(MARK, self._world.root)
            if not left:
                return
            end(left, patience=2)
        raise LabError(f"processes of {self._world.root} do not end: {left}")

    def _whole(self, name: str) -> list[Tracked]:
        found = self.processes(name)
        if name.startswith("sshd"):
            for session in self.sessions(self._world.nodes[int(name[-1]) - 1]):
                found += [session, *descendants(session.pid)]
        return found


Address = tuple[str, int]


def sockets(pid: int) -> list[tuple[Address, Address, bool]]:
    """The TCP sockets (IPv4) a process has open: its own address, the other's, and whether it listens."""
    mine = _sockets(pid)
    return [(_address(fields[1]), _address(fields[2]), fields[3] == "0A") for fields in _table() if fields[9] in mine]


def listens(pid: int) -> bool:
    """Whether a process waits for TCP connections, of either family."""
    mine = _sockets(pid)
    return any(fields[9] in mine and fields[3] == "0A" for name in ("tcp", "tcp6") for fields in _table(name))


def _table(name: str = "tcp") -> list[list[str]]:
    return [line.split() for line in Path("/proc/net", name).read_text().splitlines()[1:]]


def _address(text: str) -> Address:
    packed, port = text.split(":")
    return socket.inet_ntoa(bytes.fromhex(packed)[::-1]), int(port, 16)


def _connections(ip: str, port: int) -> set[str]:
    """The socket numbers of the established connections at that local address."""
    return {fields[9] for fields in _table() if _address(fields[1]) == (ip, port) and fields[3] != "0A"}


def _sockets(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return found
    for entry in entries:
        try:
            name = str(entry.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            found.add(name[8:-1])
    return found


def _sshd_processes() -> list[Tracked]:
    found = []
    for number in numbers():
        words = read(number, "cmdline")
        if words.startswith(b"sshd: ") and b"[listener]" not in words:
            found.append(track(number))
    return [each for each in found if each is not None]
