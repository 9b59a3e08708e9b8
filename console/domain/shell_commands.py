"""A POSIX shell script as the commands that would run, each a list of plain words.

Owns quotes, continued lines, comments, operators and substitutions. Reads too much rather than too little: what stands
in a here-document or in one quoted word may be a script of its own. Must not know any command, nor run one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_DEEPEST = 12
_BLANK = " \t"
_BREAKS = ";&|\n(){}"
_KEYWORDS = frozenset(
    ["if", "then", "else", "elif", "fi", "do", "done", "while", "until", "for", "in", "case", "esac", "!", "time"]
)
_SPACED = re.compile(r"[ \t\r\n;&|`()]")


def commands_of(argv: Sequence[str]) -> Iterator[list[str]]:
    """The command itself, then those that its words hold, as in `sh -c "cd x; php artisan migrate"`."""
    yield from _with_inner(list(argv), 0)


def script_commands(script: str) -> Iterator[list[str]]:
    """Every command of a script, in the order of its text, with those that single words hold."""
    yield from _script(script, 0)


def _script(text: str, depth: int) -> Iterator[list[str]]:
    if depth > _DEEPEST:
        return
    reader = _ScriptReader(text)
    reader.read()
    for command in reader.commands:
        yield from _with_inner(command, depth)
    for inner in reader.inner:
        yield from _script(inner, depth + 1)


def _with_inner(command: list[str], depth: int) -> Iterator[list[str]]:
    while command and command[0] in _KEYWORDS:
        command = command[1:]
    if command:
        yield command
    for word in command:
        if _SPACED.search(word):
            yield from _script(word, depth + 1)


@dataclass(slots=True)
class _ScriptReader:
    """One pass over a script. `inner` are the scripts of its substitutions."""

    text: str
    commands: list[list[str]] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    _at: int = 0
    _words: list[str] = field(default_factory=list)
    _word: list[str] | None = None
    _aside: bool = False

    def read(self) -> None:
        """Reads to the end."""
        while self._at < len(self.text):
            self._step(self.text[self._at])
        self._end_command()

    def _step(self, letter: str) -> None:
        self._at += 1
        if letter in _BLANK or letter == "\r":
            self._end_word()
        elif letter == "#" and self._word is None:
            end = self.text.find("\n", self._at)
            self._at = len(self.text) if end < 0 else end
        elif letter in "<>":
            self._redirect()
        elif letter == "`":
            self._put("")
            self.inner.append(self._until("`"))
        elif letter == "$":
            self._dollar()
        elif letter == "'":
            self._put(self._until("'"))
        elif letter == '"':
            self._put("")
            self._double()
        elif letter == "\\":
            self._escaped()
        elif letter in _BREAKS and not (letter in "{}" and self._word is not None):
            self._end_command()
        else:
            self._put(letter)

    def _put(self, text: str) -> None:
        self._word = [] if self._word is None else self._word
        self._word.append(text)

    def _escaped(self) -> None:
        """The letter behind a backslash is itself; a line break behind one is not there at all."""
        joined = next((end for end in ("\n", "\r\n") if self.text.startswith(end, self._at)), "")
        if not joined:
            self._put(self.text[self._at : self._at + 1])
        self._at += len(joined) or 1

    def _until(self, letter: str) -> str:
        end = self.text.find(letter, self._at)
        end = len(self.text) if end < 0 else end
        found, self._at = self.text[self._at : end], end + 1
        return found

    def _double(self) -> None:
        while self._at < len(self.text):
            letter = self.text[self._at]
            self._at += 1
            if letter == '"':
                return
            if letter == "\\":
                self._escaped()
            elif letter == "`":
                self.inner.append(self._until("`"))
            elif letter == "$":
                self._dollar()
            else:
                self._put(letter)

    def _dollar(self) -> None:
        """A substitution's commands are looked at by themselves; a variable stays in the word as it is written."""
        if self.text[self._at : self._at + 1] != "(":
            self._put("$")
            return
        begin = self._at + 1
        self._put("")
        self._at = _closing(self.text, begin)
        self.inner.append(self.text[begin : self._at - 1])

    def _redirect(self) -> None:
        """Passes over the operator; the word behind it is a file, not an argument."""
        if self._word is not None and "".join(self._word).isdecimal():
            self._word = None
        self._end_word()
        while self._at < len(self.text) and self.text[self._at] in "<>&|-":
            self._at += 1
        self._aside = True

    def _end_word(self) -> None:
        if self._word is None:
            return
        if self._aside:
            # A substitution in it was seen already; a quoted one may still be a script (`sh <<< "…"`).
            word = "".join(self._word)
            self.inner += [word] if _SPACED.search(word) else []
        else:
            self._words.append("".join(self._word))
        self._word, self._aside = None, False

    def _end_command(self) -> None:
        self._end_word()
        if self._words:
            self.commands.append(self._words)
        self._words, self._aside = [], False


def _closing(text: str, at: int) -> int:
    """The position behind the parenthesis that closes the one before `at`; the end where none does."""
    depth = 1
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "\\":
            at += 1
        elif letter == "'":
            end = text.find("'", at)
            at = len(text) if end < 0 else end + 1
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if not depth:
                return at
    return len(text) + 1
