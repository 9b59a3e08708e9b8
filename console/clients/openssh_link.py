"""What goes through one running `ssh -M`: commands and tunnels.

Owns the requests to it and the watch over its end. Must not judge host keys or sign in (ssh does), nor retry.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from console.clients import openssh_options
from console.clients.guarded import Guarded
from console.clients.links import Link, LinkBrokenError
from console.clients.openssh_errors import Said, failure, reason_of_end, refused_here, unread_host_key
from console.clients.openssh_mux import MuxConnection
from console.clients.openssh_mux_server import MuxServer
from console.clients.openssh_process import MuxProcess
from console.domain.environment import Host
from console.errors import DeadlineError, UnreachableError
from console.ports import Clock

_TICK = 0.05
_ENDING = 1.0
_ERRAND = 10.0
_UNIX_TUNNELS = (9, 4)
"""The version from which ssh connects to a unix socket without listening on one."""
_STOP = """{{ IFS= read -r stat </proc/{pid}/stat; }} 2>/dev/null || exit 0
set -- ${{stat##*) }}
[ "${{20}}" = {start} ] && {{ kill -TERM -{pid} || kill -TERM {pid}; }} 2>/dev/null
"""


class MuxTunnel:
    """A tunnel's near end, with the request to ssh that holds it open."""

    def __init__(self, sock: socket.socket, mux: MuxConnection | None = None) -> None:
        self._sock = sock
        self._mux = mux
        self._guard = Guarded(self._let_go)

    def settimeout(self, value: float | None, /) -> None:
        """Seconds that each following call may block, None for ever."""
        self._sock.settimeout(value)

    def gettimeout(self) -> float | None:
        """What was set."""
        return self._sock.gettimeout()

    def sendall(self, data: bytes, /) -> None:
        """All bytes."""
        with self._guard.inside():
            self._sock.sendall(data)

    def recv(self, size: int, /) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        with self._guard.inside():
            return self._sock.recv(size)

    def fileno(self) -> int:
        """The descriptor."""
        return self._sock.fileno()

    def shutdown(self, how: int, /) -> None:
        """Ends one or both directions."""
        with self._guard.inside():
            self._sock.shutdown(how)

    def close(self) -> None:
        """Ends it, at once; whoever is inside a call is woken."""
        self.drop()

    def drop(self) -> None:
        """The same."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._guard.close()

    def _let_go(self) -> None:
        self._sock.close()
        if self._mux is not None:
            self._mux.close()


C = TypeVar("C", MuxProcess, MuxTunnel)


class MuxLink(Link):
    """One `ssh -M` that is signed in. `down` is called once, with the reason, when it ends by itself."""

    def __init__(self, server: MuxServer, said: Said, down: Callable[[str], None]) -> None:
        super().__init__()
        self.fingerprint = said.shown[1] if said.shown else ""
        self._server = server
        self._said = said
        self._down = down
        self._reason = ""
        self._told = True
        self._gone = False
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._open: WeakSet[MuxProcess | MuxTunnel] = WeakSet()
        self._errands: deque[tuple[MuxConnection, float]] = deque()
        self._sockets = itertools.count(1)
        # Kept open: the kernel closes it the moment ssh ends, and no sooner.
        self._held = server.ask(_ENDING)
        self._watcher = threading.Thread(target=self._watch, name="ssh-server", daemon=True)
        self._watcher.start()

    def alive(self) -> bool:
        """Whether the link is up as far as is known, at once."""
        if self._reason or self._gone:
            return False
        poll = select.poll()
        try:
            poll.register(self._held.sock, select.POLLIN)
        except ValueError:
            return False
        # ssh has nothing to say there: what can be read is the end.
        return not poll.poll(0)

    def answers(self) -> bool:
        """Whether ssh still serves requests."""
        try:
            mux = self._ask(_ENDING)
        except (LinkBrokenError, TimeoutError):
            return False
        try:
            return mux.is_alive()
        except LinkBrokenError:
            self._give_up()
            return False
        except TimeoutError:
            return False
        finally:
            mux.close()

    def _ask(self, limit: float) -> MuxConnection:
        """A connection for one request. An ssh that takes none is ending: its sockets close one after the other.
        UnreachableError when this machine has no descriptor left for one."""
        if not self.alive():
            raise LinkBrokenError(self.lost())
        try:
            with self._in_words():
                return self._server.ask(limit)
        except LinkBrokenError:
            self._give_up()
            raise

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """UnreachableError for what this machine refuses: descriptors, mostly."""
        try:
            yield
        except TimeoutError:
            raise
        except OSError as error:
            raise refused_here(self._server.way.label, error) from error

    def _give_up(self) -> None:
        self._gone = True
        self._server.stop()

    def lost(self) -> str:
        """Why it is down."""
        if not self._reason and not self.alive():
            self._watcher.join(2 * _ENDING)
        return self._reason or "the connection was closed"

    def session(self, command: str, limit: float) -> MuxProcess:
        """Starts a command. TimeoutError, ChannelRefusedError, LinkBrokenError, UnreachableError."""
        with self._in_words():
            return self._kept(MuxProcess(self, lambda: self._ask(limit), command, self._stop))

    def _kept(self, channel: C) -> C:
        """Notes what is open, so that nothing of it stays open when the link is ended."""
        with self._lock:
            self._open.add(channel)
        return channel

    def tunnel(self, host: str, port: int, limit: float) -> MuxTunnel:
        """A way to an address, or to a unix socket. Raises the same."""
        with self._in_words():
            if host.startswith("/") and self._said.version < _UNIX_TUNNELS:
                return self._listened(host, limit)
            return self._forwarded(host, port, limit)

    def _forwarded(self, host: str, port: int, limit: float) -> MuxTunnel:
        mux = self._ask(limit)
        with _or_close(mux):
            ours, theirs = socket.socketpair()
        try:
            mux.forward(host, None if host.startswith("/") else port, theirs.fileno())
        except BaseException:
            ours.close()
            mux.close()
            raise
        finally:
            theirs.close()
        return self._kept(MuxTunnel(ours, mux))

    def _listened(self, path: str, limit: float) -> MuxTunnel:
        """A way to a unix socket for an older ssh: it listens in its private directory until we are connected."""
        local = str(self._server.directory / f"t{next(self._sockets)}")
        mux = self._ask(limit)
        with _or_close(mux):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            mux.listen(local, path)
            sock.settimeout(limit)
            sock.connect(local)
            # Once it has answered something else it has taken the connection, which would be lost otherwise.
            mux.is_alive()
            mux.listen_no_more(local, path)
        except TimeoutError:
            sock.close()
            raise
        except OSError as error:
            sock.close()
            raise LinkBrokenError(self.lost()) from error
        except BaseException:
            sock.close()
            raise
        finally:
            mux.close()
            with contextlib.suppress(OSError):
                os.unlink(local)  # noqa: PTH108 - a text already
        return self._kept(MuxTunnel(sock))

    def end(self) -> None:
        """Drops it on purpose, at once; readers wake."""
        self._told = False
        self._reason = self._reason or "it was closed here"
        self._ending.set()
        self._server.stop()
        with self._lock:
            channels = list(self._open)
        for channel in channels:
            channel.drop()
        self._watcher.join(_ENDING)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _stop(self, pid: int, start: int) -> None:
        """Asks the host to end a process of ours, and does not wait for it."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            # The same: it ends when it next writes to what is closed by now.
            return
        try:
            mux = self._ask(_ENDING)
            with Path(os.devnull).open("wb") as nowhere:
                mux.ask_session("exec /bin/sh", (theirs.fileno(), nowhere.fileno(), nowhere.fileno()))
            ours.sendall(_STOP.format(pid=pid, start=start).encode())
            self._errands.append((mux, time.monotonic() + _ERRAND))
        except (LinkBrokenError, UnreachableError, OSError):
            # It ends when it next writes to what is closed by now.
            pass
        finally:
            ours.close()
            theirs.close()

    def _watch(self) -> None:
        """Until ssh ends: hears what it says, and says why it ended."""
        poll = select.poll()
        poll.register(self._held.sock, select.POLLIN)
        poll.register(self._server.stderr, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(1000)}
            if self._server.stderr in ready and not self._server.hear(self._said):
                poll.unregister(self._server.stderr)
            for _ in range(len(self._errands)):
                errand = self._errands.popleft()
                if not _is_over(*errand):
                    self._errands.append(errand)
            if self._held.sock.fileno() in ready:
                break
            # Each session says some lines: to wake for every one of them would be a waste.
            self._ending.wait(_TICK)
        status = self._server.finish(self._said)
        for mux, _ in self._errands:
            mux.close()
        silent = openssh_options.BEAT * (openssh_options.MISSES + 1)
        self._reason = self._reason or reason_of_end(self._said, status, silent)
        self._held.close()
        if self._told:
            self._down(self._reason)


@contextlib.contextmanager
def _or_close(mux: MuxConnection) -> Iterator[None]:
    """Closes it when what comes next fails."""
    try:
        yield
    except BaseException:
        mux.close()
        raise


def _is_over(mux: MuxConnection, until: float) -> bool:
    try:
        mux.exit_status(0)
    except TimeoutError:
        if time.monotonic() < until:
            return False
    mux.close()
    return True


def open_mux_link(host: Host, ssh_config: str, clock: Clock, *, limit: float, down: Callable[[str], None]) -> MuxLink:
    """Starts an `ssh -M` and waits until it is signed in, at most `limit` s. UsageError, UnreachableError,
    HostKeyError, AuthenticationError."""
    until = clock.monotonic() + limit
    try:
        server = MuxServer(host, ssh_config)
    except OSError as error:
        raise refused_here(host.name, error) from error
    said = Said()
    try:
        server.start()
        while True:
            left = until - clock.monotonic()
            if left <= 0:
                raise DeadlineError(
                    f"{host.name}: {server.way.label} did not answer within {limit:.1f} s",
                    done="Nothing was run there.",
                    fix="Check that the host is up and that its SSH port is open from here.",
                )
            ready = server.ready(said, min(_TICK, left))
            if ready is None:
                raise failure(host.name, server.way, said)
            if ready:
                if said.shown is None:
                    raise unread_host_key(host.name, server.way)
                return MuxLink(server, said, down)
    except (LinkBrokenError, TimeoutError) as error:
        server.stop()
        server.finish(said)
        raise UnreachableError(f"{host.name}: {server.way.label} went away: {said.last() or error}") from error
    except BaseException as error:
        server.stop()
        server.finish(said)
        if isinstance(error, OSError):
            raise refused_here(host.name, error) from error
        raise
