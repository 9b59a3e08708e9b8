"""One host's log files: which of them are read from which byte, and what was left unread.

Owns the choice by time and size, and the account of one host. Must not merge, nor know other hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from posixpath import basename

from console.domain.log_blocks import FileOrigin, Where
from console.domain.log_history import LeftOut, Span
from console.domain.log_records import RecordCutter
from console.domain.log_siblings import UNPACKED, FoundFile
from console.domain.log_times import UNTIMED, Times
from console.errors import OpsconsoleError, UnreachableError
from console.ports import Clock, Shell
from console.services.tailing.file_records import FileRecords
from console.services.tailing.host_follow import Followed
from console.services.tailing.log_files import FoundLog, Listing, list_logs
from console.services.tailing.remote_file import HostFiles, RemoteFile
from console.services.tailing.start_offset import SLACK, SMALL, find_beginning

WRITTEN_ON = 600
"""A rotated file that did not change for so many seconds counts as no longer written."""

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Seam:
    """Where the history of a file ends and its following begins: `cutter` holds what may still grow."""

    followed: Followed
    inode: str
    cutter: RecordCutter


class HostHistory:
    """The files of one host. Call `open` first; when all sources are read, `close` completes `left_out`, `seams` and
    `untimed` (how many lines of which file were shown though nothing says when they were written) and `unleveled` (of
    which files lines were left out though nothing says of which level they are)."""

    def __init__(
        self,
        host: str,
        files: Sequence[Followed],
        shell: Callable[[], Shell],
        *,
        span: Span,
        where: Where,
        times: Times,
        clock: Clock,
        follow: bool,
        exact: bool,
    ) -> None:
        self._host = host
        self.files = files
        self._shell = shell
        self._span = span
        self._where = where
        self._times = times
        self._follow = follow
        self._exact = exact
        self._shared = HostFiles(shell, clock)
        self._begin = UNTIMED
        self._now = 0
        self._read: list[tuple[Followed, FileRecords]] = []
        self.left_out: list[LeftOut] = []
        self.missing: list[Followed] = []
        self.seams: list[Seam] = []
        self.untimed: dict[str, int] = {}
        self.unleveled: list[str] = []

    @property
    def sources(self) -> list[FileRecords]:
        """What is to be read, in the order of the configuration."""
        return [source for _, source in self._read]

    def open(self) -> None:
        """Lists the files and chooses. The errors of a shell."""
        listing = self._list()
        self._now, self._begin = listing.now, self._span.begin_at(listing.now)
        claimed = {log.current.inode for log in listing.logs if log.current is not None}
        taken: set[str] = set()
        for followed, log in zip(self.files, listing.logs, strict=True):
            if log.current is None:
                self.missing.append(followed)
            rotated = [each for each in log.rotated if each.inode not in claimed] if self._span.by_time else []
            claimed.update(each.inode for each in rotated)
            for each in (*rotated, *([log.current] if log.current else [])):
                if each.inode not in taken:
                    taken.add(each.inode)
                    self._choose(followed, each, listing, kept=self._is_written(each, log))
            self._judge_beginning(followed, log, listing)

    def fail(self, error: OpsconsoleError) -> None:
        """The host could not be asked: none of its files was read."""
        self.left_out += [LeftOut(self._host, each.file, error.what, lost=True) for each in self.files]

    def close(self) -> None:
        """Ends all reading and says what was left out."""
        for followed, source in self._read:
            source.close()
            remote = source.file
            if source.error is not None and not source.goes_on:
                why, lost = source.error.what, isinstance(source.error, UnreachableError)
                self.left_out.append(LeftOut(self._host, _shown(followed, remote.file), why, source.left, lost))
            if source.untimed:
                self.untimed[_shown(followed, remote.file)] = source.untimed
            if source.unleveled:
                self.unleveled.append(_shown(followed, remote.file))
            if source.kept:
                self.seams.append(Seam(followed, remote.file.inode, source.cutter))

    def _list(self) -> Listing:
        span, slack = self._span, SLACK // _SECOND
        begin = None if span.begin is None else max(0, span.begin // _SECOND - slack)
        ago = None if span.ago is None else span.ago + slack
        return list_logs(self._shell(), [(each.file, each.path) for each in self.files], begin=begin, ago=ago)

    def _is_written(self, file: FoundFile, log: FoundLog) -> bool:
        """Whether a follow goes on with it: the present file, and the one before it while its writers may keep it."""
        if not self._follow or file.packing:
            return False
        newest = log.rotated[-1] if log.rotated else None
        return file is log.current or (file is newest and self._now - file.changed < WRITTEN_ON)

    def _choose(self, followed: Followed, file: FoundFile, listing: Listing, *, kept: bool) -> None:
        if self._span.by_time and file.changed * _SECOND < self._begin - SLACK and not kept:
            return
        if not file.readable or (file.packing and file.packing not in UNPACKED):
            why = (
                "this account may not read it" if not file.readable else f"what made .{file.packing} is not known here"
            )
            self.left_out.append(LeftOut(self._host, _shown(followed, file), why, file.size))
            return
        stamp = listing.stamps.get(file.inode)
        offset = self._offset(file, stamp)
        origin = FileOrigin(followed.host, _shown(followed, file), file.inode)
        known = self._times.latest(stamp) if stamp else None
        source = FileRecords(
            RemoteFile(self._shared, file, offset=offset),
            RecordCutter(origin, offset, inside=offset > 0),
            self._times,
            where=self._where,
            begin=self._begin,
            begins=UNTIMED if known is None else known,
            kept=kept,
            exact=self._exact,
        )
        self._read.append((followed, source))

    def _offset(self, file: FoundFile, stamp: bytes | None) -> int:
        if not self._span.by_time:
            return max(0, file.size - self._span.tail)
        if file.packing or file.size <= SMALL:
            return 0
        first = self._times.latest(stamp) if stamp else None
        if first is not None and first >= self._begin:
            return 0
        try:
            return find_beginning(self._shell(), file, self._begin, latest=self._times.latest)
        except OpsconsoleError:
            # Reading the file from its beginning is slower, but it reports what is wrong with the file or the host.
            return 0

    def _judge_beginning(self, followed: Followed, log: FoundLog, listing: Listing) -> None:
        """Notes that a directory which may not be listed can hold rotated files of the wanted time."""
        if not log.unlisted or not self._span.by_time:
            return
        stamp = listing.stamps.get(log.current.inode) if log.current else None
        first = self._times.latest(stamp) if stamp else None
        if first is None or first >= self._begin:
            why = "its directory may not be listed, so that rotated files are not known"
            self.left_out.append(LeftOut(self._host, followed.file, why))


def _shown(followed: Followed, file: FoundFile) -> str:
    """The name of what is read: as configured, or of the rotated file beside it."""
    name = basename(file.path)
    if name == basename(followed.path):
        return followed.file
    directory = followed.file[: len(followed.file) - len(basename(followed.file))]
    return directory + name
