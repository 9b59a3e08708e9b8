"""The levels of log records: Monolog's, and how others spell them.

Owns the words. Must not read lines.
"""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """Monolog's levels, by their severity; NONE where none was read."""

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


LEVELS: dict[bytes, Level] = {level.name.encode("ascii"): level for level in Level if level}
NO_LEVEL = b""
"""The word of a record whose head names no level that is known here."""
NO_CODE = 0
"""The code of lines without a head."""
LEVEL_CODES = {word: int(level) // 10 for word, level in LEVELS.items()} | {NO_LEVEL: 255}
"""A tenth of each level, by its word: one byte an index entry. A record whose level is not known may be an error: its
code is above all of them, so that no filter by level hides it."""

_ALIASES = {
    b"ERR": b"ERROR",
    b"WARN": b"WARNING",
    b"CRIT": b"CRITICAL",
    b"FATAL": b"CRITICAL",
    b"PANIC": b"EMERGENCY",
    b"EMERG": b"EMERGENCY",
    b"TRACE": b"DEBUG",
}


def level_word(word: bytes) -> bytes:
    """The level's own word for what a line says in any case, or as Monolog's number; `NO_LEVEL` when it says none."""
    upper = word.strip().upper()
    if upper.isdigit() and len(upper) == 3:
        return next((name for name, level in LEVELS.items() if int(level) == int(upper)), NO_LEVEL)
    known = _ALIASES.get(upper, upper)
    return known if known in LEVELS else NO_LEVEL
