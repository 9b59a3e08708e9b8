"""Text from outside, exact inside and harmless outside: the only way from a remote byte to the screen.

Owns `Raw`, which every ingress wraps outside text in, and the sanitiser behind `show`. Must not guess encodings
beyond UTF-8, and must stay stateless: a chunk border can never split an attack because each code point is judged alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_C0 = {i: chr(0x2400 + i) for i in range(0x20)}
_DEL = {0x7F: "\u2421"}
# C1 controls, bidi embeddings and isolates, zero-width and other invisible format characters, line separators,
# the byte order mark, tag characters, variation selectors, interlinear annotations, musical and hieroglyphic format
# controls, Arabic and Kaithi prepended marks, blank fillers, noncharacters. Everything of Unicode's class Cf is here.
_HIDDEN = re.compile(
    "[\x80-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)
_UNSAFE = re.compile("[\x00-\x1f\x7f]|" + _HIDDEN.pattern)
_NEWLINES = re.compile(r"\r\n|\n|\r")


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in _C0:
        return _C0[code]
    if code in _DEL:
        return _DEL[code]
    if 0xD800 <= code <= 0xDFFF:
        # surrogateescape keeps an undecodable byte 0xNN as U+DCNN
        return f"‹{code - 0xDC00:02X}›" if 0xDC80 <= code <= 0xDCFF else "\ufffd"
    return f"‹U+{code:04X}›"


def harmless(text: str) -> str:
    """`text` on one line, with each control, bidi, zero-width and undecodable code point as a visible picture."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_picture, text)


def elide(text: str, width: int) -> str:
    """`text` in at most `width` characters, an ellipsis in place of what was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes from outside that nothing prints: `show`, `lines` are for people, `exact` for JSON and typed values."""

    data: bytes

    @classmethod
    def of(cls, text: str | bytes | None) -> Raw:
        """Wraps what a driver returned; None becomes empty."""
        if text is None:
            return cls(b"")
        return cls(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))

    def exact(self) -> str:
        """Every byte, reversibly (undecodable ones as lone surrogates); for JSON, archives and typed command values."""
        return self.data.decode("utf-8", "surrogateescape")

    def show(self, limit: int = 2000) -> str:
        """One harmless line of at most `limit` characters; newlines become pictures too."""
        # Four bytes are the most one code point takes: what cannot be shown is never decoded.
        text = self.data[: limit * 4 + 4].decode("utf-8", "surrogateescape")
        return elide(harmless(text[: limit + 1]), limit)

    def lines(self, limit: int = 2000, count: int = 10_000) -> tuple[str, ...]:
        """Harmless lines, at most `count` of at most `limit` characters each. Tabs become two spaces."""
        parts = _NEWLINES.split(self.exact(), maxsplit=count)[:count]
        return tuple(elide(harmless(part.replace("\t", "  ")), limit) for part in parts)

    def __str__(self) -> str:
        # A Raw in an f-string would otherwise slip its bytes' repr to the screen unnoticed.
        raise TypeError("Raw has no text form: use show(), lines() or exact()")

    def __format__(self, spec: str) -> str:
        raise TypeError("Raw has no text form: use show(), lines() or exact()")

    def __bool__(self) -> bool:
        return bool(self.data)

    def __len__(self) -> int:
        return len(self.data)


def listed(names: Collection[str], most: int = 8) -> str:
    """Names for a sentence, the rest counted."""
    ordered = [harmless(name) for name in names]
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
