"""A command that a running `ssh` carries: its three streams, how it ended, and how it is ended.

Owns the descriptors. Must not start an `ssh`: `openssh_mux` hands the other ends to one that runs.
"""

from __future__ import annotations

import os
import re
import select
import socket
from collections.abc import Callable, Iterable

from console.clients.guarded import Guarded
from console.clients.links import Link, LinkBrokenError
from console.clients.openssh_mux import MuxConnection
from console.clients.remote_process import RemoteProcess
from console.ports import Clock

_CHUNK = 262_144
_ALL = 1 << 20
_SETTLING = 0.1
_WHO = re.compile(rb"\x1e(\d+) \(sh\) \S (?:\S+ ){18}(\d+) [^\x1e]*\Z")


class MuxProcess(RemoteProcess):
    """A command behind one connection to the control socket.

    `stop` is called with the process id on the host and its start time when the command has to be ended before its end.
    """

    def __init__(
        self, link: Link, open_mux: Callable[[], MuxConnection], command: str, stop: Callable[[int, int], None]
    ) -> None:
        super().__init__(link)
        self._stop = stop
        self._who: tuple[int, int] | None = None
        self._settled = False
        self._status: int | None = None
        self._guard = Guarded(self._let_go)
        self._mux = open_mux()
        far: list[int] = []
        self._reading: list[int] = []
        try:
            self._stdin, stdin = socket.socketpair()
        except BaseException:
            self._mux.close()
            raise
        try:
            for _ in range(2):
                ours, theirs = os.pipe()
                os.set_blocking(ours, False)
                self._reading.append(ours)
                far.append(theirs)
            self._stdout, self._stderr = self._reading
            self._mux.session(command, (stdin.fileno(), *far))
        except BaseException:
            self._let_go()
            raise
        finally:
            stdin.close()
            for descriptor in far:
                os.close(descriptor)

    def feed(self, chunks: Iterable[bytes], clock: Clock, until: float) -> None:
        """Writes to its stdin and ends it. Stops when the command has ended before. TimeoutError, LinkBrokenError."""
        for chunk in chunks:
            if not self._takes(chunk, until - clock.monotonic()):
                return
        self._takes(None, 0)

    def _takes(self, data: bytes | None, seconds: float) -> bool:
        """Writes these bytes, or ends the input; false when the command takes no more."""
        try:
            with self._guard.inside():
                if data is None:
                    self._stdin.shutdown(socket.SHUT_WR)
                else:
                    self._stdin.settimeout(max(0.001, seconds))
                    self._stdin.sendall(data)
        except TimeoutError:
            raise
        except OSError as error:
            if not self._link.alive():
                raise LinkBrokenError(self._link.lost()) from error
            return False
        return True

    def taken(self) -> tuple[bytes, bytes]:
        """What both streams hold now."""
        try:
            with self._guard.inside():
                out, errors = self._read(self._stdout), self._read(self._stderr)
        except OSError as error:
            raise LinkBrokenError("it was closed here") from error
        return out, errors

    def _read(self, descriptor: int) -> bytes:
        found = bytearray()
        while descriptor in self._reading and len(found) < _ALL:
            try:
                data = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                self._reading.remove(descriptor)
                os.close(descriptor)
            found += data
        return bytes(found)

    @property
    def holds(self) -> bool:
        """Nothing is held here once both streams have ended."""
        return False

    def wait(self, seconds: float) -> None:
        """Until there may be something to take."""
        try:
            with self._guard.inside():
                poll = select.poll()
                for descriptor in self._reading:
                    poll.register(descriptor, select.POLLIN)
                if self._reading:
                    poll.poll(seconds * 1000)
        except OSError:
            # Closed by another thread: the next call says so.
            return

    @property
    def ended(self) -> bool:
        """Whether no more output can come."""
        return not self._reading

    def settled(self, seconds: float) -> bool:
        """Waits for how it ended; whether that is known now."""
        if not self._settled:
            try:
                with self._guard.inside():
                    self._status = self._mux.exit_status(seconds)
            except TimeoutError:
                return False
            except OSError:
                return True
            self._settled = True
        return True

    @property
    def status(self) -> int | None:
        """The exit status, None while unknown and after a signal: of that one ssh says nothing."""
        return self._status

    @property
    def broken(self) -> bool:
        """Whether the link went away before the command's end was known."""
        return self._status is None and not self._link.answers()

    @property
    def refused(self) -> bool:
        """Never known here: ssh does not tell it from a command that ended without a word."""
        return False

    def _begun(self, before: bytes) -> None:
        """Keeps which process runs the script."""
        found = _WHO.search(before)
        if found:
            self._who = int(found[1]), int(found[2])

    def end(self) -> None:
        """Lets go of it, at once, and asks the host to stop what still runs in it."""
        runs = not self.settled(_SETTLING if self.ended else 0)
        self.drop()
        if runs and self._who is not None and self._link.alive():
            self._stop(*self._who)

    def drop(self) -> None:
        """Lets go of it and nothing else. Whoever waits is woken by the end of the streams, which ssh closes then."""
        self._mux.hang_up()
        self._guard.close()

    def _let_go(self) -> None:
        self._stdin.close()
        self._mux.close()
        while self._reading:
            os.close(self._reading.pop())
