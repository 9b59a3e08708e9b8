"""Commands that no plan carries out on a protected environment, and how loudly the others are named.

Owns the list of refused commands and the reading of argv lists and scripts against it.
Must not run nor resolve anything.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from console.domain.runs import Danger

_ARTISAN = frozenset(
    {
        "migrate:fresh",
        "migrate:refresh",
        "migrate:reset",
        "db:wipe",
        "db:seed",
        "key:generate",
        "test",
        "queue:listen",
        "serve",
    }
)
_COMPOSER = frozenset({"test", "format", "update", "upgrade"})
_DESTRUCTIVE = frozenset(
    {"queue:flush", "queue:clear", "queue:forget", "migrate:rollback", "horizon:clear", "cache:clear"}
)
_HARMLESS = re.compile(
    r"(?:[a-z-]+:(?:cache|status|list)|about|env|list|--version|optimize|queue:monitor|queue:failed)\Z"
)
_BREAKS = re.compile(r"(?:&&|\|\||[;&|\n(){}`]|\$\()")


def refusals(argv: Sequence[str]) -> tuple[str, ...]:
    """Why this command is refused on a protected environment, one sentence each; empty when it is not."""
    words = [word.rsplit("/", 1)[-1] for word in argv]
    found: list[str] = []
    if "artisan" in words:
        found += _artisan(argv[words.index("artisan") + 1 :])
    if "composer" in words or "composer.phar" in words:
        name = "composer" if "composer" in words else "composer.phar"
        command = _first(argv[words.index(name) + 1 :])
        if command in _COMPOSER:
            found.append(f"`composer {command}` changes or tests code in place.")
    if "supervisorctl" in words and _has_restart_all(argv[words.index("supervisorctl") + 1 :]):
        found.append("`supervisorctl … all` reaches programs of other applications; use `service: {restart: workers}`.")
    return tuple(found)


def artisan_refusals(argv: Sequence[str]) -> tuple[str, ...]:
    """The same for an artisan command without `php artisan` in front."""
    return tuple(_artisan(argv))


def script_refusals(script: str) -> tuple[str, ...]:
    """The same for a shell script, command by command; what cannot be split is read word by word."""
    found: list[str] = []
    for piece in _BREAKS.split(script):
        try:
            words = shlex.split(piece, comments=True)
        except ValueError:
            # A quote that a split tore apart: better one refusal too many than one hidden command.
            words = [word.strip("'\"") for word in piece.split()]
        # `sh -c "artisan db:wipe"` hides a command in one word.
        for word in words:
            if " " in word:
                found += script_refusals(word)
        found += refusals(words)
    return tuple(dict.fromkeys(found))


def artisan_danger(argv: Sequence[str]) -> Danger:
    """How loudly an artisan command is named."""
    command = _first(argv)
    if command in _DESTRUCTIVE or command in _ARTISAN:
        return Danger.DESTRUCTIVE
    return Danger.SAFE if _HARMLESS.match(command) else Danger.CAUTION


def empties_cache(argvs: Iterable[Sequence[str]]) -> bool:
    """Whether any of these artisan commands empties the application's cache store."""
    return any(
        _first(argv) == "cache:clear"
        or (
            _first(argv) == "optimize:clear"
            and not any(word.startswith("--except") and "cache" in word for word in argv)
        )
        for argv in argvs
    )


def _artisan(argv: Sequence[str]) -> list[str]:
    found = [
        f"`artisan {command}` destroys data or never belongs on a protected environment."
        for command in _candidates(argv)
        if any(_abbreviates(command, name) for name in _ARTISAN)
    ]
    if any(word == "--seed" or word.startswith(("--seed=", "--seeder")) for word in argv):
        found.append("`--seed` writes test data.")
    return found


def _candidates(argv: Sequence[str]) -> Sequence[str]:
    """The words that may be the command: `--env production db:wipe` names it second."""
    plain = [word for word in argv if not word.startswith("-")]
    before = argv[: argv.index(plain[0])] if plain else ()
    return plain[:2] if any("=" not in word for word in before) else plain[:1]


def _abbreviates(word: str, name: str) -> bool:
    """Whether artisan would take the word for the command: it knows beginnings of each part, in either case."""
    parts, wanted = word.lower().split(":"), name.split(":")
    return len(parts) == len(wanted) and all(
        part and whole.startswith(part) for part, whole in zip(parts, wanted, strict=True)
    )


def _first(argv: Sequence[str]) -> str:
    return next((word for word in argv if not word.startswith("-")), "")


def _has_restart_all(argv: Sequence[str]) -> bool:
    words = [word for word in argv if not word.startswith("-")]
    return len(words) > 1 and words[0] in ("restart", "stop", "start", "signal") and "all" in words[1:]
