"""Following the log files of the selected environment: one thread a host, from the follower's frames into the ring.

Owns reconnecting, the marks to resume at, and how each file stands. Must not parse records, nor know how a shell is
reached. Publishes `("logs", ENVIRONMENT)` at most each 50 ms.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock

from console.domain.environment import Environment
from console.domain.logs import FollowState, FollowStatus, LogRing, Origin
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError, RemoteError, UnreachableError
from console.ports import Clock, Publish, Shell, Stream
from console.services.follower import Data, Decoder, FollowerError, Frame, Opened, Trouble
from console.services.follower_script import BACKLOG, FILES_A_SCRIPT, Mark, script
from console.services.loop import Loop

PUBLISH_EVERY = 0.05
BACK_OFF = (1.0, 2.0, 4.0, 5.0)
SILENT = 12.0
"""Seconds without even a beat after which a link counts as dead."""

_SETTLE_AFTER = 1.0
_READ = 0.5
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Followed:
    """One file of one host: `file` as configured, `path` absolute there."""

    host: str
    file: str
    path: str


def followed_files(environment: Environment) -> tuple[Followed, ...]:
    """Every file the environment's `logs` names, on each of its hosts; relative ones lie below the application root."""
    return tuple(
        Followed(host.name, file, posixpath.join(environment.paths(host).root, file))
        for host in environment.hosts
        for file in environment.logs
    )


