"""A host that answers from a function, or really runs the script with the local `sh`."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from console.errors import DeadlineError, RemoteError, UnreachableError
from console.ports import Completed, Stream, TunnelSocket

STAND_INS = str(Path(__file__).with_name("bin"))
"""Programs that this machine may have and a host of the tests has not, in their own words."""


def host_path() -> str:
    """The PATH of a host that is this machine. What a test has put in front stays in front."""
    found = os.environ["PATH"].split(":")
    at = found.index("/usr/bin") if "/usr/bin" in found else len(found)
    return ":".join([*found[:at], STAND_INS, *found[at:]])


def completed(stdout: bytes | str = b"", *, status: int | None = 0, stderr: bytes | str = b"") -> Completed:
    """A command that ended."""
    out = stdout.encode() if isinstance(stdout, str) else stdout
    err = stderr.encode() if isinstance(stderr, str) else stderr
    return Completed(status=status, stdout=out, stderr=err, seconds=0.001)


def whole(done: Completed, limit: int) -> Completed:
    """What a shell gives back: an output beyond the limit is an error, as it is over SSH."""
    if len(done.stdout) > limit:
        raise RemoteError(f"a command printed more than {limit:,} bytes", status=done.status)
    return done


class FakeStream:
    """Hands out chunks, then b"" for ever, or None at once after `end`."""

    def __init__(self, chunks: Iterable[bytes] = ()) -> None:
        self.chunks = list(chunks)
        self.ended = False
        self.closed = False
        self.error: Exception | None = None

    def read(self, limit: int = 65536, timeout: float = 1.0) -> bytes | None:
        if self.error is not None:
            raise self.error
        if self.chunks:
            return self.chunks.pop(0)
        if self.ended or self.closed:
            return None
        time.sleep(min(timeout, 0.002))
        return b""

    def close(self) -> None:
        self.closed = True


class FakeShell:
    """`answer(script)` gives a Completed (or bytes, or raises); without it scripts run in a local POSIX sh.

    `scripts` records what was run; `down = True` makes everything unreachable.
    """

    def __init__(self, host: str = "web1", answer: Callable[[str], Completed | bytes] | None = None) -> None:
        self._host = host
        self.answer = answer
        self.scripts: list[str] = []
        self.streams: list[FakeStream] = []
        self.down = False
        self.closed = False

    @property
    def host(self) -> str:
        return self._host

    def _up(self) -> None:
        if self.down:
            raise UnreachableError(f"{self._host} cannot be reached")

    def connect(self) -> None:
        self._up()

    def connected(self) -> bool:
        return not self.down

    def fingerprint(self) -> str:
        self._up()
        return "SHA256:" + self._host.ljust(43, "x")

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        self.scripts.append(script)
        self._up()
        if self.answer is not None:
            result = self.answer(script)
            return whole(completed(result) if isinstance(result, bytes) else result, limit)
        started = time.monotonic()
        try:
            done = subprocess.run(
                ["sh"],
                input=script.encode(),
                capture_output=True,
                timeout=deadline,
                check=False,
                env={**os.environ, "PATH": host_path()},
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineError(f"{self._host} gave no answer in {deadline:g} s") from error
        status = done.returncode if done.returncode >= 0 else None
        seconds = time.monotonic() - started
        return whole(Completed(status=status, stdout=done.stdout, stderr=done.stderr[:limit], seconds=seconds), limit)

    def put(self, path: str, chunks: Iterable[bytes], *, deadline: float = 120.0, mode: int = 0o600) -> None:
        self._up()
        target = Path(path)
        beside = target.with_name(target.name + ".new")
        beside.write_bytes(b"".join(chunks))
        beside.chmod(mode)
        beside.rename(target)

    def stream(self, script: str, *, bulk: bool = False) -> Stream:
        self.scripts.append(script)
        self._up()
        stream = FakeStream()
        self.streams.append(stream)
        return stream

    def tunnel(self, host: str, port: int, *, deadline: float = 15.0) -> TunnelSocket:
        raise NotImplementedError("a fake shell has no tunnels")

    def close(self) -> None:
        self.closed = True
