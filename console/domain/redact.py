"""Secrets as values that cannot print themselves, and the one redactor for text that leaves the process.

Owns the `Secret` type and `Redactor`. Must not know where secrets come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MASK = "[secret]"
_KEYED = re.compile(
    r"(?i)\b((?:[a-z0-9]+[_-])*(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|app[_-]?key|private[_-]?key|auth))"
    r"(\"?'?\s*(?:=>|[=:])\s*\"?'?)([^\s\"',;&]{3,})"
)
_URL_USERINFO = re.compile(r"([a-z][a-z0-9+.-]*://[^\s/:@]*):([^\s/@]+)@")
_SHORTEST = 4


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

    def __reduce__(self) -> str:
        raise TypeError("a Secret is never pickled")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces known secret values, and values beside telling keys, by a mask."""

    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)

    def knowing(self, *secrets: Secret) -> Redactor:
        """A redactor that also knows these; values shorter than four characters are left to the key patterns."""
        found = {s.reveal() for s in secrets if len(s.reveal()) >= _SHORTEST}
        return Redactor(self.secrets | found)

    def text(self, text: str) -> str:
        """`text` without secrets. Longest values first, so that one containing another leaves no tail."""
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, MASK)
        text = _URL_USERINFO.sub(rf"\1:{MASK}@", text)
        return _KEYED.sub(rf"\1\2{MASK}", text)

    def data(self, data: bytes) -> bytes:
        """The same over bytes that may not be UTF-8."""
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
