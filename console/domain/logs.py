"""The newest log bytes of one environment: a ring of blocks with positions, filters and an exact count of the dropped.

Owns what a followed file becomes: bytes stay bytes until someone looks, and only then are parsed. Must not read files,
know the time, or draw. Followers append from their threads while the screen reads: every public method takes the lock.

A position is a number that only grows: the block's sequence number and the record's place in it. It stays valid as
long as its block is kept; a position whose block is gone is older than everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from threading import Lock

from console.domain.log_blocks import Block, FileOrigin, Where
from console.domain.log_format import Record, parse
from console.domain.log_levels import Level
from console.domain.log_rate import ErrorRate

__all__ = ["FileOrigin", "FollowState", "FollowStatus", "Level", "LogRing", "Record", "Where"]

_SHIFT = 20
_PLACE = (1 << _SHIFT) - 1
_LARGEST = 1 << 19
_JOINED = 1 << 16
_OVERHEAD = 512
_LONGEST_RECORD = 1 << 22
_EVERYTHING = Where()


class FollowState(StrEnum):
    """How following one file stands. Everything but FOLLOWING is shown with its age."""

    CONNECTING = "connecting"
    FOLLOWING = "following"
    WAITING = "waiting"
    UNREADABLE = "unreadable"
    DOWN = "no link"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowStatus:
    """One followed file. `file` is as configured, `since` (UTC) when `state` began, `detail` harmless words why."""

    host: str
    file: str
    state: FollowState
    since: datetime
    detail: str = ""


class LogRing:
    """The newest log blocks of one environment, from all its files in the order they came."""

    def __init__(self, *, max_bytes: int = 32 << 20, max_lines: int = 200_000) -> None:
        self._lock = Lock()
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._blocks: dict[int, Block] = {}
        self._first = 1
        self._last = 0
        self._newest: dict[FileOrigin, int] = {}
        self._partial: dict[FileOrigin, tuple[int, bytes]] = {}
        self._bytes = 0
        self._lines = 0
        self._total = 0
        self._dropped = 0
        self._revision = 0
        self._begun_inside = False
        self._rate = ErrorRate()

    # --- filling -----------------------------------------------------------------------------------------------------

    def append(self, origin: FileOrigin, offset: int, data: bytes, *, live: bool = True, minute: int = 0) -> None:
        """Adds bytes read at `offset` of a file. An unfinished last line waits for its end, or for `settle`.

        `live` bytes were just written, in the wall clock's `minute` (minutes since 1970); a backlog is not.
        """
        with self._lock:
            if offset and origin not in self._newest and origin not in self._partial:
                self._begun_inside = True
            held_at, held = self._partial.pop(origin, (offset, b""))
            if held and held_at + len(held) != offset:
                self._add(origin, held_at, held, live, minute)
                held = b""
            if held:
                data, offset = held + data, held_at
            cut = data.rfind(b"\n") + 1
            if cut < len(data):
                if len(data) - cut < _LARGEST:
                    self._partial[origin] = (offset + cut, data[cut:])
                else:
                    cut = len(data)
            if cut:
                self._add(origin, offset, data[:cut] if cut < len(data) else data, live, minute)

    def settle(self, origin: FileOrigin | None = None) -> None:
        """Lets unfinished last lines be seen as they are (all, or one file's): nothing more has come for a while."""
        with self._lock:
            for each in [origin] if origin else list(self._partial):
                held = self._partial.pop(each, None)
                if held:
                    self._add(each, held[0], held[1], True, 0)

    def _add(self, origin: FileOrigin, offset: int, data: bytes, live: bool, minute: int) -> None:
        at = 0
        while at < len(data):
            end = self._piece_end(data, at)
            self._add_block(origin, offset + at, data[at:end], live, minute)
            at = end
        while self._blocks and (self._bytes > self._max_bytes or self._lines > self._max_lines):
            if self._first == self._last:
                break
            self._drop_first()
        self._revision += 1

    @staticmethod
    def _piece_end(data: bytes, at: int) -> int:
        """A line's end at most a block away, or the block's where a line is longer."""
        if at + _LARGEST >= len(data):
            return len(data)
        cut = data.rfind(b"\n", at, at + _LARGEST) + 1
        return cut if cut > at else at + _LARGEST

    def _add_block(self, origin: FileOrigin, offset: int, data: bytes, live: bool, minute: int) -> None:
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        self._bytes += len(data)
        self._lines += lines
        self._total += lines
        last = self._blocks.get(self._last)
        if (
            last is not None
            and last.origin == origin
            and last.live is live
            and last.offset + len(last.data) == offset
            and len(last.data) + len(data) <= _JOINED
            and last.data.endswith(b"\n")
        ):
            last.grow(data, lines)
            last.arrived = minute
            return
        self._last += 1
        self._bytes += _OVERHEAD
        block = Block(self._last, origin, offset, data, lines, live, minute)
        before = self._blocks.get(self._newest.get(origin, 0))
        if before is not None and before.offset + len(before.data) == offset:
            block.before = before.seq
            before.after = block.seq
            before.matched = None
        self._blocks[block.seq] = block
        self._newest[origin] = block.seq

    def _drop_first(self) -> None:
        block = self._blocks.pop(self._first)
        self._first += 1
        self._rate.count(block)
        self._bytes -= len(block.data) + _OVERHEAD
        self._lines -= block.lines
        self._dropped += block.lines
        successor = self._blocks.get(block.after)
        if successor is not None:
            successor.before = 0
            successor.adopt_prefix()
        elif self._newest.get(block.origin) == block.seq:
            del self._newest[block.origin]

    # --- figures -----------------------------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """A number that differs after anything changed; at once, without the lock."""
        return self._revision

    @property
    def lines(self) -> int:
        """Lines kept now."""
        return self._lines

    @property
    def dropped(self) -> int:
        """Lines let go to make room, since the start. `lines + dropped` is everything that ever came."""
        return self._dropped

    def errors_per_minute(self, minute: int, minutes: int = 15) -> tuple[int, ...]:
        """Records at error or worse in each of the last `minutes`, oldest first, the running `minute` last."""
        with self._lock:
            for seq in range(self._last, self._first - 1, -1):
                if not self._rate.count(self._blocks[seq]):
                    break
            return self._rate.series(minute, minutes)

    def minutes_covered(self, minute: int, minutes: int = 15) -> int:
        """How many of those minutes, from the running one back, were read whole."""
        with self._lock:
            return self._rate.covered(minute, minutes)

    @property
    def is_whole(self) -> bool:
        """Whether all that the files held is here: nothing was let go, and none was begun in the middle."""
        return not self._dropped and not self._begun_inside

    # --- looking -----------------------------------------------------------------------------------------------------

    def tail(self, count: int, where: Where = _EVERYTHING) -> list[int]:
        """Positions of the newest `count` matching records, oldest of them first."""
        return self.before(((self._last + 1) << _SHIFT), count, where)

    def before(self, position: int, count: int, where: Where = _EVERYTHING) -> list[int]:
        """At most `count` matching positions below `position`, the nearest ones, ascending."""
        found: list[int] = []
        with self._lock:
            seq = min(position >> _SHIFT, self._last)
            while seq >= self._first and len(found) < count:
                places = self._matching(self._blocks[seq], where)
                for place in reversed(places):
                    if seq << _SHIFT | place < position:
                        found.append(seq << _SHIFT | place)
                        if len(found) == count:
                            break
                seq -= 1
        found.reverse()
        return found

    def after(self, position: int, count: int, where: Where = _EVERYTHING) -> list[int]:
        """At most `count` matching positions above `position`, the nearest ones, ascending."""
        found: list[int] = []
        with self._lock:
            seq = max(position >> _SHIFT, self._first)
            while seq <= self._last and len(found) < count:
                for place in self._matching(self._blocks[seq], where):
                    if seq << _SHIFT | place > position:
                        found.append(seq << _SHIFT | place)
                        if len(found) == count:
                            break
                seq += 1
        return found

    def record(self, position: int) -> Record | None:
        """The parsed record at `position`, cached in its block; None when its block was let go."""
        with self._lock:
            block = self._blocks.get(position >> _SHIFT)
            if block is None:
                return None
            self._index(block)
            start = position & _PLACE
            data = self._record_bytes(block, start)
            cached = block.records.get(start)
            if cached is not None and cached[0] == len(data):
                return cached[1]
            origin = block.origin
            record = parse(data, host=origin.host, file=origin.file, offset=block.offset + start)
            if len(data) >= _LONGEST_RECORD:
                record = replace(record, cut=f"it is longer than {_LONGEST_RECORD:,} bytes, the rest is not shown")
            block.records[start] = (len(data), record)
            return record

    # --- within the lock ---------------------------------------------------------------------------------------------

    def _index(self, block: Block) -> list[int]:
        """The block's index, built when first needed; whether its file had a head before is asked of the blocks before
        it, of which usually one is enough."""
        if block.starts is None:
            block.index(headed_before=self._headed_before(block))
        return block.starts or []

    def _headed_before(self, block: Block) -> bool:
        before = self._blocks.get(block.before)
        while before is not None:
            if before.starts is not None:
                return before.headed
            if before.holds_head():
                return True
            before = self._blocks.get(before.before)
        return False

    def _record_bytes(self, block: Block, start: int) -> bytes:
        end = block.end(start)
        data = block.data[start:end]
        return data if end < len(block.data) else data + self._continuation(block)

    def _continuation(self, block: Block) -> bytes:
        """What later blocks of the same file add to this block's last record."""
        if not block.after:
            return b""
        parts = []
        size = 0
        while block.after and size < _LONGEST_RECORD:
            block = self._blocks[block.after]
            self._index(block)
            prefix = block.prefix()
            parts.append(block.data[:prefix])
            size += prefix
            if prefix < len(block.data):
                break
        return b"".join(parts)

    def _matching(self, block: Block, where: Where) -> list[int]:
        starts = self._index(block)
        if where.everything or not starts:
            return starts
        if block.matched is not None and block.matched[0] == where:
            return block.matched[1]
        found = self._search(block, starts, where)
        # Only where the next record of the same file has begun can this block's last one not grow any more.
        successor = self._blocks.get(block.after)
        if successor is not None and self._index(successor) and successor.prefix() < len(successor.data):
            block.matched = (where, found)
        return found

    def _search(self, block: Block, starts: list[int], where: Where) -> list[int]:
        data, last = block.data, starts[-1]
        found = []
        if where.pattern is None or where.inverse or where.pattern.search(data):
            ends: Callable[[int], int] = [*starts[1:], len(data)].__getitem__
            takes, codes = where.takes, block.codes
            found = [start for n, start in enumerate(starts) if takes(codes[n], data, start, ends(n))]
        rest = self._continuation(block)
        if rest and where.pattern is not None:
            whole = data[last:] + rest
            taken = where.takes(block.codes[-1], whole, 0, len(whole))
            if taken != (bool(found) and found[-1] == last):
                found = [*found, last] if taken else found[:-1]
        return found
