"""Mutated configurations and actions: each loads or is refused at file:line:column, never anything else (T10)."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from console.config.actions import read_action
from console.config.load import load_config
from console.errors import ConfigError, OpsconsoleError, Problem
from tests.config.samples import ACTION, FULL, KINDS, TableKind, write

TOKENS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "-",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|",
    ">",
    "'",
    '"',
    "#",
    "%",
    "@",
    "\t",
]
TOKENS += [
    "\n",
    "  ",
    "\0",
    "\x1b",
    "\ufeff",
    "\u202e",
    "é",
    "null",
    "true",
    "0",
    "-1",
    "1e9",
    "9" * 40,
    "../",
    "//",
    "~",
]


def delete(text: str, random_: random.Random) -> str:
    at = random_.randrange(len(text))
    return text[:at] + text[at + random_.randint(1, 12) :]


def insert(text: str, random_: random.Random) -> str:
    at = random_.randrange(len(text))
    return text[:at] + random_.choice(TOKENS) * random_.choice((1, 1, 1, 2, 40)) + text[at:]


def swap_words(text: str, random_: random.Random) -> str:
    words = text.split(" ")
    first, second = random_.randrange(len(words)), random_.randrange(len(words))
    words[first], words[second] = words[second], words[first]
    return " ".join(words)


def repeat_line(text: str, random_: random.Random) -> str:
    lines = text.split("\n")
    at = random_.randrange(len(lines))
    return "\n".join([*lines[:at], lines[at], *lines[at:]])


def drop_line(text: str, random_: random.Random) -> str:
    lines = text.split("\n")
    del lines[random_.randrange(len(lines))]
    return "\n".join(lines)


def shift_line(text: str, random_: random.Random) -> str:
    lines = text.split("\n")
    at = random_.randrange(len(lines))
    lines[at] = " " * random_.randrange(6) + lines[at].lstrip()
    return "\n".join(lines)


def replace_value(text: str, random_: random.Random) -> str:
    words = text.split(" ")
    words[random_.randrange(len(words))] = random_.choice(
        ["", "x", "5", "[]", "{}", "[{}]", "true", "-", "{a: {b: [c]}}", "''"]
    )
    return " ".join(words)


MUTATIONS: list[Callable[[str, random.Random], str]] = [
    delete,
    insert,
    swap_words,
    repeat_line,
    drop_line,
    shift_line,
    replace_value,
]


def mutated(text: str, random_: random.Random) -> bytes:
    """One to four mutations, now and then of the bytes."""
    for _ in range(random_.randint(1, 4)):
        text = random_.choice(MUTATIONS)(text, random_) or "x"
    data = text.encode()
    if random_.random() < 0.1:
        at = random_.randrange(len(data))
        data = data[:at] + bytes([random_.randrange(256)]) + data[at + 1 :]
    return data


def check(problems: tuple[Problem, ...] | list[Problem], file: str, data: bytes) -> None:
    """Each problem has a place that is in the file, and one harmless line of words."""
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b"\xe2\x80") + data.count(b"\xc2\x85") + 2
    assert problems
    for problem in problems:
        assert problem.file == file
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert problem.message
        assert problem.message.isprintable()


def run(seed: int, count: int, directory: Path) -> tuple[int, int]:
    """Loads `count` mutated configurations and as many actions; how many were valid, how many refused."""
    random_ = random.Random(seed)
    valid = refused = 0
    path = write(directory)
    for number in range(count):
        data = mutated(FULL, random_)
        path.write_bytes(data)
        try:
            load_config(path, source_kinds={"toy": TableKind()})
            valid += 1
        except ConfigError as error:
            check(error.problems, str(path), data)
            refused += 1
        except OpsconsoleError as error:
            pytest.fail(f"seed {seed}, number {number}: {type(error).__name__}: {error}")
        data = mutated(ACTION, random_)
        action, problems = read_action(data, Path("a.yaml"), KINDS)
        if action is None:
            check(problems, "a.yaml", data)
        else:
            assert not problems
    return valid, refused


def test_mutated_files_are_refused_at_their_place(tmp_path: Path) -> None:
    valid, refused = run(20261121, 150, tmp_path)
    assert valid > 5
    assert refused > 50


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
def test_twenty_thousand_mutated_files(tmp_path: Path) -> None:
    valid, refused = run(1, 20_000, tmp_path)
    assert valid + refused == 20_000
