"""A host that is this machine: scripts that go on really run, in whichever `sh` a test names."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence

from console.errors import UnreachableError
from console.ports import Completed, Stream
from tests.fakes.shell import FakeShell, whole


class LocalStream:
    """A local process seen through its standard output."""

    def __init__(self, argv: Sequence[str], script: str) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(_wrapped(script))
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
    """Like FakeShell, but scripts are run by real processes of `argv`. `cut()` breaks every stream at once."""

    def __init__(self, host: str = "web1", argv: Sequence[str] = ("sh",)) -> None:
        super().__init__(host)
        self.argv = tuple(argv)
        self.started: list[LocalStream] = []

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        self.scripts.append(script)
        self._up()
        begun = time.monotonic()
        done = subprocess.run(self.argv, input=_wrapped(script), capture_output=True, timeout=deadline, check=False)
        status = done.returncode if done.returncode >= 0 else None
        seconds = time.monotonic() - begun
        return whole(Completed(status=status, stdout=done.stdout, stderr=b"", seconds=seconds), limit)

    def stream(self, script: str, *, bulk: bool = False) -> Stream:
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


def _wrapped(script: str) -> bytes:
    """The script as the client sends it: parsed whole, in a fixed locale, without input."""
    return f"export LC_ALL=C\n{{ :\n{script}\n}} </dev/null\n".encode("utf-8", "surrogateescape")
