"""Where log records begin: the lines that are heads, by themselves, whatever stands above or below them.

Owns the forms of heads: Monolog's line in any date format and with any channel, one JSON object on a line, PHP's own
error lines. Must not parse what belongs to a record.

A line with a whole date and time in brackets is a head even when its level is not known: what is taken for a part of
the record above it is lost to every filter by level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from console.domain import log_json
from console.domain.log_levels import NO_LEVEL, level_word

LONGEST_HEAD = 256
"""Bytes within which a head ends, but for those that are a whole line (JSON, an error that PHP displayed)."""


class Head(Protocol):
    """The head of a record. Its parts have the numbers of Monolog's pattern: 1 stamp, 2 channel, 3 the level's word
    (empty when it is not known)."""

    def __getitem__(self, part: int, /) -> bytes:
        """A part of it."""
        ...

    def start(self) -> int:
        """Where the line break before it stands."""
        ...

    def end(self) -> int:
        """Where its message begins."""
        ...


@dataclass(frozen=True, slots=True)
class OtherHead:
    """A head of any form but Monolog's own. `is_json` when the line is one JSON object, `is_php` when PHP wrote it."""

    begin: int
    until: int
    parts: tuple[bytes, bytes, bytes]
    is_json: bool = False
    is_php: bool = False

    def __getitem__(self, part: int, /) -> bytes:
        return self.parts[part - 1]

    def start(self) -> int:
        """Where the line break before it stands."""
        return self.begin - 1

    def end(self) -> int:
        """Where its message begins."""
        return self.until


_BOM = b"\xef\xbb\xbf"
_WORDS = rb"DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY"
# Stamps: blank or T, microseconds, Z or offset.
_USUAL = rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\]\n]{0,20})\] ([^\s:\[\]]{1,64})\.(" + _WORDS + rb"):"
_DISPLAYED = rb"(?:Fatal|Parse|Recoverable fatal|Catchable fatal) error"
# Either Monolog's own head, or what is worth a second look. It begins with what a plain search finds, a line break.
_NEXT = re.compile(
    rb"\n(?:\[(?:" + _USUAL + rb"|(?=[^\]\n]{0,60}\d))"
    rb"|(?=[\xef{\dPFRC])(?=\xef\xbb\xbf|\{\"|\d{4}-\d\d-\d\d[T ]\d|PHP [A-Z]|" + _DISPLAYED + rb": ))"
)
_FIRST = re.compile(rb"\[" + _USUAL)
_LEVELED = re.compile(
    rb"(?:\[(?P<inside>(?=[^\]\n]{0,60}\d)[^\[\]\n]{4,60})\]"
    rb"|(?P<bare>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d|UTC))?)) "
    rb"(?P<channel>(?:[^\n:]|:(?=\S)){1,64}?\.)??(?P<level>(?i:" + _WORDS + rb")):"
)
_DATED = re.compile(
    rb"\[(?P<stamp>(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d?[./-]\d\d?[./-]\d{4}|\d\d?[- /][A-Z][a-z]{2}[- /]\d{4})"
    rb"[T ,:]{1,2}\d\d?:\d\d[^\[\]\n]{0,45})\](?=[ \[]) ?"
)
_PHP = re.compile(
    rb"PHP (?P<kind>" + _DISPLAYED + rb"|Unknown error|Warning|Notice|Deprecated|Strict Standards): {1,2}"
)
_SHOWN = re.compile(_DISPLAYED + rb": ")
_LONGEST_SHOWN = 20_000
_LONGEST_PATH = 4096
_PHP_LEVELS = {
    b"Warning": b"WARNING",
    b"Notice": b"NOTICE",
    b"Deprecated": b"NOTICE",
    b"Strict Standards": b"NOTICE",
}
# `queue:work` before Laravel 9.
_WORKER = re.compile(rb"\[[\w-]{1,64}\] (?P<state>Processing|Processed|Failed): ")
_WORKER_LEVELS = {b"Processing": b"INFO", b"Processed": b"INFO", b"Failed": b"ERROR"}


def head_at(data: bytes, at: int = 0, *, ended: bool = True) -> Head | None:
    """The head that the line at `at` is, None when it is none. Unless `ended`, more of the last line may come: then it
    is none as long as its end would decide."""
    return _FIRST.match(data, at) or _other(data, at, ended)


