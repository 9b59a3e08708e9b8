"""One log format: Monolog's line as Laravel writes it, from bytes to a record, and the exception inside its context.

Owns the patterns and the parsing of what somebody looks at. Must not keep bytes, follow files or draw.

A line reads `[STAMP] CHANNEL.LEVEL: message {context} {extra} ` with a blank at its end. An exception stands in the
context's JSON with real line breaks, and closes with `"}` on a line of its own that may carry extra data.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import IntEnum

from console.domain.failures import Thrown, parse_frames
from console.domain.untrusted import Raw


class Level(IntEnum):
    """Monolog's levels, by their severity; NONE for lines without a head."""

    NONE = 0
    DEBUG = 100
    INFO = 200
    NOTICE = 250
    WARNING = 300
    ERROR = 400
    CRITICAL = 500
    ALERT = 550
    EMERGENCY = 600

    @classmethod
    def named(cls, word: str) -> Level:
        """The level of that name in any case, or of its first letters; KeyError when there is none."""
        for level in cls:
            if level and len(word) >= 3 and level.name.startswith(word.upper()):
                return level
        raise KeyError(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One parsed entry. `at` is the stamp's text as written; `context` JSON text without the exception; `exception` its
    text with the whole trace, unescaped; `rest` the lines after the head; `offset` that of the head in its file."""

    host: str
    file: str
    offset: int
    at: Raw
    channel: Raw
    level: Level
    message: Raw
    context: Raw
    exception: Raw
    rest: Raw


# Stamps: blank or T, microseconds, Z or offset. The group numbers are the index's: 1 stamp, 2 channel, 3 level.
HEAD = re.compile(
    rb"^\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\]\n]{0,20})\] ([^\s:\[\]]{1,64})\."
    rb"(DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY):",
    re.MULTILINE,
)
LEVELS: dict[bytes, Level] = {level.name.encode("ascii"): level for level in Level if level}
ERROR_MINUTE = re.compile(
    rb"^\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):\d\d(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?\] [^\s:\[\]]{1,64}\."
    rb"(?:ERROR|CRITICAL|ALERT|EMERGENCY):",
    re.MULTILINE,
)
STAMP_MINUTE = re.compile(rb"\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):\d\d(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?\] ")

_EXCEPTION = b'"exception":"[object] ('
_CONTEXT_TRIES = 20
_LAST_LINE = 1_000_000


def parse(data: bytes, *, host: str, file: str, offset: int) -> Record:
    """The record that these bytes (head line and all that belongs to it) hold. Never raises."""
    head = HEAD.match(data)
    body = data[head.end() :] if head else data
    body = body.rstrip(b"\r\n")
    message, context, exception = _split(body) if head else (body, b"", b"")
    first, _, rest = data.rstrip(b"\r\n").partition(b"\n")
    if not head:
        message = b" " + first
    return Record(
        host=host,
        file=file,
        offset=offset,
        at=Raw(head[1] if head else b""),
        channel=Raw(head[2] if head else b""),
        level=LEVELS[head[3]] if head else Level.NONE,
        message=Raw(message.removeprefix(b" ").rstrip()),
        context=Raw(context),
        exception=Raw(exception),
        rest=Raw(rest),
    )


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Message, context and exception of a record's body."""
    mark = body.find(_EXCEPTION)
    start = body.rfind(b" {", 0, mark) if mark >= 0 else -1
    if start >= 0:
        return _with_exception(body, start, mark)
    start = _context_start(body)
    if start >= 0:
        return body[:start], body[start + 1 :].strip(), b""
    # Stray lines may follow a whole record: something else writes to the same file.
    first, newline, stray = body.partition(b"\n")
    start = _context_start(first) if newline else -1
    return (first[:start] + newline + stray, first[start + 1 :].strip(), b"") if start >= 0 else (body, b"", b"")


def _with_exception(body: bytes, start: int, mark: int) -> tuple[bytes, bytes, bytes]:
    opening = mark + len(_EXCEPTION) - len(b"[object] (")
    # The string closes with a quote at the start of a line after the last frame, or right behind a lone head.
    closing = body.rfind(b'\n"')
    closing = closing + 1 if closing >= opening else body.rfind(b'"')
    if closing <= opening:
        closing = len(body)
    before = body[start + 1 : mark].rstrip(b",")
    after = body[closing + 1 :].strip()
    if before == b"{" and after.startswith(b"}"):
        context = after[1:].strip()
    else:
        context = before + (after if before != b"{" else after.removeprefix(b","))
    return body[:start], context, _unescape(body[opening:closing]).rstrip(b"\n")


def _unescape(text: bytes) -> bytes:
    """What the JSON string meant, its line breaks being real ones already."""
    quoted = b'"' + text.replace(b"\r", b"\\r").replace(b"\n", b"\\n").replace(b"\t", b"\\t") + b'"'
    try:
        value = json.loads(quoted.decode("utf-8", "surrogateescape"))
    except ValueError:
        return text.replace(b'\\"', b'"').replace(b"\\/", b"/").replace(b"\\\\", b"\\")
    return str(value).encode("utf-8", "surrogatepass" if _has_low_pair(value) else "surrogateescape")


def _has_low_pair(value: str) -> bool:
    """Whether a surrogate is there that no undecodable byte made (JSON can spell any)."""
    return any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in value)


def _context_start(body: bytes) -> int:
    """Where ` {context}` or ` [context]` begins, -1 when the body ends in no JSON."""
    end = len(body.rstrip())
    if end > _LAST_LINE or body[end - 1 : end] not in (b"}", b"]"):
        return -1
    at = -1
    for _ in range(_CONTEXT_TRIES):
        candidates = [found for found in (body.find(b" {", at + 1, end), body.find(b" [", at + 1, end)) if found >= 0]
        if not candidates:
            return -1
        at = min(candidates)
        if _is_json_to_end(body[at:end]):
            return at
    return -1


def _is_json_to_end(tail: bytes) -> bool:
    """Whether the bytes are one or more JSON values, blanks between them, and nothing else."""
    text = tail.decode("utf-8", "surrogateescape").strip()
    decoder = json.JSONDecoder(strict=False)
    while text:
        try:
            _, at = decoder.raw_decode(text)
        except (ValueError, RecursionError):
            return False
        text = text[at:].lstrip()
    return True


_OBJECT = re.compile(r"(?:^|\n)(?:\[previous exception\] )?\[object\] \(")
_LOGGED = re.compile(r"\A([\w\\]{1,500}(?:@anonymous[^\n(]{0,500})?)\(code: ([^)\n]{0,40})\): ?")


def logged_chain(exception: Raw) -> tuple[Thrown, ...]:
    """The exceptions of a record, the one that was logged first, its causes after it. Never raises."""
    return tuple(_logged(block) for block in _OBJECT.split(exception.exact())[1:])


def _logged(block: str) -> Thrown:
    head, _, trace = block.partition("\n[stacktrace]\n")
    head = head.removesuffix("\n").removesuffix(")")
    named = _LOGGED.match(head)
    message, _, place = head[named.end() if named else 0 :].rpartition(" at ")
    if not re.search(r":\d+\Z", place):
        message, place = (f"{message} at {place}" if message else place), ""
    return Thrown(
        exception_class=_raw(named[1] if named else ""),
        message=_raw(message),
        location=_raw(place),
        frames=parse_frames(trace),
    )


def _raw(text: str) -> Raw:
    return Raw(text.encode("utf-8", "surrogatepass" if _has_low_pair(text) else "surrogateescape"))
