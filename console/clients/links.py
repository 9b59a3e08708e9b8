"""One host's connections: as few as its channels need, made again when they break, left alone while they fail.

Owns connecting, reconnecting and the memory of failures, so that many callers do not hammer a host that is down. Must
not know how a connection is made, nor what goes through it. Thread-safe; one thread at a time connects.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from console.domain.back_off import pause_after
from console.errors import AuthenticationError, DeadlineError, UnreachableError
from console.ports import Clock

if TYPE_CHECKING:
    from console.clients.remote_process import RemoteProcess
    from console.clients.tunnel import TunnelChannel

T = TypeVar("T")

CHANNEL_LIMIT = 15.0
SESSION, TUNNEL = "session", "tunnel"
"""The kinds of channels: one that a command runs in, and one that carries a connection to somewhere else."""
_CHANNELS = 6
_LINKS = 4
_REFUSALS = 3
_REFUSED_WAIT = 0.05
_REFUSED_FOR = 2.0
_REFUSED_PAUSE = 30.0
_SPARE_IDLE = 60.0
_CONNECT_LIMIT = 55.0
"""10 s to connect, 15 s for the keys, 30 s to sign in."""


class ChannelRefusedError(Exception):
    """The host opens no channel of this kind; the text is its reason."""


class LinkBrokenError(Exception):
    """The connection went away under a call; the text is the reason, as far as it is known."""


class Link(ABC):
    """One signed-in connection, the channels open on it, and how many of them are sessions.

    `capacity` and `most_sessions` are how many of each it is given at once; sshd limits sessions alone (MaxSessions).
    """

    fingerprint: str
    faults: tuple[type[Exception], ...] = (OSError, EOFError)
    """What a tunnel's calls raise when the connection below it breaks."""

    def __init__(self) -> None:
        self.channels = 0
        self.capacity = _CHANNELS
        self.sessions = 0
        self.most_sessions = _CHANNELS
        self.refusals = 0
        self.used = math.inf

    def has_room(self, kind: str) -> bool:
        """Whether one more channel of this kind may be asked for."""
        return self.channels < self.capacity and (kind != SESSION or self.sessions < self.most_sessions)

    def take(self, kind: str) -> None:
        """Counts a channel of this kind."""
        self.channels += 1
        self.sessions += kind == SESSION

    def give_back(self, kind: str) -> None:
        """Counts it no more."""
        self.channels -= 1
        self.sessions -= kind == SESSION

    @abstractmethod
    def alive(self) -> bool:
        """Whether the link is up as far as is known, at once."""

    def answers(self) -> bool:
        """Whether the link is up, asked where that can be asked."""
        return self.alive()

    @abstractmethod
    def lost(self) -> str:
        """Why it is down."""

    @abstractmethod
    def session(self, command: str, limit: float) -> RemoteProcess:
        """Starts a command within `limit` s. TimeoutError, ChannelRefusedError, LinkBrokenError."""

    @abstractmethod
    def tunnel(self, host: str, port: int, limit: float) -> TunnelChannel:
        """Opens a way to an address as the host sees it, a unix socket when it begins with `/`. Raises the same."""

    @abstractmethod
    def end(self) -> None:
        """Drops it on purpose, at once: readers wake, and nobody is told that it is down."""


class _Failure:
    """The newest failure to connect: when another attempt is allowed, and what callers hear until then."""

    def __init__(self, error: UnreachableError | AuthenticationError, count: int, now: float) -> None:
        self.error = error
        self.count = count
        refused = isinstance(error, AuthenticationError)
        self.until = now + (_REFUSED_PAUSE if refused else pause_after(count))


