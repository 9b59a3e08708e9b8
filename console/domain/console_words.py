"""How programs made with Symfony's console (artisan, composer) and supervisorctl read their words.

Owns which word of a command line may be the command, past options and their values, and what an abbreviation stands
for. Must not know what a command does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Options that take no value: the word behind one is never its value.
_FLAGS = re.compile(
    r"-[hqnVvi]+|--(?:help|quiet|silent|verbose|version|ansi|no-ansi|no-interaction|no-plugins|no-scripts|no-cache|profile"
    r"|interactive)?"
)


def candidates(argv: Sequence[str]) -> list[int]:
    """Where the command may stand in the words behind the program's name, most often one place.

    An option that nobody here knows may or may not take the next word as its value, so both readings count.
    """
    found: list[int] = []
    uncertain = False
    for at, word in enumerate(argv):
        if word.startswith("-"):
            uncertain = "=" not in word and not _FLAGS.fullmatch(word)
            continue
        found.append(at)
        if not uncertain:
            return found
        uncertain = False
    return found


def words_of(argv: Sequence[str], *names: str) -> list[list[str]]:
    """What follows each word of a command line that names one of these programs, by whatever path."""
    return [list(argv[at + 1 :]) for at, word in enumerate(argv) if word.rsplit("/", 1)[-1] in names]


def abbreviates(word: str, name: str) -> bool:
    """Whether the word stands for the command: beginnings of each part do, in either case."""
    parts, wanted = word.lower().split(":"), name.split(":")
    return len(parts) == len(wanted) and all(
        part and whole.startswith(part) for part, whole in zip(parts, wanted, strict=True)
    )


def runs(argv: Sequence[str], *names: str) -> bool:
    """Whether the words behind the program's name may run one of these commands."""
    return any(abbreviates(argv[at], name) for at in candidates(argv) for name in names)
