"""A bounded reader of PHP's serialize format: text in, JSON-like values out, no object ever built.

Owns the grammar and its limits. Must not execute, unserialize or look up anything a payload names; never recurses, so
that depth in the input is never depth on our stack.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from console.domain.documents import Json
from console.domain.untrusted import Raw

MAX_BYTES = 10 * 1024 * 1024
MAX_VALUES = 200_000
MAX_DEPTH = 256
CLASS = "@class"
DEEPER = "…"


class PhpSyntaxError(ValueError):
    """The bytes are not serialized PHP; says at which byte."""


class PhpLimitError(ValueError):
    """More bytes or values than are worth reading."""


# Whole numbers are bounded in digits: int() of a megabyte of them would be quadratic. PHP writes short doubles itself,
# but reads what other programs wrote with every digit.
_TOKEN = re.compile(
    rb"(?P<null>N;)"
    rb"|b:(?P<bool>[01]);"
    rb"|i:(?P<int>[+-]?[0-9]{1,400});"
    rb"|d:(?P<double>NAN|-?INF|[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?);"
    rb"|s:(?P<string>[0-9]{1,9}):\""
    rb"|S:(?P<escaped>[0-9]{1,9}):\""
    rb"|a:(?P<array>[0-9]{1,9}):\{"
    rb"|O:(?P<object>[0-9]{1,9}):\""
    rb"|C:(?P<custom>[0-9]{1,9}):\""
    rb"|E:(?P<enum>[0-9]{1,9}):\""
    rb"|[rR]:(?P<reference>[0-9]{1,9});"
)
_COUNT = re.compile(rb":\+?([0-9]{1,9}):\{")
_ESCAPES = re.compile(rb"(?:\\[0-9a-fA-F]{2})+|\\")
_ESCAPE = len(b"\\41")
_LARGEST = 2**63 - 1


@dataclass(slots=True)
class _OpenArray:
    """A container being filled. `left` entries are still to come; `key` is set between a key and its value."""

    left: int
    name: str | None
    entries: dict[str, Json] = field(default_factory=dict)
    key: str | None = None
    listed: int = 0

    def put(self, value: Json, *, shown: bool) -> None:
        """Takes the next key or the next value."""
        if self.key is None:
            self.key = self._as_key(value)
            return
        if shown:
            self.entries[self.key] = value
        self.key = None
        self.left -= 1

    def _as_key(self, value: Json) -> str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise PhpSyntaxError("a key is neither a number nor text")
        if self.name is None:
            if value == self.listed and isinstance(value, int):
                self.listed += 1
            else:
                self.listed = -1 if self.listed >= 0 else self.listed
            return _unposed(str(value))
        return self._property(str(value))

    def _property(self, name: str) -> str:
        """The name without PHP's visibility mark; a private one of a parent keeps its class before it, since the object
        can have another of that name."""
        if not name.startswith("\0"):
            return _unposed(name)
        # The name of an anonymous class has such a byte itself.
        owner, _, bare = name[1:].rpartition("\0")
        return _unposed(bare) if owner in ("*", self.name) else f"{owner}::{bare}"

    def value(self) -> Json:
        """What the container has become."""
        if self.name is not None:
            return {CLASS: self.name, **self.entries}
        return list(self.entries.values()) if self.listed == len(self.entries) else self.entries


def _unposed(key: str) -> str:
    """The key with another `@` before its own: what begins with one only is said by the reader."""
    return f"@{key}" if key.startswith("@") else key


def _written(escapes: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escapes[0].replace(b"\\", b"").decode("ascii"))


class _PhpReader:
    """One pass over the bytes with an explicit stack."""

    def __init__(self, data: bytes, max_values: int) -> None:
        self.data = data
        self.at = 0
        self.values_left = max_values
        self.stack: list[_OpenArray] = []

    def read(self) -> Json:
        """The one value that the bytes hold."""
        while True:
            value, opened = self._next()
            if opened is not None:
                self.stack.append(opened)
                if opened.left:
                    continue
                value = self._close()
            while self.stack:
                top = self.stack[-1]
                top.put(value, shown=len(self.stack) <= MAX_DEPTH)
                if top.left or top.key is not None:
                    break
                value = self._close()
            if not self.stack:
                # PHP takes a value with anything behind it.
                return value

    def _next(self) -> tuple[Json, _OpenArray | None]:
        """One scalar, or a container just opened."""
        self.values_left -= 1
        if self.values_left < 0:
            raise PhpLimitError("too many values")
        token = _TOKEN.match(self.data, self.at)
        if token is None or token.lastgroup is None:
            raise PhpSyntaxError(f"no value at byte {self.at}")
        self.at = token.end()
        kind, text = token.lastgroup, token[token.lastgroup]
        if kind == "array":
            return None, _OpenArray(int(text), None)
        if kind == "object":
            name = self._text(int(text))
            return None, _OpenArray(self._count(), name)
        return self._scalar(kind, text), None

    def _scalar(self, kind: str, text: bytes) -> Json:
        match kind:
            case "null":
                return None
            case "bool":
                return text == b"1"
            case "int":
                # PHP takes what is too large for the nearest that it has.
                return max(-_LARGEST - 1, min(int(text), _LARGEST))
            case "double":
                return self._double(text)
            case "reference":
                return {"@reference": int(text)}
            case "string":
                value = self._text(int(text))
                self._expect(b";")
                return value
            case "escaped":
                value = self._unescaped(int(text))
                self._expect(b'";')
                return value
            case "enum":
                value = self._text(int(text))
                self._expect(b";")
                return {"@enum": value.replace(":", "::", 1)}
            case _:
                name = self._text(int(text))
                size = self._count()
                body = Raw(self._take(size)).exact()
                self._expect(b"}")
                return {CLASS: name, "@data": body}

    def _double(self, text: bytes) -> Json:
        if text in (b"NAN", b"INF", b"-INF"):
            return text.decode("ascii")
        number = float(text)
        return number if math.isfinite(number) else text.decode("ascii")

    def _text(self, size: int) -> str:
        """`size` bytes and the quote that closes them."""
        text = Raw(self._take(size)).exact()
        self._expect(b'"')
        return text

    def _unescaped(self, size: int) -> str:
        """`size` bytes of which any may be written as a backslash and two hexadecimal digits."""
        end = self.at + size
        for found in _ESCAPES.finditer(self.data, self.at, self.at + size * _ESCAPE):
            if found.start() >= end:
                break
            written = (found.end() - found.start()) // _ESCAPE
            if not written:
                raise PhpSyntaxError(f"no byte is written at byte {found.start()}")
            end += min(written, end - found.start()) * (_ESCAPE - 1)
        return Raw(_ESCAPES.sub(_written, self._take(end - self.at))).exact()

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise PhpSyntaxError(f"{size} bytes announced at byte {self.at}, past the end")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def _expect(self, mark: bytes) -> None:
        if not self.data.startswith(mark, self.at):
            raise PhpSyntaxError(f"{mark.decode('ascii')} missing at byte {self.at}")
        self.at += len(mark)

    def _count(self) -> int:
        found = _COUNT.match(self.data, self.at)
        if found is None:
            raise PhpSyntaxError(f"no count at byte {self.at}")
        self.at = found.end()
        return int(found[1])

    def _close(self) -> Json:
        self._expect(b"}")
        closed = self.stack.pop()
        return closed.value() if len(self.stack) < MAX_DEPTH else DEEPER


def read(data: bytes, *, max_bytes: int = MAX_BYTES, max_values: int = MAX_VALUES) -> Json:
    """The value that serialized PHP text holds, which PHP would take; objects become mappings with their class under
    `@class`, enum cases with `@enum`, references with `@reference`. A key that begins with `@` itself has two of them.

    Lists are arrays with keys 0, 1, 2…; undecodable bytes become lone surrogates, as `Raw.exact` does. Containers
    deeper than 256 are read but shown as `…`. Raises PhpSyntaxError or PhpLimitError, nothing else.
    """
    if len(data) > max_bytes:
        raise PhpLimitError(f"{len(data)} bytes, of which at most {max_bytes} are read")
    return _PhpReader(data, max_values).read()
