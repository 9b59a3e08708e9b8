"""How many migrations a step has run: the database is asked before it and after it, because artisan ends 0 either way.

Owns how the answer of `migrate:status` is counted, and what is said of a step by it. Must not run a migration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from console.domain.documents import Json
from console.domain.performed import Performed
from console.domain.runs import Outcome
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError
from console.ports.steps import StepContext

COUNTS = "migrate_status"
"""The planned step's parameter that holds the script which asks, by host."""
_BEFORE = "migrations"
_DEADLINE = 60.0
# Laravel 8 draws a table with Yes and No, later versions end a line with `[batch] Ran` or `Ran`.
_RAN = re.compile(r"^\| Yes +\||\bRan *$", re.MULTILINE)
_LISTED = re.compile(r"^\| (?:Yes|No) +\||\b(?:Ran|Pending) *$|No migrations found", re.MULTILINE)
_NO_TABLE = "Migration table not found"
_SAME_PLACE = ("--database", "--path", "--realpath")
"""Options of `migrate` that say which migrations, and where they are recorded."""


def counted(argv: Sequence[str]) -> list[str] | None:
    """The options that `migrate:status` needs to count what this command runs; None for a command of which the number
    tells nothing: one that empties the database first, or that nobody here knows to be `migrate`."""
    if argv[0] != "migrate":
        return None
    options: list[str] = []
    for at, word in enumerate(argv[1:], 1):
        if word.partition("=")[0] in _SAME_PLACE:
            # `--path DIR` is the same as `--path=DIR`.
            value = "=" not in word and word != "--realpath"
            options += argv[at : at + 2] if value else [word]
    return options


def migrations_before(context: StepContext, host: str) -> Mapping[str, Json]:
    """What is noted before the step starts. What cannot be read now is left out: it keeps no step from starting."""
    count, _ = _count(context, host)
    return {} if count is None else {_BEFORE: count}


def migrations_after(context: StepContext, host: str, noted: Mapping[str, Json], ended: Performed) -> Performed:
    """The end, with the number of migrations that were recorded meanwhile in `data`, where both numbers are known."""
    if not isinstance(context.step.params.get(COUNTS), dict) or ended.outcome not in (Outcome.OK, Outcome.FAILED):
        return ended
    if noted.get("attempt") != 1:
        # What an earlier attempt has run is in the number that was read before this one.
        return replace(ended, detail=ended.detail or "how many migrations ran is not known: it took several attempts")
    before, (after, why) = noted.get(_BEFORE), _count(context, host)
    if after is None:
        return replace(ended, detail=ended.detail or f"how many migrations ran is not known: {why}")
    if not isinstance(before, int) or after < before:
        return replace(ended, detail=ended.detail or "how many migrations ran is not known: not read before it")
    return replace(ended, data={**ended.data, "migrated": after - before})


def _count(context: StepContext, host: str) -> tuple[int | None, str]:
    """How many migrations are recorded, or why nobody knows."""
    scripts = context.step.params.get(COUNTS)
    script = scripts.get(host) if isinstance(scripts, dict) else None
    if not isinstance(script, str):
        return None, ""
    try:
        done = context.reach.shell(host).run(script, deadline=_DEADLINE)
    except OpsconsoleError as error:
        return None, error.what
    said = Raw(done.stdout).exact()
    if _NO_TABLE in said:
        return 0, ""
    if done.status != 0 or not _LISTED.search(said):
        shown = Raw((done.stderr or done.stdout).strip()).show(200)
        return None, f"migrate:status ended {done.status}: {shown or 'without a word'}"
    return len(_RAN.findall(said)), ""
