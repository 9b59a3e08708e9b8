"""Log records that are one JSON object on one line: Monolog's JsonFormatter, Logstash's and what is alike.

Owns the names of their members. Must not know where lines begin, nor other forms of record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from console.domain.documents import Json
from console.domain.log_levels import NO_LEVEL, level_word

_LEVEL = ("level_name", "level", "log.level", "severity", "levelname", "monolog_level")
_TIME = ("datetime", "@timestamp", "timestamp", "time", "ts")
_MESSAGE = ("message", "@message", "msg")
_CHANNEL = ("channel", "logger", "@type")
_CONTEXT = ("context", "extra")
_TOLD = {*_LEVEL, *_TIME, *_MESSAGE, *_CONTEXT, *_CHANNEL}
_FIRST = re.compile(rb'\{"(?:' + b"|".join(re.escape(name.encode()) for name in (*_TOLD, "@version")) + rb')"\s*:')
_LONGEST_STAMP = 64
_CAUSES = 50

Members = dict[str, Json]


def members(line: bytes) -> Members | None:
    """The members of a line that is a log record: at least two of level, time and message are among them; None for
    every other line."""
    try:
        value: Json = json.loads(line.decode("utf-8", "surrogateescape"), strict=False, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    has = [any(name in value for name in names) for names in (_LEVEL, _TIME, _MESSAGE)]
    has[0] = has[0] or isinstance(value.get("log"), dict)
    return value if sum(has) >= 2 else None


def is_broken(line: bytes) -> bool:
    """Whether a line begins as a record and is no whole one: it was cut, or something wrote into it."""
    if not _FIRST.match(line):
        return False
    try:
        json.loads(line.decode("utf-8", "surrogateescape"), strict=False, parse_constant=str)
    except (ValueError, RecursionError):
        return True
    return False


def level(record: Members) -> bytes:
    """The word of the level; `NO_LEVEL` when there is none that is known."""
    nested = record.get("log")
    values = [record.get(name) for name in _LEVEL] + [nested.get("level") if isinstance(nested, dict) else None]
    for value in values:
        if isinstance(value, str | int) and not isinstance(value, bool):
            word = level_word(str(value).encode("utf-8", "surrogatepass"))
            if word:
                return word
    return NO_LEVEL


def stamp(record: Members) -> bytes:
    """The time as written, on one line; empty when there is none."""
    for name in _TIME:
        value = record.get(name)
        if isinstance(value, dict):
            # PHP's own JSON of a date.
            value = f"{value.get('date')} {value.get('timezone')}"
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value).replace("\n", " ").encode("utf-8", "surrogatepass")[:_LONGEST_STAMP]
    return b""


def channel(record: Members) -> str:
    """The channel, empty when there is none."""
    return next((value for name in _CHANNEL if isinstance(value := record.get(name), str)), "")


def message(record: Members) -> str:
    """The message; as JSON where it is no text, empty when there is none."""
    for name in _MESSAGE:
        if name in record:
            value = record[name]
            return value if isinstance(value, str) else _text(value)
    return ""


def context(record: Members) -> str:
    """Everything else as JSON values with a blank between them, without the exception; empty when there is nothing."""
    parts = [record.get(name) for name in _CONTEXT]
    if isinstance(parts[0], dict) and exception(record):
        parts[0] = {name: value for name, value in parts[0].items() if name != "exception"}
    parts.append({name: value for name, value in record.items() if name not in _TOLD})
    return " ".join(_text(part) for part in parts if part not in ({}, [], None, ""))


def exception(record: Members) -> str:
    """The exception with its trace and causes, in the words of Monolog's line; empty when there is none."""
    inner = record.get("context")
    thrown = inner.get("exception") if isinstance(inner, dict) else None
    if isinstance(thrown, str):
        return thrown if thrown.startswith("[object] (") else ""
    blocks: list[str] = []
    while isinstance(thrown, dict) and isinstance(thrown.get("class"), str) and len(blocks) < _CAUSES:
        blocks.append(_block(thrown))
        thrown = thrown.get("previous")
    return "\n[previous exception] ".join(blocks)


def _block(thrown: Members) -> str:
    code, place, told = thrown.get("code", 0), thrown.get("file", ""), thrown.get("message", "")
    at = f" at {place}" if isinstance(place, str) and place else ""
    head = f"[object] ({thrown['class']}(code: {code}): {told if isinstance(told, str) else _text(told)}{at})"
    trace = thrown.get("trace")
    lines = list(_frames(trace)) if isinstance(trace, list) else []
    return "\n".join([head, "[stacktrace]", *lines]) + "\n" if lines else head


def _frames(trace: Iterable[Json]) -> Iterable[str]:
    for number, frame in enumerate(trace):
        if isinstance(frame, str):
            file, colon, line = frame.rpartition(":")
            yield f"#{number} {file}({line}): " if colon and line.isdigit() else f"#{number} {frame}"
        elif isinstance(frame, dict):
            place = f"{frame['file']}({frame.get('line', 0)}): " if isinstance(frame.get("file"), str) else ""
            yield f"#{number} {place}{frame.get('class') or ''}{frame.get('type') or ''}{frame.get('function') or ''}"
        else:
            yield f"#{number} {_text(frame)}"


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
