"""Errors per minute, counted once per block by the stamps the application wrote.

Owns the counting and the guess of the application's time zone. Must not keep bytes.
"""

from __future__ import annotations

import re
from datetime import UTC

from console.domain.log_blocks import Block
from console.domain.log_heads import head_at, next_head
from console.domain.log_levels import LEVELS, Level
from console.domain.log_stamps import read_stamp

_ERROR_MINUTE = re.compile(
    rb"^\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):\d\d(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?\] [^\s:\[\]]{1,64}\."
    rb"(?:ERROR|CRITICAL|ALERT|EMERGENCY):",
    re.MULTILINE,
)
_STAMP_MINUTE = re.compile(rb"\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):\d\d(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?\] ")
_QUARTER = 15
_HALF_DAY = 14 * 60
_KEPT_MINUTES = 24 * 60
# What stands in the heads of errors of the forms that Monolog's line, PHP and a worker have.
_WORDS = (b"ERROR:", b"CRITICAL:", b"ALERT:", b"EMERGENCY:", b" error:", b" Failed:")
_ERRORS = {word for word, level in LEVELS.items() if level >= Level.ERROR}


class ErrorRate:
    """Counts by minute since 1970, as the stamps say. Stamps without an offset are in the application's zone, which the
    newest just-written line tells: its stamp against the wall clock, in quarters of an hour."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._minutes: dict[bytes, int] = {}
        self._skew = 0
        self._begun: int | None = None

    def count(self, block: Block) -> bool:
        """Counts what was not counted of the block yet; whether there was anything."""
        if block.counted == len(block.data):
            return False
        if not block.counted and block.offset and not block.before:
            self._note_beginning(block)
        for word in _WORDS:
            self._count_word(block.data, word, block.counted)
        self._count_json(block.data, block.counted)
        if block.live and block.arrived:
            self._learn(block)
        block.counted = len(block.data)
        if len(self._counts) > 2 * _KEPT_MINUTES:
            newest = sorted(self._counts)[-_KEPT_MINUTES:]
            self._counts = {minute: self._counts[minute] for minute in newest}
        return True

    def _count_word(self, data: bytes, word: bytes, at: int) -> None:
        # A plain search for the word is many times quicker than trying a pattern at each line.
        while (at := data.find(word, at)) >= 0:
            line = data.rfind(b"\n", 0, at) + 1
            match = _ERROR_MINUTE.match(data, line)
            if match is None:
                self._count_other(data, line, at)
            elif match.end() == at + len(word):
                minute = self._minute(match[1], match[2])
                if minute is not None:
                    self._counts[minute] = self._counts.get(minute, 0) + 1
            # Only the first in a line can stand in a head; to look at each would be quadratic in a line full of them.
            at = data.find(b"\n", at)
            if at < 0:
                return

    def _count_other(self, data: bytes, line: int, at: int) -> None:
        """Counts the line when it is an error's head in another form (but JSON), and the first word of one is the one
        at `at`."""
        if data.startswith(b'{"', line) or any(data.find(word, line, at) >= 0 for word in _WORDS):
            return
        head = head_at(data, line)
        if head is not None and head[3] in _ERRORS:
            self._count_stamp(head[1])

    def _count_json(self, data: bytes, at: int) -> None:
        """Counts the errors among the lines from `at` on that are a JSON object each."""
        line = at if data.startswith(b'{"', at) else _next_json(data, at)
        while line >= 0:
            head = head_at(data, line)
            if head is not None and head[3] in _ERRORS:
                self._count_stamp(head[1])
            line = _next_json(data, line)

    def _count_stamp(self, stamp: bytes) -> None:
        minute = self._minute_of(stamp)
        if minute is not None:
            self._counts[minute] = self._counts.get(minute, 0) + 1

    def series(self, minute: int, minutes: int) -> tuple[int, ...]:
        """The counts of the last `minutes` up to the wall clock's `minute`, oldest first."""
        local = minute - self._skew
        return tuple(self._counts.get(at, 0) for at in range(local - minutes + 1, local + 1))

    def covered(self, minute: int, minutes: int) -> int:
        """How many of the last `minutes` up to the wall clock's `minute` are whole: reading may begin in between."""
        return minutes if self._begun is None else max(0, min(minutes, minute - self._skew - self._begun))

    def _note_beginning(self, block: Block) -> None:
        """Bytes that follow on nothing which was read: of the minute they begin in, a part is not counted."""
        found = _STAMP_MINUTE.search(block.data)
        if found is not None:
            minute = self._minute(found[1], found[2])
        else:
            head = head_at(block.data) or next_head(block.data)
            minute = self._minute_of(head[1]) if head is not None else None
        if minute is not None:
            self._begun = minute if self._begun is None else max(self._begun, minute)

    def _learn(self, block: Block) -> None:
        at = block.data.rfind(b"\n[", block.counted, len(block.data) - 1) + 1
        found = _STAMP_MINUTE.match(block.data, at or block.counted)
        if found is None or found[2]:
            return
        minute = self._minute(found[1], None)
        if minute is not None and abs(block.arrived - minute) <= _HALF_DAY:
            self._skew = round((block.arrived - minute) / _QUARTER) * _QUARTER

    def _minute(self, stamp: bytes, offset: bytes | None) -> int | None:
        """Minutes since 1970 as the stamp reads; with an offset, as the application's other stamps would read."""
        minute = self._minutes.get(stamp)
        if minute is None:
            minute = self._minute_of(stamp + b":00")
            if minute is None:
                return None
            if len(self._minutes) > _KEPT_MINUTES:
                self._minutes.clear()
            self._minutes[stamp] = minute
        if offset is None or offset == b"Z":
            return minute if offset is None else minute - self._skew
        sign = -1 if offset.startswith(b"-") else 1
        return minute - sign * (int(offset[1:3]) * 60 + int(offset[-2:])) - self._skew

    def _minute_of(self, stamp: bytes) -> int | None:
        """The same of a whole stamp in any form."""
        at = read_stamp(stamp)
        if at is None:
            return None
        if at.tzinfo is None:
            return int(at.replace(tzinfo=UTC).timestamp()) // 60
        return int(at.timestamp()) // 60 - self._skew


def _next_json(data: bytes, at: int) -> int:
    """Where the first line begins behind `at` that may be a JSON object; -1 when there is none."""
    before = data.find(b'\n{"', at)
    return before + 1 if before >= 0 else -1
