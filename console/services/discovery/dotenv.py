"""Reading a `.env` file as Laravel's own reader does: quotes, escapes, comments, `export`, `${NAME}`.

Owns the text's grammar. Must not read files, nor know what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ASSIGNMENT = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*
    (?:"(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>[^']*)' | (?P<bare>[^\r\n]*))""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_COMMENT = re.compile(r"#.*")
_NESTED = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_HIDDEN_DOLLAR = "\ue000"


def parse(text: str) -> dict[str, str]:
    """Keys and values, the last of a repeated key winning. Lines that assign nothing are passed over."""
    values: dict[str, str] = {}
    position = 0
    while True:
        match = _ASSIGNMENT.search(text, position)
        if match is None:
            return values
        position = match.end()
        # What follows a closing quote on its line is a comment.
        if match["bare"] is None:
            rest = text.find("\n", position)
            position = len(text) if rest < 0 else rest
        values[match["key"]] = _value(match, values)


def _value(match: re.Match[str], before: Mapping[str, str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        text = _ESCAPE.sub(_unescape, match["double"])
        return _expand(text, before).replace(_HIDDEN_DOLLAR, "$")
    return _expand(_COMMENT.sub("", match["bare"]).strip(), before)


def _unescape(match: re.Match[str]) -> str:
    return _HIDDEN_DOLLAR if match[1] == "$" else _ESCAPED.get(match[1], match[1])


def _expand(text: str, before: Mapping[str, str]) -> str:
    return _NESTED.sub(lambda match: before.get(match[1], match[0]), text)


def word(values: Mapping[str, str], key: str, default: str = "") -> str:
    """A value as Laravel's `env()` gives it to text settings: `null` and `empty` (also in brackets) become nothing."""
    value = values.get(key, default)
    return "" if value.lower() in ("null", "(null)", "empty", "(empty)") else value
