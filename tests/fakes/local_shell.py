"""A host that is this machine: scripts that go on really run, in whichever `sh` a test names."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Sequence

from console.errors import UnreachableError
from console.ports import Stream
from tests.fakes.shell import FakeShell


class LocalStream:
    """A local process seen through its standard output."""

    def __init__(self, argv: Sequence[str], script: str) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"export LC_ALL=C\n{{ :\n{script}\n}} </dev/null\n".encode())
        self.process.stdin.close()
        self.descriptor = self.process.stdout.fileno()
        self.cut = False

    def read(self, limit: int = 65536, timeout: float = 1.0) -> bytes | None:
        if self.cut:
            raise UnreachableError("the link was cut")
        ready, _, _ = select.select([self.descriptor], [], [], timeout)
        if not ready:
            return b""
        return os.read(self.descriptor, limit) or None

    def close(self) -> None:
        """Closes the pipe as a dying channel does; the process has to notice by itself."""
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class LocalShell(FakeShell):
    """Like FakeShell, but `stream` is a real process of `argv`. `cut()` breaks every stream at once."""

    def __init__(self, host: str = "web1", argv: Sequence[str] = ("sh",)) -> None:
        super().__init__(host)
        self.argv = tuple(argv)
        self.started: list[LocalStream] = []

    def stream(self, script: str) -> Stream:
        self.scripts.append(script)
        self._up()
        stream = LocalStream(self.argv, script)
        self.started.append(stream)
        return stream

    def cut(self) -> None:
        """What a broken connection looks like from here; the processes lose their reader too."""
        for stream in self.started:
            stream.cut = True

    def end(self) -> None:
        """Closes every stream and waits for its process."""
        for stream in self.started:
            stream.close()
            stream.process.wait(timeout=20)
