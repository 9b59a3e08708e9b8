"""What comes to the log files of an environment after their history, as whole records.

Owns the seam: each file is followed from the byte at which its history ended, whatever name it has by then. Must not
lose a record because nobody takes it; the hosts wait instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from threading import Condition

from console.domain.environment import Environment
from console.domain.log_blocks import FileOrigin
from console.domain.log_history import LeftOut
from console.domain.log_records import RecordCutter, Records
from console.domain.logs import FollowStatus
from console.ports import Clock, Shell
from console.services.tailing.host_follow import Followed, HostFollow, followed_files
from console.services.tailing.host_history import Seam
from console.services.tailing.script import FILES_A_SCRIPT, FRAME

MOST = 8 << 20
"""How many bytes may wait to be taken; more are left on the hosts."""
QUIET = 0.3
"""Seconds after which a record that nothing was added to counts as whole."""
UNFINISHED = 1.0
"""The same where its last line has no end."""
BEHIND = 30.0
"""The same where the host had more to send than it did: a slow link takes its time for the rest."""

_EVERYTHING = 1 << 62
_Key = tuple[str, str, str]


class LiveRecords:
    """Takes bytes from the threads that follow and hands out whole records in the order they came. A thread that brings
    more than may wait is made to wait itself."""

    def __init__(self, seams: Sequence[Seam], clock: Clock) -> None:
        self._clock = clock
        self._changed = Condition()
        self._cutters: dict[_Key, RecordCutter] = {
            (each.followed.host, each.followed.file, each.inode): each.cutter for each in seams
        }
        self._fed: dict[_Key, float] = dict.fromkeys(self._cutters, clock.monotonic())
        self._behind: set[_Key] = set()
        self._stalled: Counter[str] = Counter()
        self._waiting: list[Records] = []
        self._size = 0
        self._closed = False
        self._revision = 0

    @property
    def revision(self) -> int:
        """A number that differs after anything came."""
        return self._revision

    @property
    def waiting(self) -> int:
        """Bytes that wait to be taken."""
        return self._size

    def append(self, origin: FileOrigin, offset: int, data: bytes, *, live: bool = True, minute: int = 0) -> None:  # noqa: ARG002
        """Adds bytes read at `offset` of a file; waits while there is no room."""
        key = origin.host, origin.file, origin.inode
        with self._changed:
            if self._size >= MOST:
                self._wait_for_room(origin.host)
            if self._closed:
                return
            cutter = self._cutters.get(key)
            if cutter is None or cutter.offset != offset:
                if cutter is not None:
                    self._add(cutter.settle())
                cutter = self._cutters[key] = RecordCutter(origin, offset, inside=cutter is not None and offset > 0)
            self._add(cutter.feed(data))
            (self._behind.add if len(data) >= FRAME else self._behind.discard)(key)
            self._fed[key] = self._clock.monotonic()
            self._revision += 1
            self._changed.notify_all()

    def settle(self, origin: FileOrigin | None = None) -> None:
        """Does nothing: `take` hands out unfinished records when their time has come."""

    def take(self, seconds: float) -> list[Records]:
        """The records that are whole; waits at most so long for any."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(seconds)
            now = self._clock.monotonic()
            for key, fed in list(self._fed.items()):
                cutter = self._cutters[key]
                if cutter.held and not self._stalled[key[0]] and now - fed >= self._patience(key):
                    self._add(cutter.settle())
            taken, self._waiting, self._size = self._waiting, [], 0
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Lets waiting threads go at once; no more bytes are accepted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait_for_room(self, host: str) -> None:
        """Waits until something was taken. The files of a host that waits do not count as silent meanwhile."""
        self._stalled[host] += 1
        self._changed.wait_for(lambda: self._closed or self._size < MOST)
        self._stalled[host] -= 1
        now = self._clock.monotonic()
        self._fed.update((key, now) for key in self._fed if key[0] == host)

    def _patience(self, key: _Key) -> float:
        if key in self._behind:
            return BEHIND
        return QUIET if self._cutters[key].at_line_end else UNFINISHED

    def _add(self, records: Records | None) -> None:
        if records is not None:
            self._waiting.append(records)
            self._size += len(records.data)


class Live:
    """Follows every file of an environment from its seam on. A file without a seam (its host was away, or the file
    missing) is followed from `recent` bytes before its end, or from its beginning when it appears."""

    def __init__(
        self,
        environment: Environment,
        shell: Callable[[str], Shell],
        seams: Sequence[Seam],
        *,
        clock: Clock,
        recent: int,
    ) -> None:
        self.records = LiveRecords(seams, clock)
        files = followed_files(environment)
        self._follows = []
        for host in environment.hosts:
            mine = [each for each in files if each.host == host.name]
            for first in range(0, len(mine), FILES_A_SCRIPT):
                together = mine[first : first + FILES_A_SCRIPT]
                follow = HostFollow(
                    together,
                    environment=environment.name,
                    shell=partial(shell, host.name),
                    ring=self.records,
                    clock=clock,
                    publish=lambda _: None,
                    backlog=recent,
                    marks=_marks(together, seams),
                    most=_EVERYTHING,
                )
                self._follows.append(follow)
                follow.start()

    def statuses(self) -> tuple[FollowStatus, ...]:
        """How each file stands."""
        return tuple(status for follow in self._follows for status in follow.statuses())

    def left_out(self) -> tuple[LeftOut, ...]:
        """What could not be followed up, since the start."""
        return tuple(each for follow in self._follows for each in follow.left_out)

    def close(self) -> None:
        """Ends every follow within its bounded join."""
        self.records.close()
        for follow in self._follows:
            follow.stop()
        for follow in self._follows:
            follow.close()


def _marks(files: Sequence[Followed], seams: Sequence[Seam]) -> dict[int, dict[str, int]]:
    """Up to where each file was read, by its place in the script."""
    return {
        number: {each.inode: each.cutter.offset for each in seams if each.followed == followed}
        for number, followed in enumerate(files)
    }
