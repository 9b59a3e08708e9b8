"""One host over SSH: scripts, files, streams and tunnels on as few connections as they need.

Owns connecting, reconnecting and the memory of failures, so that many callers do not hammer a host that is down. Must
not know what scripts do. Thread-safe: any thread may call anything; one at a time connects.
"""

from __future__ import annotations

import math
import secrets
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import paramiko

from console.clients.names import Resolver
from console.clients.openssh import resolve
from console.clients.ssh_channels import COMMAND, ChannelStream, RemoteProcess, execute, wrapped
from console.clients.ssh_connect import AUTH_LIMIT, BANNER_LIMIT, open_link
from console.clients.ssh_transport import CHANNEL_LIMIT, SESSION, Link
from console.clients.ssh_tunnel import ChannelSocket
from console.domain.back_off import pause_after
from console.domain.environment import Host
from console.domain.untrusted import Raw
from console.errors import AuthenticationError, DeadlineError, RemoteError, UnreachableError, UsageError
from console.ports import Clock, Completed

_LINKS = 4
_REFUSALS = 3
_REFUSED_WAIT = 0.05
_REFUSED_FOR = 2.0
_REFUSED_PAUSE = 30.0
_SPARE_IDLE = 60.0
_CONNECT_LIMIT = 10.0 + BANNER_LIMIT + AUTH_LIMIT


class _Failure:
    """The newest failure to connect: when another attempt is allowed, and what callers hear until then."""

    def __init__(self, error: UnreachableError | AuthenticationError, count: int, now: float) -> None:
        self.error = error
        self.count = count
        refused = isinstance(error, AuthenticationError)
        self.until = now + (_REFUSED_PAUSE if refused else pause_after(count))


