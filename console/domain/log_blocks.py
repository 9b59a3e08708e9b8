"""A block of log bytes, its index, and the filter that chooses among its records.

Owns what can be said of one block without its neighbours: where records begin, their levels, which match. Must not
know how many blocks are kept or in what order they came.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from console.domain.log_format import Record
from console.domain.log_heads import head_at, heads_behind, next_head
from console.domain.log_levels import LEVEL_CODES, NO_CODE, Level


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """Where bytes come from: `file` as configured, `inode` (`dev:ino`) tells a renamed file from its successor."""

    host: str
    file: str
    inode: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """Which records to see: at least `level`, and matching `pattern` (not matching it when `inverse`)."""

    level: Level = Level.NONE
    pattern: re.Pattern[bytes] | None = None
    inverse: bool = False

    @classmethod
    def typed(cls, text: str, level: Level = Level.NONE) -> Where:
        """What an operator typed: a regular expression, or its literal text where it is none; `!` first inverts.
        Without a capital letter it ignores case. Empty text matches everything."""
        inverse = text.startswith("!")
        wanted = text[1:] if inverse else text
        if not wanted:
            return cls(level)
        flags = 0 if any(c.isupper() for c in wanted) else re.IGNORECASE
        data = wanted.encode("utf-8", "surrogateescape")
        try:
            pattern = re.compile(data, flags)
        except (re.error, OverflowError, RecursionError):
            pattern = re.compile(re.escape(data), flags)
        return cls(level, pattern, inverse)

    @property
    def everything(self) -> bool:
        """Whether nothing is filtered away."""
        return self.pattern is None and not self.level

    def takes(self, level_code: int, data: bytes, start: int, end: int) -> bool:
        """Whether the record in `data[start:end]` is to be seen. `level_code` is a tenth of its level."""
        if level_code * 10 < self.level:
            return False
        return self.pattern is None or (self.pattern.search(data, start, end) is not None) != self.inverse


@dataclass(slots=True)
class Block:
    """Whole lines of one origin that lie together in its file from `offset` on. `before` and `after` are the sequence
    numbers of its neighbours in the same origin, 0 for none. Only the ring changes a block."""

    seq: int
    origin: FileOrigin
    offset: int
    data: bytes
    lines: int
    live: bool
    arrived: int
    before: int = 0
    after: int = 0
    starts: list[int] | None = None
    codes: bytearray = field(default_factory=bytearray)
    headed: bool = False
    head_seen: bool | None = None
    counted: int = 0
    records: dict[int, tuple[int, Record]] = field(default_factory=dict)
    matched: tuple[Where, list[int]] | None = None

    def prefix(self) -> int:
        """How many bytes at the start continue the record before this block. Needs the index."""
        if not self.headed or not self.before:
            return 0
        return self.starts[0] if self.starts else len(self.data)

    def holds_head(self) -> bool:
        """Whether any record begins here by a head; much quicker than the index."""
        if self.head_seen is None:
            self.head_seen = head_at(self.data) is not None or next_head(self.data) is not None
        return self.head_seen

    def index(self, *, headed_before: bool) -> list[int]:
        """Where records begin, built once. `headed_before`: whether the same file had a head earlier on.

        In a file without any head, each line is a record of its own.
        """
        if self.starts is not None:
            return self.starts
        self.starts = []
        self.headed = headed_before
        self._index_from(0)
        if self.headed and not self.before:
            self.adopt_prefix()
        return self.starts

    def _index_from(self, base: int) -> None:
        starts, codes = self.starts, self.codes
        assert starts is not None  # noqa: S101
        first = head_at(self.data, base)
        heads = [(base, first)] if first is not None else []
        heads += [(head.start() + 1, head) for head in heads_behind(self.data, base)]
        if heads:
            if not self.headed and heads[0][0] > base:
                # nothing above the first head is known to belong to anything
                starts.append(base)
                codes.append(NO_CODE)
            starts.extend(start for start, _ in heads)
            codes.extend(LEVEL_CODES[head[3]] for _, head in heads)
            self.headed = True
        elif not self.headed:
            lines = line_starts(self.data, base)
            starts.extend(lines)
            codes.extend(bytes(len(lines)))

    def adopt_prefix(self) -> None:
        """Makes the bytes before the first head a record of their own: what they continued is gone."""
        if self.starts is not None and self.data and (not self.starts or self.starts[0] > 0):
            self.starts.insert(0, 0)
            self.codes.insert(0, 0)
            self.matched = None

    def grow(self, data: bytes, lines: int) -> None:
        """Adds whole lines that follow directly; the index is extended, not rebuilt."""
        base = len(self.data)
        self.data += data
        self.lines += lines
        self.matched = None
        self.head_seen = self.head_seen or None
        if self.starts is not None:
            self._index_from(base)

    def end(self, start: int) -> int:
        """Where the record that begins at `start` ends within this block."""
        starts = self.starts or []
        at = bisect_right(starts, start)
        return starts[at] if at < len(starts) else len(self.data)


def line_starts(data: bytes, base: int = 0) -> list[int]:
    """Where each line of `data[base:]` begins."""
    starts = []
    at = base
    while at < len(data):
        starts.append(at)
        newline = data.find(b"\n", at)
        at = newline + 1 if newline >= 0 else len(data)
    return starts