class HostFollow:
    """Follows at most three files of one host over one channel. `start` and `stop` are at once."""

    def __init__(
        self,
        files: Sequence[Followed],
        *,
        environment: str,
        shell: Callable[[], Shell],
        ring: LogRing,
        clock: Clock,
        publish: Publish,
        backlog: int = BACKLOG,
    ) -> None:
        self._files = tuple(files)
        self._environment = environment
        self._shell = shell
        self._ring = ring
        self._clock = clock
        self._publish = publish
        self._backlog = backlog
        self._loop: Loop | None = None
        self._marks: dict[int, dict[str, int]] = {number: {} for number in range(len(self._files))}
        self._sizes: dict[tuple[int, str], int] = {}
        self._trimming: set[tuple[int, str]] = set()
        self._unsettled: dict[Origin, float] = {}
        self._failures = 0
        self._caught_up: set[int] = set()
        self.error: OpsconsoleError | None = None
        self._published = 0.0
        self._unpublished = False
        self._lock = Lock()
        now = clock.now()
        self._statuses = {
            number: FollowStatus(host=each.host, file=each.file, state=FollowState.CONNECTING, since=now)
            for number, each in enumerate(self._files)
        }

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Follows from now on, where it was left if it ever ran."""
        before = self._loop
        if before is not None and not before.stopped:
            return
        for number in self._marks:
            self._set(number, FollowState.CONNECTING)

        def turn() -> float:
            if before is not None:
                before.close()
            return self._session(loop)

        host = self._files[0].host
        loop = Loop(f"logs-{host}", turn, clock=self._clock, crashed=self._crashed)
        self._loop = loop
        loop.start()

    def stop(self) -> None:
        """Ends the follow soon."""
        if self._loop is not None:
            self._loop.stop()

    def close(self) -> None:
        """Ends it and waits, bounded."""
        if self._loop is not None:
            self._loop.close()

    def statuses(self) -> tuple[FollowStatus, ...]:
        """How each file stands."""
        with self._lock:
            return tuple(self._statuses.values())

    @property
    def caught_up(self) -> bool:
        """Whether everything each file held when it was opened has been read."""
        return len(self._caught_up) == len(self._files)

    # --- in its own thread -------------------------------------------------------------------------------------------

    def _session(self, loop: Loop) -> float:
        """One connection from its script's first line to its end; the seconds to wait before the next."""
        try:
            stream = self._shell().stream(self._script())
        except OpsconsoleError as error:
            return self._failed(error)
        try:
            self._read(stream, loop)
            return 0.0
        except UnreachableError as error:
            return self._failed(error)
        except FollowerError as error:
            return self._failed(RemoteError(f"the follower there cannot work: {error}"))
        finally:
            stream.close()
            self._settle(until=float("inf"))
            self._say(now=True)

    def _script(self) -> str:
        # Newest first: of several renamed files a script takes up the newest one.
        marks = {
            number: [Mark(inode, offset) for inode, offset in reversed(known.items())]
            for number, known in self._marks.items()
        }
        return script([each.path for each in self._files], marks=marks, backlog=self._backlog)

    def _read(self, stream: Stream, loop: Loop) -> None:
        decoder = Decoder()
        heard = self._clock.monotonic()
        while not loop.stopped:
            data = stream.read(_CHUNK, PUBLISH_EVERY if self._unpublished else _READ)
            now = self._clock.monotonic()
            if data is None:
                raise UnreachableError("the follower ended on the host")
            if data:
                heard = now
                for frame in decoder.feed(data):
                    self._take(frame, now)
            elif now - heard > SILENT:
                raise UnreachableError(f"nothing heard for {SILENT:.0f} s")
            self._settle(until=now - _SETTLE_AFTER)
            self._say()

    def _take(self, frame: Frame, now: float) -> None:
        self._failures, self.error = 0, None
        if isinstance(frame, Data):
            self._data(frame, now)
        elif isinstance(frame, Opened):
            self._opened(frame)
        elif isinstance(frame, Trouble):
            self._trouble(frame)

    def _opened(self, frame: Opened) -> None:
        known = self._marks[frame.file]
        known.pop(frame.inode, None)
        known[frame.inode] = frame.offset
        self._sizes[frame.file, frame.inode] = frame.size
        if frame.why == "start" and frame.offset > 0:
            self._trimming.add((frame.file, frame.inode))
        if frame.offset >= frame.size:
            self._caught_up.add(frame.file)
        self._set(frame.file, FollowState.FOLLOWING)

    def _trouble(self, frame: Trouble) -> None:
        if frame.kind in ("missing", "unreadable"):
            self._caught_up.add(frame.file)
        if frame.kind == "missing":
            self._set(frame.file, FollowState.WAITING, "the file does not exist yet")
        elif frame.kind == "unreadable":
            self._set(frame.file, FollowState.UNREADABLE, "the file may not be read by this account")
        else:
            self._marks[frame.file].pop(frame.inode, None)

    def _data(self, frame: Data, now: float) -> None:
        key = (frame.file, frame.inode)
        offset, data = frame.offset, frame.data
        self._marks[frame.file][frame.inode] = offset + len(data)
        live = offset + len(data) > self._sizes.get(key, 0)
        if offset + len(data) >= self._sizes.get(key, 0):
            self._caught_up.add(frame.file)
            self._unpublished = True
        if key in self._trimming:
            cut = data.find(b"\n") + 1
            if not cut:
                return
            self._trimming.discard(key)
            offset, data = offset + cut, data[cut:]
        each = self._files[frame.file]
        origin = Origin(each.host, each.file, frame.inode)
        self._ring.append(origin, offset, data, live=live, minute=int(self._clock.now().timestamp()) // 60)
        self._unsettled[origin] = now
        self._unpublished = True

    def _settle(self, until: float) -> None:
        """Shows unfinished last lines of files that have said nothing since `until`."""
        for origin in [origin for origin, at in self._unsettled.items() if at <= until]:
            del self._unsettled[origin]
            before = self._ring.revision
            self._ring.settle(origin)
            self._unpublished = self._unpublished or self._ring.revision != before

    def _say(self, *, now: bool = False) -> None:
        mono = self._clock.monotonic()
        if now or (self._unpublished and mono - self._published >= PUBLISH_EVERY):
            self._published, self._unpublished = mono, False
            self._publish(("logs", self._environment))

    def _failed(self, error: OpsconsoleError) -> float:
        self.error = error
        for number in self._marks:
            self._set(number, FollowState.DOWN, Raw.of(error.what).show(200))
        delay = BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
        self._failures += 1
        self._say(now=True)
        return delay

    def _crashed(self, error: Exception) -> None:
        self._failed(RemoteError(f"following failed: {type(error).__name__}"))

    def _set(self, number: int, state: FollowState, detail: str = "") -> None:
        with self._lock:
            before = self._statuses[number]
            if before.state is not state or before.detail != detail:
                since = before.since if before.state is state else self._clock.now()
                self._statuses[number] = FollowStatus(
                    host=before.host, file=before.file, state=state, since=since, detail=detail
                )
                self._unpublished = True


class Tailer:
    """The log files of every known environment; those of the selected one are followed. Implements `ports.Tails`."""

    def __init__(
        self,
        environments: Sequence[Environment],
        shell: Callable[[str, str], Shell],
        *,
        clock: Clock,
        publish: Publish,
        backlog: int = BACKLOG,
        make_ring: Callable[[], LogRing] = LogRing,
    ) -> None:
        """`shell(ENVIRONMENT, HOST)` gives a host's shell; it is called from the follow's own thread."""
        self._selected = ""
        self._rings = {each.name: make_ring() for each in environments}
        self._follows = {each.name: self._hosts(each, shell, clock, publish, backlog) for each in environments}

    def _hosts(
        self,
        environment: Environment,
        shell: Callable[[str, str], Shell],
        clock: Clock,
        publish: Publish,
        backlog: int,
    ) -> tuple[HostFollow, ...]:
        files = followed_files(environment)
        name = environment.name
        follows = []
        for host in environment.hosts:
            mine = [each for each in files if each.host == host.name]
            for first in range(0, len(mine), FILES_A_SCRIPT):
                follows.append(
                    HostFollow(
                        mine[first : first + FILES_A_SCRIPT],
                        environment=name,
                        shell=partial(shell, name, host.name),
                        ring=self._rings[name],
                        clock=clock,
                        publish=publish,
                        backlog=backlog,
                    )
                )
        return tuple(follows)

    def select(self, environment: str) -> None:
        """Follows this environment's files from now on and no others; at once. An unknown name follows nothing."""
        for name, follows in self._follows.items():
            for follow in follows:
                if name == environment:
                    follow.start()
                else:
                    follow.stop()
        self._selected = environment

    def ring(self, environment: str) -> LogRing:
        """The newest blocks of an environment; KeyError when it is unknown."""
        return self._rings[environment]

    def statuses(self, environment: str) -> tuple[FollowStatus, ...]:
        """How each followed file stands."""
        return tuple(status for follow in self._follows.get(environment, ()) for status in follow.statuses())

    def caught_up(self, environment: str) -> bool:
        """Whether every file's present content is in the ring, as far as its host answers."""
        follows = self._follows.get(environment, ())
        return all(follow.caught_up or follow.error is not None for follow in follows)

    def errors(self, environment: str) -> tuple[OpsconsoleError | None, ...]:
        """For each channel the failure that holds now, None where it works."""
        return tuple(follow.error for follow in self._follows.get(environment, ()))

    def close(self) -> None:
        """Ends every follow within its bounded join."""
        for follow in self._all():
            follow.stop()
        for follow in self._all():
            follow.close()

    def _all(self) -> list[HostFollow]:
        return [follow for follows in self._follows.values() for follow in follows]