class SshShell:
    """`ports.Shell` over paramiko. `changed` is called, from any thread, when the link goes up or down."""

    def __init__(
        self,
        host: Host,
        *,
        clock: Clock,
        ssh_config: str = "",
        changed: Callable[[], None] = lambda: None,
        names: Resolver | None = None,
    ) -> None:
        self._host = host
        self._clock = clock
        self._ssh_config = ssh_config
        self._names = names or Resolver()
        self._changed = changed
        self._links: list[Link] = []
        self._state = threading.Condition()
        self._connecting = threading.Lock()
        self._failure: _Failure | None = None
        self._down_since: datetime | None = None
        self._down_reason = ""
        self._epoch = 0

    @property
    def host(self) -> str:
        """The host's name in the config."""
        return self._host.name

    def connect(self) -> None:
        """Connects and authenticates now; nothing when already connected."""
        if not self.connected():
            self._add_link(self._clock.monotonic() + _CONNECT_LIMIT, spare=False)

    def connected(self) -> bool:
        """Whether the link is up, at once."""
        return any(link.alive() for link in tuple(self._links))

    def fingerprint(self) -> str:
        """The host key in use, `SHA256:…`; connects when needed."""
        self.connect()
        with self._state:
            if not self._links:
                raise self._lost()
            return self._links[0].fingerprint

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        """Runs a script to its end. Commands in it read an empty stdin. RemoteError when its output exceeds `limit`."""
        done = self._execute(COMMAND, (wrapped(script),), deadline, limit + 1)
        if len(done.stdout) <= limit:
            return done
        raise RemoteError(
            f"{self.host}: a command printed more than {limit:,} bytes",
            status=done.status,
            done="It ran to its end; nothing of what it printed was used, because it is not whole.",
        )

    def _execute(self, command: str, chunks: Iterable[bytes], deadline: float, limit: int) -> Completed:
        until = self._clock.monotonic() + deadline
        with self._open(SESSION, (), until) as (link, channel), _translated(self.host, link, deadline):
            process = RemoteProcess(link, channel, command)
            try:
                process.feed(chunks, self._clock, until)
                return execute(link, process, self._clock, host=self.host, until=until, limit=limit)
            finally:
                process.end()

    def put(self, path: str, chunks: Iterable[bytes], *, deadline: float = 120.0, mode: int = 0o600) -> None:
        """Writes a file beside `path` and renames it there; a broken link leaves `path` as it was."""
        if not path.startswith("/") or "\n" in path or "\0" in path:
            raise UsageError(f"{path!r} is not an absolute path")
        target, aside = shlex.quote(path), shlex.quote(f"{path}.{secrets.token_hex(4)}.part")
        sent = [0]
        begun = self._clock.monotonic()
        # The path alone is in the arguments; what is written comes over stdin.
        wrote = self._execute(
            "exec /bin/sh -c " + shlex.quote(f"umask 077; exec cat > {aside}"), _counted(chunks, sent), deadline, 65536
        )
        left = max(1.0, deadline - (self._clock.monotonic() - begun))
        done = wrote
        if wrote.status == 0:
            done = self.run(
                f'[ "$(wc -c < {aside})" -eq {sent[0]} ] && [ ! -d {target} ] && chmod {mode:o} {aside} && '
                f"mv -f {aside} {target}\ns=$?; rm -f {aside}; exit $s",
                deadline=left,
            )
        if done.status != 0:
            raise RemoteError(
                f"{self.host}: {Raw.of(path).show(200)} could not be written: "
                f"{Raw(done.stderr).show(300) or 'it is a directory, or it arrived incomplete'}",
                status=done.status,
                done="The file there is as it was.",
                fix="Check the directory's owner and the free space.",
            )

    def stream(self, script: str, *, bulk: bool = False) -> ChannelStream:
        """Starts a script that goes on; `bulk` for a reader that wants its bytes as fast as they come."""
        until = self._clock.monotonic() + CHANNEL_LIMIT
        link, channel = self._take(SESSION, (), until)
        try:
            with _translated(self.host, link, CHANNEL_LIMIT):
                process = RemoteProcess(link, channel, COMMAND)
                process.feed((wrapped(script),), self._clock, until)
        except BaseException:
            channel.close()
            self._release(link, SESSION)
            raise
        release = self._releaser(link, SESSION)
        return ChannelStream(link, process, self._clock, host=self.host, release=release, bulk=bulk)

    def tunnel(self, host: str, port: int, *, deadline: float = 15.0) -> ChannelSocket:
        """A direct-tcpip channel to an address as the host sees it; host starting with `/` is a unix socket."""
        until = self._clock.monotonic() + min(deadline, CHANNEL_LIMIT)
        kind = "direct-streamlocal@openssh.com" if host.startswith("/") else "direct-tcpip"
        fields = (host, "", 0) if host.startswith("/") else (host, port, "127.0.0.1", 0)
        link, channel = self._take(kind, fields, until)
        return ChannelSocket(link, channel, self._releaser(link, kind))

    def close(self) -> None:
        """Drops the link, at once."""
        with self._state:
            links, self._links = self._links, []
            self._epoch += 1
            self._state.notify_all()
        for link in links:
            link.sock.down = _unheard
            link.close()

    # --- connections and channels ------------------------------------------------------------------------------------

    @contextmanager
    def _open(self, kind: str, fields: tuple[str | int, ...], until: float) -> Iterator[tuple[Link, paramiko.Channel]]:
        link, channel = self._take(kind, fields, until)
        try:
            yield link, channel
        finally:
            self._release(link, kind)

    def _take(self, kind: str, fields: tuple[str | int, ...], until: float) -> tuple[Link, paramiko.Channel]:
        """A channel on a link with room for it; the caller gives the link back."""
        patience = math.inf
        while True:
            link = self._link(kind, until)
            left = min(CHANNEL_LIMIT, until - self._clock.monotonic())
            try:
                channel = link.transport.open(kind, fields, max(0.001, left))
                link.refusals = 0
                return link, channel
            except TimeoutError as error:
                self._release(link, kind)
                raise DeadlineError(f"{self.host}: no channel was opened within {left:.1f} s") from error
            except paramiko.ChannelException as error:
                self._release(link, kind)
                if kind != SESSION:
                    raise UnreachableError(
                        f"{self.host}: the host cannot reach {fields[0]}"
                        f"{f':{fields[1]}' if fields[1] else ''} for us: {_reason(error)}",
                        fix="Check the address as that host sees it, and AllowTcpForwarding in its sshd_config.",
                    ) from error
                now = self._clock.monotonic()
                patience = math.inf if self._refused_beside(link) else min(patience, now + _REFUSED_FOR, until)
                if now >= patience:
                    raise UnreachableError(f"{self.host}: the host opens no sessions: {_reason(error)}") from error
                self._clock.wait(threading.Event(), _REFUSED_WAIT)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self._release(link, kind)
                raise self._lost() from error

    def _refused_beside(self, link: Link) -> bool:
        """Whether a session was refused while others of ours are open on the link; one that goes on refusing allows
        no more than these. With none open, the host may still count one that has just ended."""
        with self._state:
            if link.sessions == 0:
                return False
            link.refusals += 1
            if link.refusals >= _REFUSALS:
                link.most_sessions, link.refusals = min(link.most_sessions, link.sessions), 0
            return True

    def _link(self, kind: str, until: float) -> Link:
        """A live link with a free place for a channel of this kind, which is now taken."""
        while True:
            with self._state:
                self._prune()
                free = next((link for link in self._links if link.has_room(kind)), None)
                if free is not None:
                    free.take(kind)
                    return free
                full = len(self._links) >= _LINKS
                if full:
                    left = until - self._clock.monotonic()
                    if left <= 0 or not self._state.wait(left):
                        raise DeadlineError(f"{self.host}: all channels of {_LINKS} connections are in use")
                    continue
            self._add_link(until, spare=True)

    def _prune(self) -> None:
        """Forgets dead links, and ends spare ones that nobody has used for a minute."""
        now = self._clock.monotonic()
        for link in self._links[1:]:
            if link.channels == 0 and now - link.used > _SPARE_IDLE:
                link.sock.down = _unheard
                link.close()
        self._links = [link for link in self._links if link.alive()]

    def _release(self, link: Link, kind: str) -> None:
        with self._state:
            link.give_back(kind)
            link.used = self._clock.monotonic()
            # All, because whoever is woken may want another kind of channel than the one given back.
            self._state.notify_all()

    def _releaser(self, link: Link, kind: str) -> Callable[[], None]:
        once = threading.Lock()

        def release() -> None:
            if once.acquire(blocking=False):
                self._release(link, kind)

        return release

    def _add_link(self, until: float, *, spare: bool) -> None:
        """Connects, unless somebody else just did. One at a time; the others hear how it went."""
        before = len(self._links)
        if not self._connecting.acquire(timeout=max(0.001, until - self._clock.monotonic())):
            raise DeadlineError(f"{self.host}: another connection attempt has not ended yet")
        try:
            with self._state:
                links = [link for link in self._links if link.alive()]
            if (links and not spare) or (spare and len(links) > before):
                return
            self._refuse_early()
            self._connect(until)
        finally:
            self._connecting.release()

    def _refuse_early(self) -> None:
        failure = self._failure
        if failure is not None and self._clock.monotonic() < failure.until:
            raise self._again(failure.error)

    def _again(self, error: UnreachableError | AuthenticationError) -> UnreachableError | AuthenticationError:
        since = f" (since {self._down_since:%H:%M:%S}Z)" if self._down_since else ""
        what = error.what if since in error.what else error.what + since
        return type(error)(what, done=error.done, fix=error.fix)

    def _connect(self, until: float) -> None:
        epoch = self._epoch
        limit = min(_CONNECT_LIMIT, max(0.05, until - self._clock.monotonic()))
        try:
            destination = resolve(self._host, self._ssh_config)
            link = open_link(destination, self._clock, self._names, limit=limit, down=self._note_down)
        except (UnreachableError, AuthenticationError) as error:
            if self._down_since is None:
                self._down_since = self._clock.now()
            self._failure = _Failure(error, self._failure.count + 1 if self._failure else 1, self._clock.monotonic())
            raise self._again(error) from error
        with self._state:
            closed = self._epoch != epoch
            if not closed:
                self._failure = None
                self._down_since = None
                self._links.append(link)
            self._state.notify_all()
        if closed:
            link.sock.down = _unheard
            link.close()
            raise UnreachableError(f"{self.host}: the connection was closed here while it was made")
        self._changed()

    def _note_down(self, reason: str) -> None:
        self._down_since = self._down_since or self._clock.now()
        self._down_reason = reason
        self._changed()

    def _lost(self) -> UnreachableError:
        since = f" at {self._down_since:%H:%M:%S}Z" if self._down_since else ""
        reason = f": {self._down_reason}" if self._down_reason else ""
        return UnreachableError(
            f"{self.host}: the connection was lost{since}{reason}", fix="It is made again at the next call."
        )


def _unheard(_reason: str) -> None:
    """For links that are ended on purpose."""


def _reason(error: paramiko.ChannelException) -> str:
    return {1: "forwarding or sessions are forbidden there", 2: "it refused the connection"}.get(error.code, error.text)


def _counted(chunks: Iterable[bytes], sent: list[int]) -> Iterator[bytes]:
    for chunk in chunks:
        sent[0] += len(chunk)
        yield chunk


@contextmanager
def _translated(host: str, link: Link, deadline: float) -> Iterator[None]:
    """paramiko's and the socket's errors while a channel is in use, as ours."""
    try:
        yield
    except TimeoutError as error:
        raise DeadlineError(f"{host}: the host took no more input within {deadline:.0f} s") from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        reason = link.lost() if not link.alive() else str(error) or type(error).__name__
        raise UnreachableError(
            f"{host}: the connection was lost: {reason}", done="Whether the command ran is not known."
        ) from error
