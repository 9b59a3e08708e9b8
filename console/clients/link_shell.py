"""One host: scripts, files, streams and tunnels over its links, whatever transport they are.

Owns what is said of a script, a file or a tunnel that failed. Must not connect (`links` does) nor know what scripts do.
Thread-safe: any thread may call anything.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from console.clients.links import CHANNEL_LIMIT, SESSION, TUNNEL, ChannelRefusedError, HostLinks, Link, LinkBrokenError
from console.clients.remote_process import (
    COMMAND,
    FIRST_LINE,
    ProcessStream,
    RemoteProcess,
    execute,
    prefaced,
    wrapped,
)
from console.clients.tunnel import ChannelSocket
from console.domain.untrusted import Raw
from console.errors import DeadlineError, RemoteError, UnreachableError, UsageError
from console.ports import Clock, Completed


class LinkShell:
    """`ports.Shell` over one host's links."""

    def __init__(self, host: str, links: HostLinks, clock: Clock) -> None:
        self._name = host
        self._links = links
        self._clock = clock

    @property
    def host(self) -> str:
        """The host's name in the config."""
        return self._name

    def connect(self) -> None:
        """Connects and authenticates now; nothing when already connected."""
        self._links.connect()

    def connected(self) -> bool:
        """Whether the link is up, at once."""
        return self._links.connected()

    def fingerprint(self) -> str:
        """The host key in use, `SHA256:…`; connects when needed."""
        return self._links.fingerprint()

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
        with self._links.opened(SESSION, _started(command), until) as (link, process):
            try:
                with _translated(self.host, link, deadline):
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
        wrote = self._execute(prefaced(f"umask 077; exec cat > {aside}"), _counted(chunks, sent), deadline, 65536)
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

    def stream(self, script: str, *, bulk: bool = False) -> ProcessStream:
        """Starts a script that goes on; `bulk` for a reader that wants its bytes as fast as they come."""
        until = self._clock.monotonic() + CHANNEL_LIMIT
        link, process = self._links.take(SESSION, _started(COMMAND), until)
        release = self._links.releaser(link, SESSION)
        try:
            with _translated(self.host, link, CHANNEL_LIMIT):
                process.feed((wrapped(script),), self._clock, until)
        except BaseException:
            process.end()
            release()
            raise
        return ProcessStream(link, process, self._clock, host=self.host, release=release, bulk=bulk)

    def tunnel(self, host: str, port: int, *, deadline: float = 15.0) -> ChannelSocket:
        """A channel to an address as the host sees it; host starting with `/` is a unix socket."""
        until = self._clock.monotonic() + min(deadline, CHANNEL_LIMIT)
        try:
            link, channel = self._links.take(TUNNEL, lambda link, limit: link.tunnel(host, port, limit), until)
        except ChannelRefusedError as error:
            raise UnreachableError(
                f"{self.host}: the host cannot reach {host}{'' if host.startswith('/') else f':{port}'} for us: "
                f"{error}",
                fix="Check the address as that host sees it, and AllowTcpForwarding in its sshd_config.",
            ) from error
        return ChannelSocket(link, channel, self._links.releaser(link, TUNNEL))

    def close(self) -> None:
        """Drops the link, at once."""
        self._links.close()


def _started(command: str) -> Callable[[Link, float], RemoteProcess]:
    return lambda link, limit: link.session(command, limit)


def _counted(chunks: Iterable[bytes], sent: list[int]) -> Iterator[bytes]:
    yield FIRST_LINE
    for chunk in chunks:
        sent[0] += len(chunk)
        yield chunk


@contextmanager
def _translated(host: str, link: Link, deadline: float) -> Iterator[None]:
    """What breaks while a command is fed or read, in words for people."""
    try:
        yield
    except TimeoutError as error:
        raise DeadlineError(f"{host}: the host took no more input within {deadline:.0f} s") from error
    except LinkBrokenError as error:
        reason = link.lost() if not link.alive() else str(error)
        raise UnreachableError(
            f"{host}: the connection was lost: {reason}", done="Whether the command ran is not known."
        ) from error
