"""A frozen set of failed jobs in the words of its confirm: which they are, what stays, where forgotten ones are kept.

Owns those lines. Must not choose the set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.domain.failures import FailedJob
from console.domain.untrusted import elide, harmless
from console.present.failed_rows import cause, short_class
from console.present.text import brief, count, plural

_SHOWN = 5
"""The most lines that name jobs, and the most ids in one of them."""
_CAUSE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a retry or forget is about. `causes` are the signatures by job name where causes were chosen; `loaded` is
    among how many newest ones they were counted, 0 when these are all; `others` says how many other failed jobs there
    are, empty where nobody knows."""

    action: str
    jobs: tuple[FailedJob, ...]
    causes: Mapping[str, str]
    loaded: int
    others: str
    archives: str


def frozen_lines(frozen: Frozen, now: datetime) -> list[str]:
    """Harmless lines: the count, one line a job and cause, then what stays behind."""
    among = f" of the newest {count(frozen.loaded)}" if frozen.loaded else ""
    lines = [f"{frozen.action} {plural(len(frozen.jobs), 'failed job')}{among}"]
    together: dict[tuple[str, str], list[FailedJob]] = {}
    for job in frozen.jobs:
        words = frozen.causes.get(job.name) or cause(job)
        together.setdefault((short_class(job.job.show(120)), words), []).append(job)
    kinds = sorted(together.items(), key=lambda kind: -len(kind[1]))
    lines += [_kind(name, words, jobs, now) for (name, words), jobs in kinds[:_SHOWN]]
    if rest := kinds[_SHOWN:]:
        lines.append(f"  and {plural(sum(len(jobs) for _, jobs in rest), 'job')} of {plural(len(rest), 'other cause')}")
    return [*lines, *_staying(frozen)]


def _kind(name: str, words: str, jobs: Sequence[FailedJob], now: datetime) -> str:
    """Jobs of one class and cause: how many, on which queues, how old, and their first ids."""
    queues = ", ".join(dict.fromkeys(harmless(job.queue) or "no queue" for job in jobs))
    ages = sorted((now - job.failed_at).total_seconds() for job in jobs if job.failed_at is not None)
    spans = list(dict.fromkeys(brief(max(0.0, each)) for each in (ages[:1] + ages[-1:])))
    old = f"failed {' to '.join(spans)} ago" if ages else "failed at an unknown time"
    ids = ", ".join(harmless(job.name)[:8] for job in jobs[:_SHOWN])
    more = f" and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else ""
    return f"  {len(jobs)} × {name} · {elide(words, _CAUSE)} · on {queues} · {old} · {ids}{more}"


def _staying(frozen: Frozen) -> list[str]:
    older = "older ones of these causes" if frozen.loaded else ""
    stay = f"{frozen.others} other failed jobs" if frozen.others else older
    among = f", {older} among them" if older and frozen.others else ""
    lines = [f"What stays: {stay}{among}."] if stay else []
    if frozen.action == "forget":
        lines += [
            f"First each whole row is written to {frozen.archives}/failed-jobs-RUN.jsonl.gz, one JSON row a line.",
            "The way back: insert a row from there into the table of failed jobs by hand, then retry it.",
        ]
    elif frozen.action == "retry":
        lines.append("A job that fails again comes back as a new failed job.")
    return lines