def heads_behind(data: bytes, at: int = 0, *, ended: bool = True) -> list[Head]:
    """All heads behind a line break at `at` or later."""
    return [
        head
        for each in _NEXT.finditer(data, at)
        if (head := each if each.lastindex == 3 else _other(data, each.start() + 1, ended)) is not None
    ]


def next_head(data: bytes, at: int = 0) -> Head | None:
    """The first of them."""
    return next(_each_behind(data, at), None)


def last_head(data: bytes, at: int = 0, *, ended: bool = True) -> Head | None:
    """The last of them."""
    begin = len(data)
    for window in (1 << 12, 1 << 16, len(data)):
        end, begin = begin, max(at, len(data) - window)
        found = heads_behind(data, begin, ended=ended) if begin < end else []
        if found or begin == at:
            return found[-1] if found else None
    return None


def _each_behind(data: bytes, at: int) -> Iterator[Head]:
    for each in _NEXT.finditer(data, at):
        head = each if each.lastindex == 3 else _other(data, each.start() + 1, True)
        if head is not None:
            yield head


def _other(data: bytes, begin: int, ended: bool) -> OtherHead | None:
    at = begin + len(_BOM) if data.startswith(_BOM, begin) else begin
    if data.startswith(b'{"', at):
        return _json(data, begin, at, ended)
    leveled = _LEVELED.match(data, at)
    if leveled is not None:
        stamp, channel = leveled["inside"] or leveled["bare"], (leveled["channel"] or b".")[:-1]
        return OtherHead(begin, leveled.end(), (stamp, channel, level_word(leveled["level"])))
    dated = _DATED.match(data, at)
    if dated is not None:
        return _php(data, begin, dated.end(), dated["stamp"]) or _unleveled(data, begin, dated)
    # Symfony's Process quotes what a program printed below a line of `=`.
    if data.startswith(b"PHP ", at) and not data.endswith(b"==\n", 0, at):
        return _php(data, begin, at, b"")
    return OtherHead(begin, at, (b"", b"", b"ERROR"), is_php=True) if _is_shown(data, at, ended) else None


def _is_shown(data: bytes, at: int, ended: bool) -> bool:
    """Whether the line at `at` is an error that PHP displayed: `KIND: MESSAGE in FILE on line N`, or `FILE:N`."""
    kind = _SHOWN.match(data, at)
    end = data.find(b"\n", at) if kind is not None else -1
    if kind is None or (end < 0 and not ended):
        return False
    # From the line's end backwards: a pattern would try every ` in ` with every number behind it.
    told = data[kind.end() : end if end >= 0 else len(data)].rstrip(b" \r")
    before = told.rstrip(b"0123456789")
    mark = next((each for each in (b":", b" on line ") if before.endswith(each)), b"")
    if before == told or not mark:
        return False
    file_end = len(before) - len(mark)
    nearest = max(1, file_end - _LONGEST_PATH - len(b" in "))
    return told.rfind(b" in ", nearest, min(_LONGEST_SHOWN + len(b" in "), file_end - 1)) >= 0


def _unleveled(data: bytes, begin: int, dated: re.Match[bytes]) -> OtherHead:
    worker = _WORKER.match(data, dated.end())
    word = _WORKER_LEVELS[worker["state"]] if worker is not None else NO_LEVEL
    return OtherHead(begin, dated.end(), (dated["stamp"], b"", word))


def _php(data: bytes, begin: int, at: int, stamp: bytes) -> OtherHead | None:
    found = _PHP.match(data, at)
    if found is None:
        return None
    return OtherHead(begin, at, (stamp, b"", _PHP_LEVELS.get(found["kind"], b"ERROR")), is_php=True)


def _json(data: bytes, begin: int, at: int, ended: bool) -> OtherHead | None:
    end = data.find(b"\n", at)
    if end < 0 and not ended:
        return None
    line = data[at : end if end >= 0 else len(data)]
    record = log_json.members(line)
    if record is not None:
        parts = (
            log_json.stamp(record),
            log_json.channel(record).encode("utf-8", "surrogatepass"),
            log_json.level(record),
        )
        return OtherHead(begin, at, parts, is_json=True)
    return OtherHead(begin, at, (b"", b"", NO_LEVEL)) if log_json.is_broken(line) else None
