"""Errors per minute, counted once per block by the stamps the application wrote.

Owns the counting and the guess of the application's time zone. Must not keep bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime

from console.domain.log_blocks import Block
from console.domain.log_format import ERROR_MINUTE, STAMP_MINUTE

_QUARTER = 15
_HALF_DAY = 14 * 60
_KEPT_MINUTES = 24 * 60
_WORDS = (b".ERROR:", b".CRITICAL:", b".ALERT:", b".EMERGENCY:")


class ErrorRate:
    """Counts by minute since 1970, as the stamps say. Stamps without an offset are in the application's zone, which the
    newest just-written line tells: its stamp against the wall clock, in quarters of an hour."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._minutes: dict[bytes, int] = {}
        self._skew = 0

    def count(self, block: Block) -> bool:
        """Counts what was not counted of the block yet; whether there was anything."""
        if block.counted == len(block.data):
            return False
        for word in _WORDS:
            self._count_word(block.data, word, block.counted)
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
            at += len(word)
            match = ERROR_MINUTE.match(data, data.rfind(b"\n", 0, at) + 1)
            minute = self._minute(match[1], match[2]) if match and match.end() == at else None
            if minute is not None:
                self._counts[minute] = self._counts.get(minute, 0) + 1

    def series(self, minute: int, minutes: int) -> tuple[int, ...]:
        """The counts of the last `minutes` up to the wall clock's `minute`, oldest first."""
        local = minute - self._skew
        return tuple(self._counts.get(at, 0) for at in range(local - minutes + 1, local + 1))

    def _learn(self, block: Block) -> None:
        at = block.data.rfind(b"\n[", block.counted, len(block.data) - 1) + 1
        found = STAMP_MINUTE.match(block.data, at or block.counted)
        if found is None or found[2]:
            return
        minute = self._minute(found[1], None)
        if minute is not None and abs(block.arrived - minute) <= _HALF_DAY:
            self._skew = round((block.arrived - minute) / _QUARTER) * _QUARTER

    def _minute(self, stamp: bytes, offset: bytes | None) -> int | None:
        """Minutes since 1970 as the stamp reads; with an offset, as the application's other stamps would read."""
        minute = self._minutes.get(stamp)
        if minute is None:
            try:
                moment = datetime.fromisoformat(stamp.decode("ascii")).replace(tzinfo=UTC)
            except ValueError:
                return None
            minute = int(moment.timestamp()) // 60
            if len(self._minutes) > _KEPT_MINUTES:
                self._minutes.clear()
            self._minutes[stamp] = minute
        if offset is None or offset == b"Z":
            return minute if offset is None else minute - self._skew
        sign = -1 if offset.startswith(b"-") else 1
        return minute - sign * (int(offset[1:3]) * 60 + int(offset[-2:])) - self._skew
