"""The words that answers of health URLs use, and what each of them means.

Owns the one table: panes, command line, gate, `wait_http` and docs/health.md all judge by it. Must not know where in an
answer a word stands; `domain.answers` does. A word that is not here is not understood, and never counts as good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from console.domain.health import Status

WORDS: Mapping[Status, tuple[str, ...]] = {
    status: tuple(words.split())
    for status, words in {
        Status.OK: "ok okay pass passed passing up healthy good yes true 1 success successful alive ready running "
        "online operational available reachable connected green",
        Status.WARNING: "warn warning degraded partial unstable yellow",
        Status.FAILED: "fail failed failing failure down error critical fatal unhealthy problem bad no false 0 ko "
        "broken dead offline unavailable unreachable disconnected red stopped outage out_of_service timeout",
        Status.CRASHED: "crashed crash",
        Status.SKIPPED: "skipped skip disabled",
    }.items()
}
"""Case does not matter; blanks and hyphens inside a word count as `_`."""

_MEANING = {word: status for status, words in WORDS.items() for word in words}
_TOKEN = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
_NOT = frozenset({"not", "no", "never", "nor", "none", "cannot", "unable", "without", "non"})
_TROUBLES = frozenset(
    (
        "error",
        "errors",
        "problem",
        "problems",
        "failure",
        "failures",
        "failed",
        "issue",
        "issues",
        "warning",
        "warnings",
    )
)
_WORST = (Status.CRASHED, Status.FAILED, Status.WARNING, Status.OK, Status.SKIPPED)
_SENTENCE = 8
"""Words up to which a line is taken for a verdict; in longer prose `set up` or `when ready` says nothing good."""


def meaning(word: str) -> Status | None:
    """What one word means, None for one that is not in the table."""
    plain = word.strip().strip("\"'.!").lower()
    return _MEANING.get(plain) or _MEANING.get(re.sub(r"[\s-]+", "_", plain))


def line_meaning(line: str) -> Status | None:
    """What a line means by its words: the worst of them; None when it has none that is known, or denies in a way that
    is not understood. `not ok` is failed, `no errors` and `0 failed` say nothing."""
    alone = meaning(line)
    if alone is not None:
        return alone
    words = [match.group().lower().replace("’", "'") for match in _TOKEN.finditer(line)]
    found: set[Status] = set()
    denied = denying = False
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        before = words[place - 1] if place else ""
        if (word in _NOT or word == "0") and following in _TROUBLES:
            continue
        if word in _TROUBLES and (before in _NOT or before == "0"):
            continue
        if word in _NOT or word.endswith("n't"):
            denying = True
        # A bare number inside a sentence is a count, no verdict.
        elif not word.isdigit() and (status := _MEANING.get(word)) is not None:
            denied = denied or (denying and status is Status.OK)
            found.add(status)
    if denied:
        found.add(Status.FAILED)
    worst = next((status for status in _WORST if status in found), None)
    # `up 0` is how metrics say down.
    zero = words[-1:] == ["0"] and not _TROUBLES & set(words[-2:])
    doubtful = denying or zero or len(words) > _SENTENCE
    return None if doubtful and worst in (Status.OK, Status.SKIPPED) else worst
