"""Bytes of a log file cut into whole records, as they come.

Owns where records begin and end across the borders of what was read, and which of them a filter takes. Must not parse
what is inside a record, know its time, or keep more than one record that has not ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from re import Match

from console.domain.log_blocks import FileOrigin, Where, line_starts
from console.domain.log_format import EXCEPTION
from console.domain.log_heads import LONGEST_HEAD, Head, head_at, heads_behind, last_head, next_head
from console.domain.log_levels import LEVEL_CODES, NO_CODE, NO_LEVEL

LONGEST_RECORD = 4 << 20
"""Bytes after which a record that has not ended is handed over in pieces."""

LONG_RECORD = 64 << 10
"""Bytes of a record's end that are shown without its beginning."""
_MAY_BEGIN_A_HEAD = (*(b"%c" % byte for byte in b"[{PFRC0123456789"), b"\xef")
_PRINTABLE = bytes(range(0x20, 0x7F))


@dataclass(frozen=True)
class Records:
    """Whole records of one file that lie together, from `offset` on. Without `headed`, lines above the first head stand
    for themselves; with it they continue a record that was handed over before, of the level code `above`.

    With `goes_on` the last record was too long and is cut; with `continues` the first lines are what was cut off. With
    `is_torn` the first line has no beginning. What is known of the records is found when it is asked for, and kept:
    without slots for that."""

    origin: FileOrigin
    offset: int
    data: bytes
    headed: bool = False
    above: int = NO_CODE
    goes_on: bool = False
    continues: bool = False
    is_torn: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def _index(self) -> tuple[list[int], list[Head | None]]:
        heads: list[Head | None] = [*heads_behind(self.data)]
        starts = [head.start() + 1 for head in heads if head is not None]
        above = starts[0] if starts else len(self.data)
        first = head_at(self.data)
        lines = [0] if first is not None or self.headed else line_starts(self.data[:above])
        if above > 0:
            starts[:0] = lines
            heads[:0] = [first] if first is not None else [None] * len(lines)
        return starts, heads

    @property
    def starts(self) -> list[int]:
        """Where each record begins in `data`."""
        return self._index[0]

    @property
    def heads(self) -> list[Head | None]:
        """What each record's head line says; None for lines that no head stands above, and for the later pieces of a
        record that was too long."""
        return self._index[1]

    @cached_property
    def ends(self) -> list[int]:
        """Where each record ends in `data`."""
        return [*self.starts[1:], len(self.data)]

    @cached_property
    def is_plain(self) -> bool:
        """Whether each record is one line of Monolog's own form, and none holds an exception."""
        return (
            self._odd.count(b"\n") == len(self.starts)
            and self.data.endswith(b"\n")
            and EXCEPTION not in self.data
            and set(map(type, self.heads)) == {Match}
            and not self.goes_on
        )

    @property
    def is_clean(self) -> bool:
        """Whether all is printable ASCII but the line breaks."""
        return len(self._odd) == self._odd.count(b"\n")

    @cached_property
    def text(self) -> str:
        """Clean data as text, of the same places."""
        return self.data.decode("ascii")

    @cached_property
    def _odd(self) -> bytes:
        """What is not printable ASCII."""
        return self.data.translate(None, _PRINTABLE)

    def bytes_of(self, place: int) -> bytes:
        """The record's exact bytes."""
        return self.data[self.starts[place] : self.ends[place]]

    def last_within(self, begin: int, within: Callable[[bytes], bool]) -> int:
        """Where the records from `begin` on end whose stamp is `within`, by halves: they are taken to be in order. The
        first one is within."""
        low, right, end = begin, len(self.data), len(self.data)
        while right - low > 1:
            middle = (low + right) // 2
            head = next_head(self.data, middle - 1)
            if head is None or head.start() + 1 >= right:
                # No record begins in the upper half: the one next to the lower bound decides sooner than halves would.
                right, head = middle, next_head(self.data, low)
                if head is None or head.start() + 1 >= right:
                    break
            at = head.start() + 1
            if within(head[1]):
                low = at
            else:
                right = end = at
        return end

    @property
    def unleveled(self) -> int:
        """How many lines are there that no level is known of, and that a filter by level leaves out."""
        return self._codes.count(NO_CODE)

    @cached_property
    def _codes(self) -> list[int]:
        codes = [LEVEL_CODES[head[3]] if head is not None else NO_CODE for head in self.heads]
        if self.heads and self.heads[0] is None:
            codes[0] = LEVEL_CODES[NO_LEVEL] if self.is_torn else self.above
        return codes

    def taken(self, where: Where, *, exact: bool = False) -> Sequence[int]:
        """The places of the records that a filter takes, ascending. What was cut off a record is taken when all bytes
        are wanted (`exact`), or when a pattern is found in it."""
        first = 1 if self.continues and not exact and where.pattern is None else 0
        if where.everything:
            return range(first, len(self.starts))
        if where.pattern is not None and not where.inverse and not where.pattern.search(self.data):
            return ()
        return [
            place
            for place, (code, start, end) in enumerate(zip(self._codes, self.starts, self.ends, strict=True))
            if place >= first and where.takes(code, self.data, start, end)
        ]


