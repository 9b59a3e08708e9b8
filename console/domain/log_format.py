"""Log records from bytes: Monolog's line as Laravel writes it, one JSON object on a line, PHP's own error lines.

Owns the parsing of what somebody looks at. Must not keep bytes, follow files or draw.

Monolog's line reads `[STAMP] CHANNEL.LEVEL: message {context} {extra} ` with a blank at its end. An exception stands in
the context's JSON with real line breaks, and mostly closes with `"}` on a line of its own that may carry extra data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from console.domain import log_json
from console.domain.exception_text import Thrown, exception_chain, parse_frames
from console.domain.log_heads import OtherHead, head_at
from console.domain.log_levels import LEVELS, Level
from console.domain.untrusted import Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One parsed entry. `at` is the stamp's text as written; `context` JSON text without the exception; `exception` its
    text with the whole trace, unescaped; `rest` the lines after the head; `offset` that of the head in its file. `cut`
    says what of it is not here, empty when it is whole."""

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
    cut: str = ""


EXCEPTION = b'"exception":"[object] ('
"""What an exception in a context begins with."""
_OPENING = re.compile(rb" [{\[]")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_END = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_CONTEXT_TRIES = 100
_LONGEST_CONTEXT = 1_000_000
_LONG_LINE = 100_000


def parse(data: bytes, *, host: str, file: str, offset: int) -> Record:
    """The record that these bytes (head line and all that belongs to it) hold. Never raises."""
    head = head_at(data)
    first, _, rest = data.rstrip(b"\r\n").partition(b"\n")
    level = LEVELS.get(head[3], Level.NONE) if head is not None else Level.NONE
    if head is None or not level:
        # Without a level, the first line stands for itself: nothing says which form the record has.
        body = b" " + (data[head.end() :].partition(b"\n")[0] if head is not None else first)
        message, context, exception = body.rstrip(b"\r"), b"", b""
        if isinstance(head, OtherHead) and head.is_json:
            message, context, exception = _from_json(first)
    elif isinstance(head, OtherHead) and head.is_json:
        message, context, exception = _from_json(first)
        message += b"\n" + rest if rest else b""
    elif isinstance(head, OtherHead) and head.is_php:
        message, context, exception = _from_php(data[head.end() :].rstrip(b"\r\n"))
    else:
        message, context, exception = _split(data[head.end() :].rstrip(b"\r\n"))
    return Record(
        host=host,
        file=file,
        offset=offset,
        at=Raw(head[1] if head is not None else b""),
        channel=Raw(head[2] if head is not None else b""),
        level=level,
        message=Raw(message.removeprefix(b" ").rstrip()),
        context=Raw(context),
        exception=Raw(exception),
        rest=Raw(rest),
    )


