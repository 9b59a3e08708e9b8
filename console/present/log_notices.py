"""What a reader of logs is told beside the records, for people.

Owns the sentences. Must not decide whether something is told.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.domain.log_history import LeftOut
from console.domain.logs import FollowStatus
from console.domain.untrusted import harmless
from console.present.text import Line, day, plural


def left_out_words(each: LeftOut) -> str:
    """`web1 laravel.log.2.gz: not read, it is broken (12,345 bytes)`."""
    size = "" if each.size is None else f" ({each.size:,} bytes)"
    return harmless(f"{each.host} {each.file}: {'no link' if each.lost else 'not read'}, {each.why}{size}")


def status_words(each: FollowStatus) -> str:
    """`web1 laravel.log: waiting, the file does not exist yet`."""
    return harmless(f"{each.host} {each.file}: {each.state.value}" + (f", {each.detail}" if each.detail else ""))


def unleveled_words(host: str, file: str) -> str:
    """`web1 worker.log: lines of no level that is understood are left out by --level`."""
    return harmless(f"{host} {file}: lines of no level that is understood are left out by --level")


def untimed_words(host: str, file: str, lines: int) -> str:
    """`web1 worker.log: 12 lines without a time that is understood, shown whatever their age`."""
    return harmless(
        f"{host} {file}: {plural(lines, 'line')} without a time that is understood, shown whatever their age"
    )


def down_lines(down: Iterable[FollowStatus], *, local: bool = False) -> tuple[Line, ...]:
    """Each file that cannot be followed, since when, and the whole reason."""
    lines: list[Line] = []
    for each in down:
        since = day(each.since, local=local)
        lines.append(((harmless(f"{each.host} {each.file}"), "bold"), (f"  {each.state.value} since {since}", "error")))
        lines += [((f"  {harmless(part)}", ""),) for part in each.detail.splitlines()]
    return tuple(lines)
