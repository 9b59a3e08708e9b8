"""`opsconsole logs`: the records of every log file of an environment, once or followed.

Owns the command, its forms of output and its order. Must not follow files itself, nor know how records are found.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json_line, write_line, write_note
from console.cli.reading import PARTIAL, load_config
from console.domain.log_format import Level, Record
from console.domain.logs import FollowState, FollowStatus, LogRing, Where
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError, UsageError
from console.present import payload
from console.present.log_lines import record_document, record_lines

if TYPE_CHECKING:
    from console.ports import Reach
    from console.services.tailer import Tailer

HISTORY = 256 * 1024
RECENT = 8 * 1024
ALL = 32 << 20
_CONNECTING = 45.0
_QUIET = 0.3
_BATCH = 1000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command()
@config_option
@environment_option
@click.option("--follow", "-f", is_flag=True, help="Go on with new records until interrupted.")
@click.option("--level", default="", metavar="L", help="Only records of at least this level (debug … emergency).")
@click.option("--grep", default="", metavar="RE", help="Only records that match; a leading ! inverts.")
@click.option("--since", default="", metavar="T", help="Only records since then: 10m, 2h, 1d, or a date with time.")
@click.option("--raw", is_flag=True, help="The exact bytes of each record; never to a terminal.")
@json_option
def logs(
    *,
    config_path: Path | None,
    environment: str,
    follow: bool,
    level: str,
    grep: str,
    since: str,
    raw: bool,
    as_json: bool,
) -> int:
    """Log records of all hosts: the last 256 KiB of each file, or from --since on; with --follow what comes too."""
    where = Where.typed(checked_grep(grep), parsed_level(level))
    begin = parsed_since(since, datetime.now(UTC)) if since else None
    if raw and as_json:
        raise UsageError("--raw and --json exclude each other")
    if raw and sys.stdout.isatty():
        raise UsageError(
            "--raw is refused on a terminal: log bytes could command it",
            fix="redirect it to a file or a program, or leave --raw out",
        )
    config = load_config(config_path)
    chosen = config.environment(environment)
    if not chosen.logs:
        raise UsageError(f"{environment} names no log files", fix="name them under `logs:`")

    from console.services.loop import SystemClock
    from console.services.tailer import Tailer
    from console.wiring.reach import open_reach

    clock, flag = SystemClock(), Flag()
    backlog = ALL if begin else RECENT if follow else HISTORY
    reach = open_reach(chosen, clock=clock, state_dir=config.state_path)
    tailer = Tailer(
        [chosen], lambda _, host: reach.shell(host), clock=clock, publish=lambda _: flag.set(), backlog=backlog
    )
    zone = Zone(reach) if begin or as_json else None
    write = writer(tailer.ring(environment), raw=raw, as_json=as_json, zone=zone, hosts=len(chosen.hosts))
    reader = Reader(tailer, environment, where, write, flag, begin=begin, zone=zone)
    try:
        tailer.select(environment)
        return reader.go_on() if follow else reader.once()
    finally:
        tailer.close()
        reach.close()


def parsed_level(word: str) -> Level:
    """The level an option names; UsageError when there is none of that name."""
    try:
        return Level.named(word) if word else Level.NONE
    except KeyError:
        known = ", ".join(level.name.lower() for level in Level if level)
        raise UsageError(f"there is no level {Raw.of(word).show(40)}", fix=f"one of {known}") from None


def checked_grep(text: str) -> str:
    """The text when it is a regular expression; UsageError says where it stops being one."""
    pattern = text.removeprefix("!")
    try:
        re.compile(pattern.encode("utf-8", "surrogateescape"))
    except re.error as error:
        at = (error.pos or 0) + 1 + len(text) - len(pattern)
        raise UsageError(
            f"--grep {Raw.of(text).show(80)} is no regular expression: {error.msg} at character {at}",
            fix="put a \\ before a character that is meant as it stands",
        ) from None
    except (OverflowError, RecursionError):
        raise UsageError(f"--grep {Raw.of(text).show(80)} is too large an expression") from None
    return text


def parsed_since(text: str, now: datetime) -> datetime:
    """`10m` before now, or a date with time (UTC without an offset)."""
    if text[-1:] in _UNITS and text[:-1].isdigit() and len(text) < 10:
        return now - timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {Raw.of(text).show(40)} is neither a duration nor a date",
            fix="10m, 2h, 1d, or 2026-11-21T20:51:03Z",
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Zone:
    """The application's time zone, asked of its host at the first stamp without an offset."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._asked = False
        self._zone: tzinfo | None = None

    def moment(self, written: str) -> datetime | None:
        """The stamp as an aware time; None when its zone or the stamp cannot be read."""
        try:
            at = datetime.fromisoformat(written)
        except ValueError:
            return None
        if at.tzinfo is not None:
            return at
        if not self._asked:
            self._asked = True
            self._zone = self._ask()
        return at.replace(tzinfo=self._zone) if self._zone is not None else None

    def _ask(self) -> tzinfo | None:
        try:
            return ZoneInfo(self._reach.facts().timezone or "UTC")
        except (OpsconsoleError, ZoneInfoNotFoundError, ValueError) as error:
            write_note(f"the application's time zone is not known ({error}): stamps stay as written")
            return None


Write = Callable[[int, Record], None]