class RecordCutter:
    """Takes a file's bytes in their order and gives back whole records; what may still grow is kept until more comes.

    A file without heads (yet) is cut into lines. With `inside`, reading begins somewhere within a record: what belongs
    to it is left out when a head follows, and the rest of the first line in any case; but not the end of a record so
    long that all that was asked for may be in it.
    """

    def __init__(self, origin: FileOrigin, offset: int = 0, *, inside: bool = False) -> None:
        self.origin = origin
        self._offset = offset
        self._held = b""
        self._inside = inside
        self._headed = False
        self._above = NO_CODE
        self._goes_on = False
        self._torn = False

    @property
    def held(self) -> int:
        """Bytes kept because their record may still grow."""
        return len(self._held)

    @property
    def at_line_end(self) -> bool:
        """Whether what is kept ends with a whole line."""
        return self._held.endswith(b"\n")

    @property
    def offset(self) -> int:
        """Up to where bytes were taken."""
        return self._offset + len(self._held)

    def feed(self, data: bytes) -> Records | None:
        """The records that `data` shows to be whole; None when there is none."""
        # What was no head because its line had not ended may be one now.
        searched = max(0, min(len(self._held) - LONGEST_HEAD, self._held.rfind(b"\n")))
        self._held += data
        if self._inside and not self._enter(searched):
            return None
        last = last_head(self._held, searched, ended=False)
        cut = last.start() + 1 if last is not None else 0
        if cut <= 0 and not self._headed and head_at(self._held) is None:
            cut = self._held.rfind(b"\n") + 1
        if cut > 0 or len(self._held) <= LONGEST_RECORD:
            return self._hand_over(cut)
        cut = self._held.rfind(b"\n") + 1 or len(self._held)
        return self._hand_over(cut, goes_on=not self._held.startswith(_MAY_BEGIN_A_HEAD, cut))

    def settle(self, *, broken: bool = False) -> Records | None:
        """What was kept, as it is: nothing more comes. With `broken` more should have: a line without its end stays."""
        if self._inside:
            # No head anywhere: the lines stand for themselves, but for the one that was begun within.
            self._inside = False
            begun = self._held.find(b"\n") + 1
            if begun in (0, len(self._held)):
                # A record that is longer than all that was read; without its end it would be nothing.
                self._torn = True
            else:
                self._drop(begun)
        return self._hand_over(self._held.rfind(b"\n") + 1 if broken else len(self._held))

    def _enter(self, searched: int) -> bool:
        """Looks for the first head, where records are known to begin; whether it was found, or is given up."""
        found = next_head(self._held, searched)
        if found is not None and found.start() >= LONG_RECORD:
            self._headed = self._torn = True
        elif found is not None:
            self._drop(found.start() + 1)
        elif len(self._held) > LONGEST_RECORD:
            self._drop(self._held.find(b"\n") + 1)
        else:
            return False
        self._inside = False
        return True

    def _drop(self, count: int) -> None:
        self._held = self._held[count:]
        self._offset += count

    def _hand_over(self, count: int, *, goes_on: bool = False) -> Records | None:
        if count <= 0:
            return None
        data = self._held if count == len(self._held) else self._held[:count]
        first = head_at(data)
        records = Records(
            self.origin,
            self._offset,
            data,
            self._headed,
            above=self._above,
            goes_on=goes_on,
            continues=self._goes_on and first is None,
            is_torn=self._torn and first is None,
        )
        self._drop(count)
        last = last_head(data) or first
        if last is not None:
            self._headed, self._above = True, LEVEL_CODES[last[3]]
        self._goes_on, self._torn = goes_on, False
        return records
