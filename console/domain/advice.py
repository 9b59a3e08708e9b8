"""What is known to be wrong or harmful about commands that checklists and run books hand around.

Owns the sentences shown beside such a command. Must not refuse anything: plans do that, by `domain.dangers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from console.domain.console_words import abbreviates, candidates, words_of
from console.domain.dangers import refusals
from console.domain.shell_commands import script_commands

_PROMPT = re.compile(r"^[ \t]*[$>%][ \t]+", re.MULTILINE)
_PREFIXES = frozenset({"sudo", "exec", "time", "nohup"})
_ONE_ARGUMENT = 20_000

Arguments = Sequence[str]


def advise(command: str) -> str:
    """Sentences about a command or a block of them, one after another; empty when nothing is known against it."""
    found: list[str] = []
    earlier: list[Arguments] = []
    for words in _commands(command[:_ONE_ARGUMENT]):
        for sentence in _of_one(words, earlier):
            if sentence not in found:
                found.append(sentence)
        earlier.append(words)
    if re.search(r"\bmysql\b[^|&;\n]*<", command):
        found.append(
            "A dump brings back the jobs that waited when it was taken: those worked since then run a second time."
        )
    return " ".join(found)


def _commands(text: str) -> Iterator[list[str]]:
    for command in script_commands(_PROMPT.sub("", text)):
        words = command
        if re.match(r"[-*/,0-9]+( [-*/,0-9A-Za-z]+){4} ", " ".join(words)):
            words = words[5:]  # a crontab line
        while words and (words[0] in _PREFIXES or re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", words[0])):
            words = words[1:]
        if words:
            yield words


def _of_one(words: Arguments, earlier: Sequence[Arguments]) -> Iterator[str]:
    name = words[0].rsplit("/", 1)[-1]
    yield from refusals(words)
    for rest in words_of(words, "artisan"):
        yield from _artisan(rest, earlier)
    if name == "tail" and any(re.fullmatch(r"-\w*[fF]\w*|--follow.*", word) for word in words[1:]):
        yield "Lines are lost when the file is renamed under a running worker; our `logs --follow` keeps them."
    if name.startswith("mysql") and any(re.match(r"-p.|--password=.", word) for word in words[1:]):
        yield "Every user of the host can read a password on a command line."
    if name == "supervisorctl" and "status" in words:
        yield "It ends with status 3 when any program is down: that is an answer, not an error."


def _artisan(rest: Arguments, earlier: Sequence[Arguments]) -> Iterator[str]:
    places = candidates(rest)
    if not places:
        return
    # Of several readings the last is the command: what stands before it is the value of an option.
    at = places[-1]
    command = rest[at] if rest[at] in _RULES else next((name for name in _RULES if abbreviates(rest[at], name)), "")
    options = [word for word in rest if word.startswith("-")]
    arguments = [word for word in rest[at + 1 :] if not word.startswith("-")]
    rule = _RULES.get(command)
    if rule is not None:
        yield from rule(options, arguments)
    if command in ("migrate", "migrate:rollback") and "--force" not in options:
        yield f"In production `{command}` without --force asks, and without an answer ends with 1."
    moved = (words for words in earlier if words[0] == "git" and {"checkout", "reset", "switch"} & set(words))
    if command == "migrate:rollback" and next(moved, None):
        yield 'With the old code in place first it says "Migration not found", ends with 0 and undoes nothing.'


def _missing(name: str, instead: str) -> Callable[[Arguments, Arguments], Iterator[str]]:
    def rule(_options: Arguments, _arguments: Arguments) -> Iterator[str]:
        yield f"Laravel has no `{name}`; {instead}"

    return rule


def _always(sentence: str) -> Callable[[Arguments, Arguments], Iterator[str]]:
    def rule(_options: Arguments, _arguments: Arguments) -> Iterator[str]:
        yield sentence

    return rule


def _retry(options: Arguments, _arguments: Arguments) -> Iterator[str]:
    if "--all" in options:
        yield "There is no --all: it is `queue:retry all`."


def _monitor(_options: Arguments, arguments: Arguments) -> Iterator[str]:
    if not arguments:
        yield "It needs the names of queues, as in `queue:monitor redis:default`, and ends with 1 without."


def _migrate(options: Arguments, _arguments: Arguments) -> Iterator[str]:
    if any(option.startswith("--path") for option in options):
        yield "Other versions of Laravel name that migration file otherwise; look for the table it creates."


def _work(options: Arguments, _arguments: Arguments) -> Iterator[str]:
    stated = next((option.partition("=")[2] for option in options if option.startswith("--queue=")), "")
    queues = stated.split(",")
    if len(queues) > 1 and "high" in queues[1:]:
        yield "The order of --queue is the priority: `high` is served only when those before it are empty."


_RULES: dict[str, Callable[[Arguments, Arguments], Iterator[str]]] = {
    "session:prune": _missing("session:prune", "database sessions are swept by the framework's own lottery."),
    "log:clear": _missing("log:clear", "let logrotate do it."),
    "queue:retry": _retry,
    "queue:monitor": _monitor,
    "queue:work": _work,
    "migrate": _migrate,
    "migrate:rollback": _always(
        "It undoes the newest batch, whichever release brought it; after a deploy without migrations an older one."
    ),
    "queue:flush": _always("It deletes every failed job for good; our `failed forget` archives them first."),
    "queue:clear": _always("It deletes waiting, delayed and reserved jobs for good."),
    "queue:failed": _always("It reads every row, payloads included; our `failed list` reads a page."),
    "optimize:clear": _always("It empties the cache too; where that shares Redis with queues, check what else goes."),
    "cache:clear": _always("Where the cache shares Redis with queues or sessions, check what else goes."),
}
