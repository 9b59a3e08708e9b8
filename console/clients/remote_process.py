"""A command on a host, whatever transport carries it: a script to its end, and a script that goes on.

Owns the wrapping of scripts and the reading of both streams. Must not connect, count channels or retry: the shell does.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from console.clients.links import Link, LinkBrokenError
from console.errors import DeadlineError, UnreachableError
from console.ports import Clock, Completed

_NOISE = 65_536
_GATHER = 0.03
_BULK_GATHER = 0.002
COMMAND = "exec /bin/sh"
MARK = b"\x1eopsconsole\x1e\n"


def wrapped(script: str) -> bytes:
    """The script as it goes over stdin: parsed whole before any of it runs, its commands reading an empty stdin.

    A link that breaks in the middle leaves the brace open, so that nothing runs at all. The mark tells where the
    script's output begins: an account's .bashrc may have printed something before.
    """
    return f"export LC_ALL=C; printf '\\036opsconsole\\036\\n'\n{{ :\n{script}\n}} </dev/null\n".encode(
        "utf-8", "surrogateescape"
    )


class RemoteProcess(ABC):
    """A remote command and its two streams, both always drained."""

    def __init__(self, link: Link, command: str) -> None:
        self._link = link
        self._before: bytes | None = b"" if command == COMMAND else None

    @abstractmethod
    def feed(self, chunks: Iterable[bytes], clock: Clock, until: float) -> None:
        """Writes to its stdin and ends it. Stops when the command has ended before. TimeoutError, LinkBrokenError."""

    @abstractmethod
    def taken(self) -> tuple[bytes, bytes]:
        """What both streams hold now, as it came. LinkBrokenError."""

    @property
    @abstractmethod
    def holds(self) -> bool:
        """Whether something that came has not been taken."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Until there may be something to take."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether no more output can come."""

    @abstractmethod
    def settled(self, seconds: float) -> bool:
        """Waits for how it ended; whether that is known now. It may be told after the streams' end, or, of a command
        that a signal ended, not at all."""

    @property
    @abstractmethod
    def status(self) -> int | None:
        """The exit status, None while unknown and after a signal."""

    @property
    @abstractmethod
    def broken(self) -> bool:
        """Whether the link went away before the command's end was known."""

    @property
    @abstractmethod
    def refused(self) -> bool:
        """Whether the host never started the command."""

    @abstractmethod
    def end(self) -> None:
        """Lets go of it, at once, and asks the host to stop what still runs in it."""

    def drain(self) -> tuple[bytes, bytes]:
        """What both streams hold now; of the output, what a script printed. LinkBrokenError."""
        ended = self.ended
        out, errors = self.taken()
        return self._since_mark(out, ended), errors

    def _since_mark(self, data: bytes, ended: bool) -> bytes:
        if self._before is None:
            return data
        data = self._before + data
        noise, mark, rest = data.partition(MARK)
        if mark or ended or len(noise) > _NOISE:
            self._before = None
            return rest if mark else noise
        self._before = data
        return b""


def execute(link: Link, process: RemoteProcess, clock: Clock, *, host: str, until: float, limit: int) -> Completed:
    """Reads a started process to its end. UnreachableError when the link breaks, DeadlineError at `until`."""
    begun = clock.monotonic()
    out, errors = bytearray(), bytearray()
    while True:
        ended = process.ended
        more, complaints = process.drain()
        out += more[: max(0, limit - len(out))]
        errors += complaints[: max(0, limit - len(errors))]
        if ended and not process.holds:
            break
        left = until - clock.monotonic()
        if left <= 0:
            raise _late(host, begun, clock)
        process.wait(left)
    if not process.settled(max(0.0, until - clock.monotonic())):
        raise _late(host, begun, clock)
    if process.broken:
        raise UnreachableError(
            f"{host}: the connection was lost while a command ran: {link.lost()}",
            done="Whether the command ended is not known.",
        )
    if process.refused:
        raise UnreachableError(
            f"{host}: the host does not run commands for this account",
            done="Nothing was run there.",
            fix="Check the account's shell and any ForceCommand.",
        )
    return Completed(status=process.status, stdout=bytes(out), stderr=bytes(errors), seconds=clock.monotonic() - begun)


def _late(host: str, begun: float, clock: Clock) -> DeadlineError:
    return DeadlineError(
        f"{host}: a command did not end within {clock.monotonic() - begun:.1f} s",
        done="Its channel was closed; whether it did its work is not known.",
    )


class ProcessStream:
    """A script that goes on. Bytes are collected for 30 ms, so that a busy one does not wake its reader per line; for
    2 ms when they come in `bulk`, because a host fills its window in little more and would stand still for the rest."""

    def __init__(
        self,
        link: Link,
        process: RemoteProcess,
        clock: Clock,
        *,
        host: str,
        release: Callable[[], None],
        bulk: bool = False,
    ) -> None:
        self._link = link
        self._process = process
        self._clock = clock
        self._host = host
        self._release = release
        self._gathered = _BULK_GATHER if bulk else _GATHER
        self._handed = 0.0
        self._held = b""
        self._at = 0

    def read(self, limit: int = 65536, timeout: float = 1.0) -> bytes | None:
        """The next bytes: b"" when none came within `timeout` s, None at the end. UnreachableError on a dead link."""
        until = self._clock.monotonic() + timeout
        while self._at >= len(self._held):
            ended = self._process.ended
            self._held, self._at = self._drain(), 0
            if self._held:
                break
            if ended:
                self._end()
                return None
            left = until - self._clock.monotonic()
            if left <= 0:
                return b""
            self._process.wait(left)
            self._gather()
        self._handed = self._clock.monotonic()
        data = self._held[self._at : self._at + limit]
        self._at += len(data)
        return data

    def _drain(self) -> bytes:
        try:
            return self._process.drain()[0]
        except LinkBrokenError as error:
            self.close()
            raise UnreachableError(f"{self._host}: the connection was lost: {self._link.lost()}") from error

    def _gather(self) -> None:
        rest = self._gathered - (self._clock.monotonic() - self._handed)
        if rest > 0 and not self._process.ended:
            time.sleep(rest)

    def _end(self) -> None:
        self.close()
        if self._process.broken:
            raise UnreachableError(f"{self._host}: the connection was lost: {self._link.lost()}")
        if self._process.refused:
            raise UnreachableError(f"{self._host}: the host does not run commands for this account")

    def close(self) -> None:
        """Ends it, at once."""
        self._process.end()
        self._release()