class HostLinks:
    """The connections to one host. `open_link` makes one within so many seconds, and its link calls what it is given
    with the reason, once, when it goes down. `changed` is called, from any thread, when one goes up or down."""

    def __init__(
        self,
        host: str,
        clock: Clock,
        open_link: Callable[[float, Callable[[str], None]], Link],
        changed: Callable[[], None],
    ) -> None:
        self._host = host
        self._clock = clock
        self._open_link = open_link
        self._changed = changed
        self.members: list[Link] = []
        self._state = threading.Condition()
        self._connecting = threading.Lock()
        self._failure: _Failure | None = None
        self._down_since: datetime | None = None
        self._down_reason = ""
        self._epoch = 0

    def connect(self) -> None:
        """Connects and authenticates now; nothing when already connected."""
        if not self.connected():
            self._add(self._clock.monotonic() + _CONNECT_LIMIT, spare=False)

    def connected(self) -> bool:
        """Whether one is up, at once."""
        return any(link.alive() for link in tuple(self.members))

    def fingerprint(self) -> str:
        """The host key in use; connects when needed."""
        self.connect()
        with self._state:
            if not self.members:
                raise self._lost()
            return self.members[0].fingerprint

    def close(self) -> None:
        """Drops all, at once."""
        with self._state:
            links, self.members = self.members, []
            self._epoch += 1
            self._state.notify_all()
        for link in links:
            link.end()

    @contextmanager
    def opened(self, kind: str, ask: Callable[[Link, float], T], until: float) -> Iterator[tuple[Link, T]]:
        """What `take` gives, given back afterwards."""
        link, channel = self.take(kind, ask, until)
        try:
            yield link, channel
        finally:
            self._release(link, kind)

    def take(self, kind: str, ask: Callable[[Link, float], T], until: float) -> tuple[Link, T]:
        """What `ask` opens, within the seconds it is told, on a link with room for it; the caller gives the link back
        with `releaser`. ChannelRefusedError only for tunnels: a session that is refused is waited for."""
        patience = math.inf
        while True:
            link = self._link(kind, until)
            left = min(CHANNEL_LIMIT, until - self._clock.monotonic())
            try:
                channel = ask(link, max(0.001, left))
                link.refusals = 0
                return link, channel
            except TimeoutError as error:
                self._release(link, kind)
                raise DeadlineError(f"{self._host}: no channel was opened within {left:.1f} s") from error
            except ChannelRefusedError as error:
                self._release(link, kind)
                if kind != SESSION:
                    raise
                now = self._clock.monotonic()
                patience = math.inf if self._refused_beside(link) else min(patience, now + _REFUSED_FOR, until)
                if now >= patience:
                    raise UnreachableError(f"{self._host}: the host opens no sessions: {error}") from error
                self._clock.wait(threading.Event(), _REFUSED_WAIT)
            except LinkBrokenError as error:
                self._release(link, kind)
                raise self._lost() from error
            except BaseException:
                self._release(link, kind)
                raise

    def releaser(self, link: Link, kind: str) -> Callable[[], None]:
        """What gives a link back, however often it is called."""
        once = threading.Lock()

        def release() -> None:
            if once.acquire(blocking=False):
                self._release(link, kind)

        return release

    # --- inside ------------------------------------------------------------------------------------------------------

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
                free = next((link for link in self.members if link.has_room(kind)), None)
                if free is not None:
                    free.take(kind)
                    return free
                full = len(self.members) >= _LINKS
                if full:
                    left = until - self._clock.monotonic()
                    if left <= 0 or not self._state.wait(left):
                        raise DeadlineError(f"{self._host}: all channels of {_LINKS} connections are in use")
                    continue
            self._add(until, spare=True)

    def _prune(self) -> None:
        """Forgets dead links, and ends spare ones that nobody has used for a minute."""
        now = self._clock.monotonic()
        for link in self.members[1:]:
            if link.channels == 0 and now - link.used > _SPARE_IDLE:
                link.end()
        self.members = [link for link in self.members if link.alive()]

    def _release(self, link: Link, kind: str) -> None:
        with self._state:
            link.give_back(kind)
            link.used = self._clock.monotonic()
            # All, because whoever is woken may want another kind of channel than the one given back.
            self._state.notify_all()

    def _add(self, until: float, *, spare: bool) -> None:
        """Connects, unless somebody else just did. One at a time; the others hear how it went."""
        before = len(self.members)
        if not self._connecting.acquire(timeout=max(0.001, until - self._clock.monotonic())):
            raise DeadlineError(f"{self._host}: another connection attempt has not ended yet")
        try:
            with self._state:
                links = [link for link in self.members if link.alive()]
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
            link = self._open_link(limit, self._note_down)
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
                self.members.append(link)
            self._state.notify_all()
        if closed:
            link.end()
            raise UnreachableError(f"{self._host}: the connection was closed here while it was made")
        self._changed()

    def _note_down(self, reason: str) -> None:
        self._down_since = self._down_since or self._clock.now()
        self._down_reason = reason
        self._changed()

    def _lost(self) -> UnreachableError:
        since = f" at {self._down_since:%H:%M:%S}Z" if self._down_since else ""
        reason = f": {self._down_reason}" if self._down_reason else ""
        return UnreachableError(
            f"{self._host}: the connection was lost{since}{reason}", fix="It is made again at the next call."
        )
