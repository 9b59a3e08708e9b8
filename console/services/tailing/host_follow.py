"""Following log files of one host: a thread that takes the follower's frames and hands their bytes on.

Owns reconnecting, the marks to resume at, and how each file stands. Must not parse records, nor know how a shell is
reached. Publishes `("logs", ENVIRONMENT)` at most each 50 ms.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from console.domain.back_off import pause_after
from console.domain.environment import Environment
from console.domain.log_history import LeftOut
from console.domain.logs import FileOrigin, FollowState, FollowStatus
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError, RemoteError, UnreachableError
from console.ports import Clock, Publish, Shell, Stream
from console.services.tailing.frames import Data, Decoder, FileOpened, FileTrouble, FollowerError, Frame
from console.services.tailing.script import BACKLOG, MOST, FilePosition, script
from console.services.threads.loop import Loop

PUBLISH_EVERY = 0.05
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


class LogBytes(Protocol):
    """What takes the bytes of a follow, as the ring does."""

    @property
    def revision(self) -> int: ...
    def append(self, origin: FileOrigin, offset: int, data: bytes, *, live: bool = True, minute: int = 0) -> None: ...
    def settle(self, origin: FileOrigin | None = None) -> None: ...


def followed_files(environment: Environment) -> tuple[Followed, ...]:
    """Every file the environment's `logs` names, on each of its hosts; relative ones lie below the application root."""
    return tuple(
        Followed(host.name, file, posixpath.join(environment.paths(host).root, file))
        for host in environment.hosts
        for file in environment.logs
    )


class HostFollow:
    """Follows at most three files of one host over one channel. `start` and `stop` return at once."""

    def __init__(
        self,
        files: Sequence[Followed],
        *,
        environment: str,
        shell: Callable[[], Shell],
        ring: LogBytes,
        clock: Clock,
        publish: Publish,
        backlog: int = BACKLOG,
        marks: Mapping[int, Mapping[str, int]] | None = None,
        most: int = MOST,
    ) -> None:
        """`marks` say up to where files (by their index) were read, by inode, the newest last."""
        self._files = tuple(files)
        self._environment = environment
        self._shell = shell
        self._ring = ring
        self._clock = clock
        self._publish = publish
        self._backlog = backlog
        self._most = most
        self._loop: Loop | None = None
        self._marks: dict[int, dict[str, int]] = {
            number: dict((marks or {}).get(number, {})) for number in range(len(self._files))
        }
        self._gap: FileTrouble | None = None
        self._sizes: dict[tuple[int, str], int] = {}
        self._trimming: set[tuple[int, str]] = set()
        self._unsettled: dict[FileOrigin, float] = {}
        self._failures = 0
        self.left_out: tuple[LeftOut, ...] = ()
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
        """Begins to follow; after a stop, goes on where it stopped."""
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
            number: [FilePosition(inode, offset) for inode, offset in reversed(known.items())]
            for number, known in self._marks.items()
        }
        return script([each.path for each in self._files], marks=marks, backlog=self._backlog, most=self._most)

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
        self._failures = 0
        if self._gap is not None:
            self._skip(self._gap, frame)
        if isinstance(frame, Data):
            self._data(frame, now)
        elif isinstance(frame, FileOpened):
            self._opened(frame)
        elif isinstance(frame, FileTrouble):
            self._trouble(frame)

    def _opened(self, frame: FileOpened) -> None:
        known = self._marks[frame.file]
        known.pop(frame.inode, None)
        known[frame.inode] = frame.offset
        self._sizes[frame.file, frame.inode] = frame.size
        if frame.why == "start" and frame.offset > 0:
            self._trimming.add((frame.file, frame.inode))
        self._set(frame.file, FollowState.FOLLOWING)

    def _trouble(self, frame: FileTrouble) -> None:
        if frame.kind == "missing":
            self._set(frame.file, FollowState.WAITING, "the file does not exist yet")
        elif frame.kind == "unreadable":
            self._set(frame.file, FollowState.UNREADABLE, "the file may not be read by this account")
        elif frame.kind == "gap":
            self._gap = frame
        else:
            self._marks[frame.file].pop(frame.inode, None)

    def _skip(self, gap: FileTrouble, frame: Frame) -> None:
        """Notes what a gap left out. The frame after it tells: the same file was opened further on, or it is gone."""
        self._gap = None
        each = self._files[gap.file]
        opened = isinstance(frame, FileOpened) and (frame.file, frame.inode) == (gap.file, gap.inode)
        size = frame.offset - gap.offset if isinstance(frame, FileOpened) and opened else None
        why = f"from byte {gap.offset:,} on, " + ("there was too much of it" if opened else "the file is gone")
        self.left_out = (*self.left_out, LeftOut(each.host, each.file, why, size))
        if not opened:
            self._marks[gap.file].pop(gap.inode, None)

    def _data(self, frame: Data, now: float) -> None:
        key = (frame.file, frame.inode)
        offset, data = frame.offset, frame.data
        self._marks[frame.file][frame.inode] = offset + len(data)
        live = offset + len(data) > self._sizes.get(key, 0)
        if key in self._trimming:
            cut = data.find(b"\n") + 1
            if not cut:
                return
            self._trimming.discard(key)
            offset, data = offset + cut, data[cut:]
        each = self._files[frame.file]
        origin = FileOrigin(each.host, each.file, frame.inode)
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
        for number in self._marks:
            self._set(number, FollowState.DOWN, Raw.of(error.what).show(200))
        self._failures += 1
        self._say(now=True)
        return pause_after(self._failures)

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
