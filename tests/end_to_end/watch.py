"""Looks, all the time a test lasts, at the TCP sockets of every process of the console's: screens, commands, runners.
Asserts nothing; imports nothing of the console."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.lab.processes import numbers, read
from tests.lab.servers import Address, listens, sockets
from tests.lab.values import MARK

EVERY = 0.2
"""Seconds between two looks; a connection to a database would last far longer."""


@dataclass(slots=True)
class Watch:
    """What the sockets of the processes of one test world were connected to. Use it in a `with`."""

    root: str
    remotes: dict[Address, str] = field(default_factory=dict)
    allowed: set[Address] = field(default_factory=set)
    listening: list[str] = field(default_factory=list)
    watched: set[str] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._watch, name="socket-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(10)

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            for pid, words in self._processes():
                self.watched.add(words)
                if listens(pid):
                    self.listening.append(words)
                for _, remote, listening in sockets(pid):
                    if not listening:
                        self.remotes.setdefault(remote, words)

    def _processes(self) -> list[tuple[int, str]]:
        wanted = f"{MARK}={self.root}".encode()
        found = []
        for number in numbers():
            words = read(number, "cmdline").decode(errors="replace").split("\0")
            if is_ours(words) and wanted in read(number, "environ").split(b"\0"):
                found.append((number, " ".join(words)))
        return found


def is_ours(words: Sequence[str]) -> bool:
    """Whether a command line is that of the console: `python …/opsconsole …` or `python … -m console …`.

    Wherever the checkout lies: its own directory may have the console's name.
    """
    if "python" not in Path(words[0]).name:
        return False
    return any(Path(word).name == "opsconsole" for word in words[1:2]) or ("-m", "console") in pairwise(words)