def writer(ring: LogRing, *, raw: bool, as_json: bool, zone: Zone | None, hosts: int) -> Write:
    """What one record becomes on stdout."""

    def exact(position: int, _: Record) -> None:
        sys.stdout.buffer.write(ring.raw(position))
        sys.stdout.buffer.flush()

    def document(_: int, record: Record) -> None:
        found = record_document(record)
        at = zone.moment(record.at.show(60)) if zone and record.at else None
        if at is not None:
            found["at"] = payload.stamp(at)
        write_json_line(found)

    day = datetime.now(UTC).strftime("%Y-%m-%d")

    def text(_: int, record: Record) -> None:
        nonlocal day
        written = record.at.show(40)[:10]
        if written and written != day:
            day = written
            write_line(f"--- {day}")
        for line in record_lines(record, host_width=len(record.host) if hosts > 1 else 0):
            write_line("".join(part for part, _ in line).rstrip())
        sys.stdout.flush()

    return exact if raw else document if as_json else text


def _whole(found: list[tuple[int, Record | None]]) -> list[tuple[int, Record]]:
    """Without the tails of records whose head lies before what was read; a file that has no heads at all stays."""
    there = [(position, record) for position, record in found if record is not None]
    cut = {(record.host, record.file) for _, record in there if record.at}
    kept = []
    for position, record in there:
        source = (record.host, record.file)
        if record.at or not record.offset:
            cut.discard(source)
        if source not in cut:
            kept.append((position, record))
    return kept


@dataclass(slots=True)
class Reader:
    """Takes whole records from the ring in order. `begin` is the oldest time to show."""

    tailer: Tailer
    environment: str
    where: Where
    write: Write
    flag: Flag
    begin: datetime | None = None
    zone: Zone | None = None
    _shown: int = 0
    _told: dict[tuple[str, str], FollowState] = field(default_factory=dict)
    _recent: dict[tuple[str, str], bool] = field(default_factory=dict)

    def once(self) -> int:
        """Everything there is now, all files merged by their stamps; 3 when a host or file could not be read."""
        self._catch_up()
        ring = self.tailer.ring(self.environment)
        ring.settle()
        for position, record in self._merged(ring.tail(sys.maxsize, self.where)):
            self.write(position, record)
        unread = [each for each in self._statuses() if each.state in (FollowState.DOWN, FollowState.UNREADABLE)]
        return PARTIAL if unread else 0

    def go_on(self) -> int:
        """What there is, then what comes, in the order it comes; ends by a signal or a closed stdout."""
        from time import monotonic

        self._catch_up()
        ring = self.tailer.ring(self.environment)
        begun = ring.tail(sys.maxsize, self.where)
        held = begun.pop() if begun and not ring.whole(begun[-1]) else None
        for position, record in self._merged(begun):
            self.write(position, record)
        self._shown = begun[-1] if begun else (held or 1) - 1
        revision, changed = ring.revision, monotonic()
        while True:
            self.flag.wait(0.1)
            self.flag.clear()
            if ring.revision != revision:
                revision, changed = ring.revision, monotonic()
            self._drain(ring, quiet=monotonic() - changed >= _QUIET)
            self._tell()

    def _drain(self, ring: LogRing, *, quiet: bool) -> None:
        """Shows what is whole; what may still grow waits until nothing has come for a moment."""
        while positions := ring.after(self._shown, _BATCH, self.where):
            for position in positions:
                if not quiet and not ring.whole(position):
                    return
                record = ring.record(position)
                self._shown = position
                if record is not None and self._new_enough(record):
                    self.write(position, record)

    def _merged(self, positions: list[int]) -> Iterator[tuple[int, Record]]:
        """By stamp, each file's own order kept; lines without a stamp stay behind the one before them."""
        ring = self.tailer.ring(self.environment)
        newest: dict[tuple[str, str], str] = {}
        keyed = []
        for position, record in _whole([(position, ring.record(position)) for position in positions]):
            if not self._new_enough(record):
                continue
            source = (record.host, record.file)
            newest[source] = max(newest.get(source, ""), record.at.show(40).replace("T", " "))
            keyed.append((newest[source], position, record))
        keyed.sort(key=lambda each: each[:2])
        return ((position, record) for _, position, record in keyed)

    def _new_enough(self, record: Record) -> bool:
        if self.begin is None or self.zone is None:
            return True
        source = (record.host, record.file)
        if record.at:
            at = self.zone.moment(record.at.show(60))
            self._recent[source] = at is None or at >= self.begin
        return self._recent.get(source, True)

    def _catch_up(self) -> None:
        """Waits for every host's answer; raises when none can be reached."""
        from time import monotonic

        until = monotonic() + _CONNECTING
        while not self.tailer.caught_up(self.environment) and monotonic() < until:
            self.flag.wait(0.05)
            self.flag.clear()
        errors = self.tailer.errors(self.environment)
        found = [error for error in errors if error is not None]
        if found and len(found) == len(errors):
            raise found[0]
        self._tell()

    def _statuses(self) -> tuple[FollowStatus, ...]:
        return self.tailer.statuses(self.environment)

    def _tell(self) -> None:
        """Says on stderr, once, what cannot be read and when it can again."""
        for each in self._statuses():
            key = (each.host, each.file)
            calm = each.state is FollowState.FOLLOWING
            before = self._told.get(key)
            if before is each.state or (before is None and calm) or each.state is FollowState.CONNECTING:
                continue
            self._told[key] = each.state
            write_note(f"{each.host} {each.file}: {each.state.value}" + (f", {each.detail}" if each.detail else ""))
