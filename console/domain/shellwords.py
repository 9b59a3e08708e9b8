"""Typed values of commands, and the one quoted form of a word for a POSIX shell.

Owns what each type of value may contain and how a word becomes shell text. Must not run anything, nor know which
commands exist. Every refusal is a ValueError whose text shows the value harmlessly.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from console.domain.untrusted import Raw


class Kind(StrEnum):
    """What a value is, and so what it may contain."""

    TEXT = "text"
    INT = "int"
    NAME = "name"
    RELEASE = "release"
    QUEUE = "queue"
    UUID = "uuid"
    GIT_REF = "git-ref"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Typed:
    """A value to put into a command. Making one checks it: ValueError when its kind forbids it."""

    kind: Kind
    value: str

    def __post_init__(self) -> None:
        refusal = refused(self.kind, self.value)
        if refusal:
            raise ValueError(refusal)


_PATTERNS: Final[Mapping[Kind, re.Pattern[str]]] = {
    Kind.TEXT: re.compile(r"[^\0\r\n]{0,65536}"),
    Kind.INT: re.compile(r"[0-9]{1,18}"),
    Kind.NAME: re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,127}"),
    # a directory's name as people give it: `1.4.0+build.7`, `main@2026-01-02 12:00`, words of any language
    Kind.RELEASE: re.compile(r"(?!.*\.\.)\w(?:[\w.+@~=,: -]{0,126}[\w.+@~=,:-])?"),
    # artisan takes commas as separators, so a name with one would address other queues
    Kind.QUEUE: re.compile(r"[^\x00-\x20\x7f,]{1,255}"),
    # numeric ids are the identity where failed jobs have no uuid column
    Kind.UUID: re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{1,18}"),
    # the rules of git check-ref-format, and never a refspec (`:`, `+`)
    Kind.GIT_REF: re.compile(
        r"(?!.*(?:\.\.|@\{|//|/\.|\.lock(?:/|$)|[/.]$))[^\x00-\x20\x7f~^:?*\[\\+./][^\x00-\x20\x7f~^:?*\[\\]{0,254}"
    ),
    Kind.PATH: re.compile(r"[^\0\r\n]{1,4096}"),
}


def refused(kind: Kind, value: str) -> str:
    """Why `value` is no `kind`, empty when it is one."""
    shown = Raw.of(value).show(80)
    if "\0" in value or "\n" in value or "\r" in value:
        return f"{kind} value {shown} holds a NUL or a line break"
    if value.startswith("-"):
        return f"{kind} value {shown} begins with a dash and would be read as an option"
    if not _PATTERNS[kind].fullmatch(value):
        return f"{shown} is not a valid {kind}"
    return ""


def quote(text: str) -> str:
    """One word for a POSIX shell. ValueError on NUL; line breaks are kept (for data in scripts, not in commands)."""
    if "\0" in text:
        raise ValueError("a shell word cannot hold a NUL")
    return shlex.quote(text)
