"""Stops and starts a host's supervised programs side by side, over supervisord's own interface: its command line client
stops one after another. Knows no program by name."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from collections.abc import Callable
from typing import Any, cast

from tests.lab.processes import wait_until

STOPPED, RUNNING = (0, 100, 200), (20,)
Call = Callable[..., Any]


class _Connection(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.host)


class _Transport(xmlrpc.client.Transport):
    """One connection a call, closed after it."""

    def __init__(self, control: str) -> None:
        super().__init__()
        self._control = control
        self._open: list[_Connection] = []

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        self.close()
        self._open = [_Connection(self._control)]
        return self._open[0]

    def close(self) -> None:
        for each in self._open:
            each.close()
        self._open = []


def change(control: str, verb: str, wanted: Callable[[str], bool]) -> None:
    """`start` or `stop` (or `restart`) every program whose group's name is wanted, and waits until that is so."""
    with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(control)) as server:
        steps = ("stop", "start") if verb == "restart" else (verb,)
        for step in steps:
            _one(server, step, wanted)


def _one(server: xmlrpc.client.ServerProxy, verb: str, wanted: Callable[[str], bool]) -> None:
    call = cast(Call, server.supervisor.startProcess if verb == "start" else server.supervisor.stopProcess)
    there = RUNNING if verb == "start" else STOPPED

    def missing() -> list[str]:
        listed = cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
        found = [each for each in listed if wanted(str(each["group"])) and each["state"] not in there]
        return [f"{each['group']}:{each['name']}" for each in found]

    for name in missing():
        try:
            call(name, False)
        except xmlrpc.client.Fault:
            # It got there, or is on its way, by itself.
            continue
    wait_until(lambda: not missing(), f"{verb} of the programs")