def _from_json(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Message, context and exception of a line that is one JSON object."""
    record = log_json.members(line.removeprefix(b"\xef\xbb\xbf")) or {}
    parts = (log_json.message(record), log_json.context(record), log_json.exception(record))
    message, context, exception = (_bytes(part) for part in parts)
    return message or line, context, exception


_UNCAUGHT = re.compile(rb"\A(?:\[[^\n]{1,60}\] )?PHP [A-Za-z ]{1,40}: {1,2}Uncaught ")


def _from_php(body: bytes) -> tuple[bytes, bytes, bytes]:
    """The same of what PHP wrote: an exception that nothing caught has its trace on the lines below."""
    uncaught = _UNCAUGHT.match(body)
    if uncaught is None or b"\nStack trace:\n" not in body.replace(b"\r\n", b"\n"):
        return body, b"", b""
    thrown = body[uncaught.end() :].replace(b"\r\n", b"\n")
    return body.partition(b"\n")[0], b"", thrown.rpartition(b"\n  thrown in ")[0] or thrown


_BLANKS = " \t\n\r\x0b\x0c"


def _refuse(constant: str) -> object:
    raise ValueError(constant)


_decode = json.JSONDecoder(parse_constant=_refuse).raw_decode


def parse_simple(body: str) -> tuple[str, str] | None:
    """Message and context of what stands behind a head on one line, without an exception: the context is the text of
    the one JSON value that the line ends in, or empty where it ends in none. None for every other form, which `parse`
    reads; it says the same of these, in three times the time.
    """
    text = body.rstrip(_BLANKS)
    if len(text) > _LONG_LINE:
        return None
    if not text.endswith(("}", "]")):
        return text.removeprefix(" "), ""
    brace, bracket = text.find("{"), text.find("[")
    at = brace if bracket < 0 or 0 <= brace < bracket else bracket
    if at < 1 or text[at - 1] != " ":
        return None
    try:
        _, end = _decode(text, at)
    except (ValueError, RecursionError):
        return None
    return (text[: at - 1].removeprefix(" ").rstrip(_BLANKS), text[at:]) if end == len(text) else None


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Message, context and exception of a record's body."""
    mark = body.find(EXCEPTION)
    start = _context_start(body)
    if start >= 0:
        if mark > start:
            return _with_exception(body, start, mark)
        return body[:start], body[start + 1 :].strip(), b""
    # Stray lines may follow a whole record (something else writes to the same file), and a record may have been cut.
    start = _exception_start(body, mark) if mark >= 0 else -1
    if start >= 0:
        return _with_exception(body, start, mark)
    first, newline, stray = body.partition(b"\n")
    start = _context_start(first) if newline else -1
    return (first[:start] + newline + stray, first[start + 1 :].strip(), b"") if start >= 0 else (body, b"", b"")


def _exception_start(body: bytes, mark: int) -> int:
    """Where the context begins that has an exception at `mark`; -1 when nothing before it is the beginning of one."""
    for start in _candidates(body, mark + 1):
        if body.startswith(b" {", start) and _opens(body[start + 1 : mark]):
            return start
    return body.rfind(b" {", 0, mark)


def _opens(text: bytes) -> bool:
    """Whether it is JSON up to a member's name, as far as the strings in it tell."""
    closed = _STRING.sub(b"", text)
    return b'"' not in closed and closed.startswith(b"{") and closed.endswith((b"{", b","))


def _with_exception(body: bytes, start: int, mark: int) -> tuple[bytes, bytes, bytes]:
    opening = mark + len(EXCEPTION) - len(b"[object] (")
    end = _STRING_END.match(body, opening)
    closing = end.end() if end is not None else len(body)
    before = body[start + 1 : mark].rstrip(b",")
    after = body[closing + 1 :].strip()
    if before == b"{" and after.startswith(b"}"):
        context = after[1:].strip()
    else:
        context = before + (after if not before.endswith(b"{") else after.removeprefix(b","))
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


def _candidates(body: bytes, end: int) -> Iterator[int]:
    """Where a context may begin, the nearest to the head first."""
    return islice((found.start() for found in _OPENING.finditer(body, 0, end)), _CONTEXT_TRIES)


def _context_start(body: bytes) -> int:
    """Where ` {context}` or ` [context]` begins, -1 when the body ends in no JSON."""
    end = len(body.rstrip())
    if end > _LONGEST_CONTEXT or body[end - 1 : end] not in (b"}", b"]"):
        return -1
    # One byte is one character, so that places in the text are places in the body.
    text = body[:end].decode("latin-1")
    return next((at for at in _candidates(body, end) if _is_json_to_end(text, at + 1)), -1)


_any_value = json.JSONDecoder(strict=False).raw_decode


def _is_json_to_end(text: str, at: int) -> bool:
    """Whether from `at` on there are one or more JSON values, blanks between them, and nothing else."""
    while at < len(text):
        try:
            _, at = _any_value(text, at)
        except (ValueError, RecursionError):
            return False
        while at < len(text) and text[at] in _BLANKS:
            at += 1
    return True


_OBJECT = re.compile(r"(?:^|\n)(?:\[previous exception\] )?\[object\] \(")
_LOGGED = re.compile(r"\A([\w\\]{1,500}(?:@anonymous[^\n(]{0,500})?)\(code: ([^)\n]{0,40})\): ?")
# Monolog 1 puts the causes behind the place of the first, within the same brackets.
_CAUSE = re.compile(r"(?<=:\d)(\d*), (?=[\w\\]{1,500}(?:@anonymous[^\n(]{0,500})?\(code: [^)\n]{0,40}\): )")


def logged_chain(exception: Raw) -> tuple[Thrown, ...]:
    """The exceptions of a record, the one that was logged first, its causes after it. Never raises."""
    text = exception.exact().replace("\r\n", "\n")
    if "\nStack trace:\n" in text and not text.startswith("[object] ("):
        return exception_chain(_raw(text))
    return tuple(thrown for block in _OBJECT.split(text)[1:] for thrown in _logged(block))


def _logged(block: str) -> Iterator[Thrown]:
    head, _, trace = block.partition("\n[stacktrace]\n")
    parts = _CAUSE.split(head.removesuffix("\n").removesuffix(")"))
    for number, part in enumerate(parts[::2]):
        # What the pattern took of a line number belongs to the part before it.
        digits = parts[2 * number + 1] if 2 * number + 1 < len(parts) else ""
        yield _one_logged(part + digits, trace if not number else "")


def _one_logged(head: str, trace: str) -> Thrown:
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


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass" if _has_low_pair(text) else "surrogateescape")


def _raw(text: str) -> Raw:
    return Raw(_bytes(text))
