"""Secrets as values that cannot print themselves, and the one redactor for text that leaves the process.

Owns the `Secret` type and `Redactor`. Must not know where secrets come from.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, urlsplit

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
_URL_USER = re.compile(r"(?i)\b((?:https?|ftps?)://)([^\s/:@]{1,1024})@")
_SHORTEST = 4
_SHORTEST_LINE = 8
"""Characters from which a line of a longer secret is one by itself."""
_LONGEST_VALUE = 12
"""Characters from which the value of any URL parameter is taken for a secret."""


def shown_url(url: str) -> str:
    """A URL as it may be shown: no password, and no value of a parameter that is one by its name or its length."""
    try:
        query = urlsplit(url).query
    except ValueError:
        return Redactor().text(url)
    kept = [
        f"{name}{mark}{MASK if len(value) >= _LONGEST_VALUE else value}"
        for name, mark, value in (part.partition("=") for part in query.split("&"))
    ]
    return Redactor().text(url.replace(f"?{query}", f"?{'&'.join(kept)}", 1) if query else url)


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


def pieces(value: str) -> frozenset[str]:
    """What of a secret gives it away: all of it, with and without the blanks around it, and each of its longer lines.
    What is shorter than four characters stands in too much that is no secret."""
    lines = {line.strip() for line in value.splitlines()}
    return frozenset(
        {text for text in (value, value.strip()) if len(text) >= _SHORTEST}
        | {line for line in lines if len(line) >= _SHORTEST_LINE}
    )


def _forms(value: str) -> frozenset[str]:
    """A piece of a secret as it may turn up: itself, and as JSON, URL and shell text write it."""
    encoded = value.encode("utf-8", "surrogateescape")
    return frozenset(
        {
            value,
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
        found = {form for secret in secrets for piece in pieces(secret.reveal()) for form in _forms(piece)}
        return Redactor(self.secrets | found)

    def text(self, text: str) -> str:
        """`text` without secrets. Longest values first, so that one containing another leaves no tail."""
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, MASK)
        text = _URL_USERINFO.sub(rf"\1:{MASK}@", text)
        # A user name without a password is a token more often than a name.
        text = _URL_USER.sub(rf"\1{MASK}@", text)
        text = _BEARER.sub(rf"\1{MASK}", text)
        return _KEYED.sub(rf"\1\2{MASK}", text)

    def __reduce__(self) -> str:
        raise TypeError("a Redactor is never pickled: it holds secrets")
