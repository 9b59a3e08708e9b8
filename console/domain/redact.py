"""Secrets as values that cannot print themselves, and the one redactor for text that leaves the process.

Owns the `Secret` type and `Redactor`. Must not know where secrets come from.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

MASK = "[secret]"
# Every repetition is bounded: a hostile megabyte must not make the search quadratic.
# MySQL's `(using password: YES)` says whether one was sent, which is half of a diagnosis.
_KEYED = re.compile(
    r"(?i)(pass(?:word|wd|phrase)?|secret|token|api[_-]?key|app[_-]?key|private[_-]?key|auth)"
    r"(\"?'?\s{0,8}(?:=>|[=:])\s{0,8}\"?'?)"
    r"(?!(?:YES|NO)\)[.:)]{0,2}(?:[\s\"',;&]|$))([^\s\"',;&]{3,})"
)
_BEARER = re.compile(
    r"(?i)\b(authorization\"?'?\s{0,8}[=:]\s{0,8}\"?'?(?:bearer|basic|digest)?\s{0,8})([^\s\"',;]{3,})"
)
_URL_USERINFO = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,255}):([^\s/@]{1,1024})@")
_SHORTEST = 4
_SHORTEST_LINE = 12


class Secret:
    """A value that repr, str and format never show; only `reveal` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is never pickled")


def _forms(value: str) -> frozenset[str]:
    """`value` as it may turn up: itself, each line of a key file, and as JSON, URL and shell text write it."""
    lines = {line for line in value.splitlines() if len(line) >= _SHORTEST_LINE}
    encoded = value.encode("utf-8", "surrogateescape")
    return frozenset(
        {
            value,
            *lines,
            json.dumps(value)[1:-1],
            json.dumps(value)[1:-1].replace("/", "\\/"),
            quote(encoded, safe=""),
            quote_plus(encoded, safe=""),
            value.replace("'", "'\"'\"'"),
        }
    )


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces known secret values, and values beside telling keys, by a mask."""

    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)

    def knowing(self, *secrets: Secret) -> Redactor:
        """A redactor that also knows these; values shorter than four characters are left to the key patterns."""
        found = {form for s in secrets for form in _forms(s.reveal()) if len(form) >= _SHORTEST}
        return Redactor(self.secrets | found)

    def text(self, text: str) -> str:
        """`text` without secrets. Longest values first, so that one containing another leaves no tail."""
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, MASK)
        text = _URL_USERINFO.sub(rf"\1:{MASK}@", text)
        text = _BEARER.sub(rf"\1{MASK}", text)
        return _KEYED.sub(rf"\1\2{MASK}", text)

    def data(self, data: bytes) -> bytes:
        """The same over bytes that may not be UTF-8."""
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def __reduce__(self) -> str:
        raise TypeError("a Redactor is never pickled: it holds secrets")
