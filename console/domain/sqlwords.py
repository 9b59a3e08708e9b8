"""The few words of SQL that differ between servers, and names put safely into statements.

Owns quoting of identifiers and dialect expressions. Must not hold a statement: each source writes its own.
"""

from __future__ import annotations

import re

from console.errors import QueryError

NOW = {
    "mysql": "unix_timestamp()",
    "mariadb": "unix_timestamp()",
    "postgresql": "cast(extract(epoch from now()) as bigint)",
    "sqlite": "cast(strftime('%s', 'now') as integer)",
}
"""The server's clock as whole unix seconds, by dialect."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9_$.\x80-\U0010ffff-]{1,128}\Z")


def identifier(name: str, dialect: str) -> str:
    """A table's name quoted for the dialect; QueryError for what no table is called."""
    if not _IDENTIFIER.match(name):
        raise QueryError("the application names a table that cannot be one")
    mark = "`" if dialect in ("mysql", "mariadb") else '"'
    return ".".join(f"{mark}{part}{mark}" for part in name.split("."))


def found_at(needle: str, column: str, dialect: str) -> str:
    """The position (from 1, 0 for none) of a literal without quotes of its own in a column."""
    return f"strpos({column}, '{needle}')" if dialect == "postgresql" else f"instr({column}, '{needle}')"


def byte_length(column: str, dialect: str) -> str:
    """The bytes a text column holds."""
    if dialect == "sqlite":
        return f"length(cast({column} as blob))"
    return f"octet_length({column})"


def is_json_object(column: str, dialect: str) -> str:
    """Whether a text column holds a JSON object, NULL does not. PostgreSQL is asked for the braces only: versions
    before 16 have no test that does not raise."""
    if dialect == "postgresql":
        text = f"btrim({column})"
        return f"coalesce(substr({text}, 1, 1) = '{{' and right({text}, 1) = '}}', false)"
    # MySQL raises for a binary column, whose text it takes for no character set's.
    text = f"cast({column} as text)" if dialect == "sqlite" else f"convert({column} using utf8mb4)"
    return f"coalesce(json_valid({text}) and substr(ltrim({text}), 1, 1) = '{{', 0)"


def after_last(column: str, marker: str, dialect: str) -> str:
    """What follows the last `marker` in a column, all of it when there is none. SQLite cannot: it gives all."""
    literal = "concat(" + ", ".join(_pieces(marker)) + ")"
    if dialect == "sqlite":
        return column
    if dialect == "postgresql":
        return f"split_part({column}, {literal}, -1)"
    return f"substring_index({column}, {literal}, -1)"


def _pieces(marker: str) -> list[str]:
    # Newlines as chr()/char(): a literal backslash means different things to different servers.
    return [f"'{piece}'" if piece != "\n" else "char(10)" for piece in re.split(r"(\n)", marker) if piece]
