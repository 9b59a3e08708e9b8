"""Commands as argv templates with typed values, and their one quoted form for a POSIX shell.

Owns what each type of value may contain and how words become shell text. Must not run anything, nor know which
commands exist. Every refusal is a ValueError whose text shows the value harmlessly.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
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


Word = str | Typed
"""A literal that the template's author wrote, or a checked value."""

DASHES: Final = "--"
_PATTERNS: Final[Mapping[Kind, re.Pattern[str]]] = {
    Kind.TEXT: re.compile(r"[^\0\r\n]{0,65536}"),
    Kind.INT: re.compile(r"[0-9]{1,18}"),
    Kind.NAME: re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,127}"),
    Kind.RELEASE: re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"),
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


def fill(template: Iterable[str], values: Mapping[str, Typed]) -> tuple[Word, ...]:
    """The template with each element of the form `{name}` replaced by that value; no expressions, no partial fills."""
    words: list[Word] = []
    for element in template:
        name = element[1:-1] if element.startswith("{") and element.endswith("}") else ""
        if not name:
            words.append(element)
        elif name in values:
            words.append(values[name])
        else:
            raise ValueError(f"nothing is known as {Raw.of(element).show(80)}")
    return tuple(words)


def positionals(*words: Word) -> tuple[Word, ...]:
    """`--` and then the words, so that none of them can become an option."""
    return (DASHES, *words)


def argv(words: Iterable[Word]) -> tuple[str, ...]:
    """The plain words. A literal may begin with a dash; NUL and line breaks are refused in every word."""
    plain: list[str] = []
    for word in words:
        text = word.value if isinstance(word, Typed) else word
        if "\0" in text or "\n" in text or "\r" in text:
            raise ValueError(f"the word {Raw.of(text).show(80)} holds a NUL or a line break")
        plain.append(text)
    if not plain or not plain[0]:
        raise ValueError("a command needs a first word")
    return tuple(plain)


def shell_text(words: Iterable[Word]) -> str:
    """One POSIX shell command whose words are exactly these, whatever they hold."""
    return " ".join(quote(text) for text in argv(words))


def quote(text: str) -> str:
    """One word for a POSIX shell. ValueError on NUL; line breaks are kept (for data in scripts, not in commands)."""
    if "\0" in text:
        raise ValueError("a shell word cannot hold a NUL")
    return shlex.quote(text)
