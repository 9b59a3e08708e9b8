"""The arguments of a PHP process that runs artisan: which command, on which connection and queues, with which limits.

Owns the grammar of `queue:work`, `queue:listen` and Horizon's commands, with their defaults in every Laravel version.
Works on exact argument lists, not on text that was joined. Must not know a host.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SLEEP, TIMEOUT = 3.0, 60
"""Seconds that a worker sleeps when idle, and that a job may take, unless told otherwise."""
_FLAGS = frozenset(
    {"ansi", "daemon", "force", "help", "no-ansi", "no-interaction", "quiet", "silent", "verbose", "version"}
    | {"json", "once", "paused", "stop-when-empty", "wait"}
)
_PHP_TAKES = frozenset({"-d", "-c", "-f", "-z", "--define", "--php-ini"})


class Role(StrEnum):
    """What a process that runs artisan is for."""

    WORK = "queue:work"
    LISTEN = "queue:listen"
    HORIZON = "horizon"
    SUPERVISOR = "horizon:supervisor"
    HORIZON_WORK = "horizon:work"
    OTHER = ""

    @property
    def works(self) -> bool:
        """Whether it takes jobs, or starts those that do."""
        return self is not Role.OTHER

    @property
    def horizon(self) -> bool:
        """Whether it is part of Horizon."""
        return self in (Role.HORIZON, Role.SUPERVISOR, Role.HORIZON_WORK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one argument list says. `connection` is empty for the default one, `queues` for the connection's own, which
    an empty name among several means too. The framework takes names as they stand, with their blanks.

    `once` ends after a job and installs no handlers for signals; `fleeting` ends by itself when the queue is empty.
    `timeout` 0 means no limit. `command` is artisan's command, empty when the script is not artisan.
    """

    script: str
    command: str = ""
    role: Role = Role.OTHER
    connection: str = ""
    queues: tuple[str, ...] = ()
    sleep: float = SLEEP
    timeout: int = TIMEOUT
    once: bool = False
    fleeting: bool = False


def read_arguments(argv: Sequence[str]) -> Invocation | None:
    """What a PHP process was started for; None when it runs no script."""
    at = _script_at(argv)
    if at is None:
        return None
    script = argv[at]
    if posixpath.basename(script) != "artisan":
        return Invocation(script=script)
    words, options = _cut(argv[at + 1 :])
    command = words[0] if words else ""
    role = Role(command) if command in set(Role) else Role.OTHER
    if not role.works:
        return Invocation(script=script, command=command)
    return Invocation(
        script=script,
        command=command,
        role=role,
        connection=_connection(role, words),
        queues=tuple(dict.fromkeys(options["queue"].split(","))) if options.get("queue") else (),
        sleep=_seconds(options.get("sleep"), SLEEP),
        timeout=round(_seconds(options.get("timeout"), TIMEOUT)),
        once="once" in options,
        fleeting=bool({"once", "stop-when-empty", "stop-when-empty-for"} & set(options)),
    )


def _script_at(argv: Sequence[str]) -> int | None:
    """Where the script stands: behind PHP's own options. `php -r` and `php -S` run none."""
    at = 1
    while at < len(argv):
        word = argv[at]
        if word == "-f":
            return at + 1 if at + 1 < len(argv) else None
        if word in ("-r", "-S", "-B", "-R", "-a", "-") or (word.startswith("-S") and word != "-s"):
            return None
        if word == "--":
            return at + 1 if at + 1 < len(argv) else None
        if not word.startswith("-"):
            return at
        at += 2 if word in _PHP_TAKES else 1
    return None


def _cut(words: Sequence[str]) -> tuple[list[str], Mapping[str, str]]:
    """Arguments and long options; `--name value` and `--name=value` are the same to artisan."""
    plain: list[str] = []
    options: dict[str, str] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            plain += words[at:]
            break
        if not word.startswith("-") or word == "-":
            plain.append(word)
            continue
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and name not in _FLAGS and at < len(words) and not words[at].startswith("-"):
            value = words[at]
            at += 1
        options[name] = value
    return plain, options


def _connection(role: Role, words: Sequence[str]) -> str:
    if role is Role.HORIZON:
        return ""
    at = 2 if role is Role.SUPERVISOR else 1
    return words[at] if len(words) > at else ""


def _seconds(text: str | None, default: float) -> float:
    return float(text) if text is not None and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else default
