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


# Every number is bounded in digits: int() of a megabyte of them would be quadratic.
_TOKEN = re.compile(
    rb"(?P<null>N;)"
    rb"|b:(?P<bool>[01]);"
    rb"|i:(?P<int>[+-]?[0-9]{1,20});"
    rb"|d:(?P<double>[-+0-9.eEINFA]{1,64});"
    rb"|[sS]:(?P<string>[0-9]{1,9}):\""
    rb"|a:(?P<array>[0-9]{1,9}):\{"
    rb"|O:(?P<object>[0-9]{1,9}):\""
    rb"|C:(?P<custom>[0-9]{1,9}):\""
    rb"|E:(?P<enum>[0-9]{1,9}):\""
    rb"|[rR]:(?P<reference>[0-9]{1,9});"
)
_COUNT = re.compile(rb":([0-9]{1,9}):\{")


@dataclass(slots=True)
class _Open:
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
            return str(value)
        return self._property(str(value))

    def _property(self, name: str) -> str:
        """The name without PHP's visibility mark; a parent's private of the same name keeps its class before it."""
        if not name.startswith("\0"):
            return name
        owner, _, bare = name[1:].partition("\0")
        return f"{owner}::{bare}" if bare in self.entries else bare

    def value(self) -> Json:
        """What the container has become."""
        if self.name is not None:
            return {CLASS: self.name, **self.entries}
        return list(self.entries.values()) if self.listed == len(self.entries) else self.entries


class _Reader:
    """One pass over the bytes with an explicit stack."""

    def __init__(self, data: bytes, max_values: int) -> None:
        self.data = data
        self.at = 0
        self.values_left = max_values
        self.stack: list[_Open] = []

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
                if self.data[self.at :].strip():
                    raise PhpSyntaxError(f"more data after the value, at byte {self.at}")
                return value

    def _next(self) -> tuple[Json, _Open | None]:
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
            return None, _Open(int(text), None)
        if kind == "object":
            name = self._text(int(text))
            return None, _Open(self._count(), name)
        return self._scalar(kind, text), None

    def _scalar(self, kind: str, text: bytes) -> Json:
        match kind:
            case "null":
                return None
            case "bool":
                return text == b"1"
            case "int":
                return int(text)
            case "double":
                return self._double(text)
            case "reference":
                return {"@reference": int(text)}
            case "string":
                value = self._text(int(text))
                self._expect(b";")
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
        try:
            number = float(text)
        except ValueError:
            raise PhpSyntaxError(f"no number before byte {self.at}") from None
        return number if math.isfinite(number) else text.decode("ascii")

    def _text(self, size: int) -> str:
        """`size` bytes and the quote that closes them."""
        text = Raw(self._take(size)).exact()
        self._expect(b'"')
        return text

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
    """The value that serialized PHP text holds; objects become mappings with their class under `@class`.

    Lists are arrays with keys 0, 1, 2…; undecodable bytes become lone surrogates, as `Raw.exact` does. Containers
    deeper than 256 are read but shown as `…`. Raises PhpSyntaxError or PhpLimitError, nothing else.
    """
    if len(data) > max_bytes:
        raise PhpLimitError(f"{len(data)} bytes, of which at most {max_bytes} are read")
    return _Reader(data, max_values).read()
