"""Commands that no plan carries out on a protected environment, and how loudly the others are named.

Owns the list of refused commands, and judges argv lists and scripts by the commands that would run. Must not run nor
resolve anything, nor know how a shell or a console splits its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from console.domain.console_words import abbreviates, candidates, runs, words_of
from console.domain.runs import Danger
from console.domain.shell_commands import commands_of, script_commands

_ARTISAN = (
    "migrate:fresh",
    "migrate:refresh",
    "migrate:reset",
    "db:wipe",
    "db:seed",
    "key:generate",
    "test",
    "queue:listen",
    "serve",
)
_COMPOSER = ("test", "format", "update", "upgrade")
_SCRIPTS = ("test", "format")
_DESTRUCTIVE = (
    "queue:flush",
    "queue:clear",
    "queue:forget",
    "migrate:rollback",
    "horizon:clear",
    "cache:clear",
)
_HARMLESS = re.compile(
    r"(?:[a-z-]+:(?:cache|status|list)|about|env|list|--version|optimize|queue:monitor|queue:failed)\Z"
)
_CHANGES = ("restart", "stop", "start", "signal")


def refusals(argv: Sequence[str]) -> tuple[str, ...]:
    """Why this command is refused on a protected environment, one sentence each; empty when it is not.

    What runs a command for somebody else (`sudo`, `env`, `timeout`, `php -d x`) hides nothing: every word that names a
    program counts, and a word that holds a script of its own (`sh -c "…"`) is read as one.
    """
    return tuple(dict.fromkeys(why for command in commands_of(argv) for why in _refused(command)))


def artisan_refusals(argv: Sequence[str]) -> tuple[str, ...]:
    """The same for an artisan command without `php artisan` in front."""
    return tuple(_artisan(argv))


def script_refusals(script: str) -> tuple[str, ...]:
    """The same for a shell script, command by command."""
    return tuple(dict.fromkeys(why for command in script_commands(script) for why in _refused(command)))


def _refused(command: Sequence[str]) -> list[str]:
    found = [why for rest in words_of(command, "artisan") for why in _artisan(rest)]
    found += [why for rest in words_of(command, "composer", "composer.phar") for why in _composer(rest)]
    if any(_reaches_all(rest) for rest in words_of(command, "supervisorctl")):
        found.append("`supervisorctl … all` reaches programs of other applications; use `service: {restart: workers}`.")
    return found


def artisan_danger(argv: Sequence[str]) -> Danger:
    """How loudly an artisan command is named."""
    if runs(argv, *_DESTRUCTIVE, *_ARTISAN):
        return Danger.DESTRUCTIVE
    return Danger.SAFE if any(_HARMLESS.match(argv[at]) for at in candidates(argv)) else Danger.CAUTION


def empties_cache(argvs: Iterable[Sequence[str]]) -> bool:
    """Whether any of these artisan commands empties the application's cache store."""
    return any(
        runs(argv, "cache:clear")
        or (runs(argv, "optimize:clear") and not any(word.startswith("--except") and "cache" in word for word in argv))
        for argv in argvs
    )


def _artisan(argv: Sequence[str]) -> list[str]:
    found = [
        f"`artisan {argv[at]}` destroys data or never belongs on a protected environment."
        for at in candidates(argv)
        if any(abbreviates(argv[at], name) for name in _ARTISAN)
    ]
    if any(word == "--seed" or word.startswith(("--seed=", "--seeder")) for word in argv):
        found.append("`--seed` writes test data.")
    return found


def _composer(argv: Sequence[str]) -> list[str]:
    found: list[str] = []
    for at in candidates(argv):
        word, rest = argv[at], argv[at + 1 :]
        if any(abbreviates(word, name) for name in _COMPOSER):
            found.append(f"`composer {word}` changes or tests code in place.")
        elif abbreviates(word, "global"):
            found += _composer(rest)
        elif abbreviates(word, "run-script") or abbreviates(word, "exec"):
            named = [rest[index] for index in candidates(rest)]
            found += [f"`composer {word} {name}` changes or tests code in place." for name in named if name in _SCRIPTS]
    return found


def _reaches_all(argv: Sequence[str]) -> bool:
    return any(argv[at] in _CHANGES and "all" in argv[at + 1 :] for at in candidates(argv))
