"""A command on a host, whatever transport carries it: a script to its end, and a script that goes on.

Owns the wrapping of scripts, the proof that the account ran what it was asked, and the reading of both streams. Must
not connect, count channels or retry: the shell does.
"""

from __future__ import annotations

import shlex
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from console.clients.links import Link, LinkBrokenError
from console.domain.untrusted import Raw
from console.errors import DeadlineError, UnreachableError
from console.ports import Clock, Completed

_NOISE = 1_048_576
"""What an account may print before a command of ours begins."""
_QUOTED = 300
_STATUS_LIMIT = 1.0
_GATHER = 0.03
_BULK_GATHER = 0.002
MARK = b"\x1eopsconsole\x1e\n"
_EATEN = b"\x1eopsconsole: no first line\x1e\n"
_FIRST = "exit 97 # opsconsole"
FIRST_LINE = f"{_FIRST}\n".encode()
"""What stdin begins with. `prefaced` takes it away; any other shell that is given our stdin ends at it."""


def prefaced(command: str) -> str:
    """The remote command that runs `command`, a line of sh without single quotes around, once its stdin is known to be
    whole: an account's .bashrc may have printed something before, and may have read from it. The mark tells where the
    output begins; before it stands which process it is (`/proc/PID/stat`), for a transport that cannot end a command by
    itself. Any login shell can read it.
    """
    return "exec /bin/sh -c " + shlex.quote(
        f'IFS= read -r l; [ "$l" = "{_FIRST}" ] || {{ printf "\\036opsconsole: no first line\\036\\n"; exit 97; }}; '
        f'{{ IFS= read -r l </proc/$$/stat; }} 2>/dev/null; printf "\\036%s\\036opsconsole\\036\\n" "$l"; {command}'
    )


COMMAND = prefaced("opsconsole=begun exec /bin/sh")


def wrapped(script: str) -> bytes:
    """The script as it goes over stdin of `COMMAND`: parsed whole before any of it runs, its commands reading an empty
    stdin.

    A link that breaks in the middle leaves the brace open, so that nothing runs at all. A shell that was not started by
    `COMMAND` runs nothing either, even when the first line was taken away.
    """
    begun = '[ "$opsconsole" = begun ] || exit 97; unset opsconsole; export LC_ALL=C'
    return FIRST_LINE + f"{begun}\n{{ :\n{script}\n}} </dev/null\n".encode("utf-8", "surrogateescape")


class RemoteProcess(ABC):
    """A remote command made by `prefaced`, and its two streams, both always drained."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._before: bytes | None = b""
        self._complaints = b""

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
        """What both streams hold now; of the output, what came after the mark. LinkBrokenError."""
        out, complaints = self.taken()
        return self._since_mark(out, complaints), complaints

    def _since_mark(self, data: bytes, complaints: bytes) -> bytes:
        if self._before is None:
            return data
        data = self._before + data
        noise, mark, rest = data.partition(MARK)
        if mark:
            self._before, self._complaints = None, b""
            self._begun(noise)
            return rest
        self._before = noise
        self._complaints = (self._complaints + complaints)[:_QUOTED]
        return b""

    def _begun(self, before: bytes) -> None:  # noqa: B027 - most transports have no use for it
        """Called once, with what came before the mark."""

    @property
    def preface(self) -> str | None:
        """What was said instead of the command's output, as words for people; None once the command has begun."""
        if self._before is None:
            return None
        if _EATEN in self._before:
            return "what its shell runs at login read the script that was meant for the command"
        # Never what comes after our own first line: an account that gives back what it is sent would show secrets.
        said = self._before.partition(_FIRST.encode())[0] + b" " + self._complaints
        shown = Raw(said).show(_QUOTED).strip()
        return f"it said: {shown}" if shown else "it said nothing"

    @property
    def drowned(self) -> bool:
        """Whether so much was said before the command began that it is not waited for."""
        return self._before is not None and len(self._before) > _NOISE


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
        if process.drowned:
            raise _not_begun(host, process)
        left = until - clock.monotonic()
        if left <= 0:
            raise _late(host, begun, clock, process)
        process.wait(left)
    if not process.settled(max(0.0, until - clock.monotonic())):
        raise _late(host, begun, clock, process)
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
    if process.preface is not None:
        raise _not_begun(host, process)
    return Completed(status=process.status, stdout=bytes(out), stderr=bytes(errors), seconds=clock.monotonic() - begun)


def _late(host: str, begun: float, clock: Clock, process: RemoteProcess) -> DeadlineError:
    seconds = clock.monotonic() - begun
    if process.preface is not None:
        return DeadlineError(
            f"{host}: a command did not begin within {seconds:.1f} s; {process.preface}",
            done="Its channel was closed; whether it ran is not known.",
            fix=_LOGIN,
        )
    return DeadlineError(
        f"{host}: a command did not end within {seconds:.1f} s",
        done="Its channel was closed; whether it did its work is not known.",
    )


_LOGIN = (
    "Try `ssh HOST true` with this account: look into what its shell reads at login (~/.bashrc: exit, read, cat), "
    "at its login shell, and at ForceCommand in sshd_config and command= in authorized_keys."
)


def _not_begun(host: str, process: RemoteProcess) -> UnreachableError:
    return UnreachableError(
        f"{host}: the account does not run what it is asked; {process.preface}",
        done="Nothing of what was asked was run there.",
        fix=_LOGIN,
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
            data = self._process.drain()[0]
        except LinkBrokenError as error:
            self.close()
            raise UnreachableError(f"{self._host}: the connection was lost: {self._link.lost()}") from error
        if self._process.drowned:
            self.close()
            raise _not_begun(self._host, self._process)
        return data

    def _gather(self) -> None:
        rest = self._gathered - (self._clock.monotonic() - self._handed)
        if rest > 0 and not self._process.ended:
            time.sleep(rest)

    def _end(self) -> None:
        if self._process.preface is not None:
            # A link that breaks ends the streams a moment before it is known to be broken.
            self._process.settled(_STATUS_LIMIT)
        self.close()
        if self._process.broken:
            raise UnreachableError(f"{self._host}: the connection was lost: {self._link.lost()}")
        if self._process.refused:
            raise UnreachableError(f"{self._host}: the host does not run commands for this account")
        if self._process.preface is not None:
            raise _not_begun(self._host, self._process)

    def close(self) -> None:
        """Ends it, at once."""
        self._process.end()
        self._release()
