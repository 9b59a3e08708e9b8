"""One log file as a source of whole records, and the merging of several by time.

Owns what is held of each file: one block of records, and the one that may still grow. Must not decide which files
there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

from console.domain.log_blocks import Where
from console.domain.log_heads import head_at
from console.domain.log_records import RecordCutter, Records
from console.domain.log_times import UNTIMED, Timed, Times
from console.errors import OpsconsoleError, RemoteError, UnreachableError
from console.services.tailing.remote_file import RemoteFile
from console.services.tailing.start_offset import SLACK

if TYPE_CHECKING:
    from console.services.tailing.packed import Unpacking

NOTHING = Timed((), ())
_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one file that stand together in the merged order; those at `places` are to be shown. `span` is where
    they lie in the data when nothing else lies between; where only bytes are wanted, it may be all that is known."""

    records: Records
    timed: Timed
    places: Sequence[int]
    span: tuple[int, int] | None = None


class Held(Protocol):
    """A block of records to be shown, some of which may have been taken already."""

    @property
    def key(self) -> int | None:
        """What the next record is merged by; None when there is none."""
        ...

    def take(self, limit: int, *, tied: bool) -> Stretch:
        """The records up to a key, with those of that key when `tied`; at least one."""
        ...


class Indexed:
    """A block with all that is known of its records."""

    def __init__(self, records: Records, timed: Timed, places: Sequence[int]) -> None:
        self._records = records
        self._timed = timed
        self._places = places
        self._keys = timed.keys if len(places) == len(records) else [timed.keys[place] for place in places]
        self._at = 0

    @property
    def key(self) -> int | None:
        """What the next record is merged by."""
        return self._keys[self._at] if self._at < len(self._places) else None

    def take(self, limit: int, *, tied: bool) -> Stretch:
        """The records up to a key."""
        find = bisect_right if tied else bisect_left
        end = max(self._at + 1, find(self._keys, limit, self._at))
        places = self._places[self._at : end]
        self._at = end
        span = None
        if isinstance(places, range):
            span = self._records.starts[places[0]], self._records.ends[places[-1]]
        return Stretch(self._records, self._timed, places, span)


class Exact:
    """A block that is to be shown whole, as bytes; single records are looked for only where it has to be cut."""

    def __init__(self, records: Records, key: int, moment: Callable[[bytes], int | None]) -> None:
        self._records = records
        self._moment = moment
        self._at = 0
        self.key: int | None = key

    def take(self, limit: int, *, tied: bool) -> Stretch:
        """The records up to a key."""
        begin, key = self._at, self.key

        def within(stamp: bytes) -> bool:
            moment = self._moment(stamp)
            return moment is None or moment < limit or (moment == limit and tied)

        self._at = self._records.last_within(begin, within) if limit < _EVER else len(self._records.data)
        head = head_at(self._records.data, self._at)
        moment = self._moment(head[1]) if head is not None else None
        self.key = None if head is None else max(key or UNTIMED, moment or UNTIMED)
        return Stretch(self._records, NOTHING, (), (begin, self._at))


class FileRecords:
    """A file's records in order. No record is known to be older than the time `begins`. `kept` leaves the last record,
    which may still grow, in the cutter for a follow to go on with. With `exact` only bytes are wanted. `untimed` counts
    the records that were shown though nothing says when they were written, `unleveled` the lines that a filter by level
    left out though nothing says what they are."""

    def __init__(
        self,
        file: RemoteFile,
        cutter: RecordCutter,
        times: Times,
        *,
        where: Where,
        begin: int = UNTIMED,
        begins: int = UNTIMED,
        kept: bool = False,
        exact: bool = False,
    ) -> None:
        self.file = file
        self.cutter = cutter
        self.begins = begins
        self.error: OpsconsoleError | None = None
        self.kept = kept
        self.untimed = 0
        self.unleveled = 0
        self._times = times
        self._where = where
        self._begin = begin
        self._raw = exact
        self._exact = exact and where.everything
        self._last = UNTIMED
        self._held: Held = Indexed(Records(cutter.origin, 0, b""), NOTHING, ())
        self._ended = False
        self._unpacking = _unpacking(file)

    @property
    def goes_on(self) -> bool:
        """Whether a follow can take up what is kept, once the host is there again."""
        return self.kept and (self.error is None or isinstance(self.error, UnreachableError))

    @property
    def left(self) -> int:
        """How many bytes of the file were not shown."""
        return self.file.left + (self.cutter.held if self._unpacking is None else 0)

    def load(self) -> int | None:
        """Reads until there is a record to be shown, and returns what it is merged by; None at the end, also when
        `error` says why the end came early."""
        while (key := self._held.key) is None and not self._ended:
            records = self._next()
            if records is not None:
                self._held = self._hold(records)
        return key

    def take(self, limit: int, *, tied: bool) -> Stretch:
        """The held records up to a key, with those of that key when `tied`; at least one."""
        return self._held.take(limit, tied=tied)

    def close(self) -> None:
        """Ends the reading of it."""
        self._ended = True
        self.file.close()

    def _hold(self, records: Records) -> Held:
        first = head_at(records.data) if self._exact else None
        begins = self._times.moment(first[1]) if first is not None else None
        # A block that begins well after the wanted time, and in order, needs no look at its single records.
        if begins is not None and begins >= max(self._last, self._begin + SLACK):
            self._last = begins
            return Exact(records, begins, self._times.moment)
        timed = self._times.read(records.heads, self._last)
        self._last = timed.keys[-1]
        places = records.taken(self._where, exact=self._raw)
        self.unleveled += records.unleveled if self._where.level else 0
        if self._begin != UNTIMED:
            places = timed.since(self._begin, places)
            self.untimed += len(places) if self._last == UNTIMED else 0
        return Indexed(records, timed, places)

    def _next(self) -> Records | None:
        try:
            data = self._plain()
        except OpsconsoleError as error:
            self.error = error
            data = None
        if data is not None:
            return self.cutter.feed(data)
        self.close()
        return None if self.goes_on else self.cutter.settle(broken=self.error is not None)

    def _plain(self) -> bytes | None:
        if self._unpacking is None:
            return self.file.read()
        while not (data := self._unpacking.take()):
            packed = self.file.read()
            if packed is None:
                if not self._unpacking.whole:
                    raise RemoteError("it ends in the middle of what was compressed")
                return None
            self._unpacking.feed(packed)
        return data


def merged(sources: Sequence[FileRecords]) -> Iterator[Stretch]:
    """The records of all sources by time, those of one file in its own order; of one time the first source's first.

    A source is opened when its time has come, so that of many rotated files only few are read at once.
    """
    waiting = sorted(range(len(sources)), key=lambda number: (sources[number].begins, number), reverse=True)
    active: list[tuple[int, int]] = []
    while active or waiting:
        if waiting and (not active or sources[waiting[-1]].begins <= active[0][0]):
            number = waiting.pop()
            key = sources[number].load()
            if key is not None:
                heappush(active, (key, number))
            continue
        _, number = heappop(active)
        limit, other = active[0] if active else (_EVER, _EVER)
        begins = sources[waiting[-1]].begins - 1 if waiting else _EVER
        yield sources[number].take(min(limit, begins), tied=number < other or begins < limit)
        key = sources[number].load()
        if key is not None:
            heappush(active, (key, number))


def _unpacking(file: RemoteFile) -> Unpacking | None:
    """What unpacks a file's bytes; None for a plain one."""
    if not file.file.packing:
        return None
    # Few files are compressed, and the decompressors are slow to import.
    from console.services.tailing.packed import Unpacking

    return Unpacking()
