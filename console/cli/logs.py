"""`opsconsole logs`: the records of every log file of an environment, once or followed.

Owns the command, its options, what it prints and what it says on stderr. Must not read or follow files itself.
"""

from __future__ import annotations

import re
import select
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli.environment import PARTIAL, load_config
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_note
from console.cli.streams import ReaderGoneError
from console.domain.log_blocks import Where
from console.domain.log_history import Span
from console.domain.log_levels import Level
from console.domain.untrusted import Raw
from console.errors import UsageError

if TYPE_CHECKING:
    from console.services.tailing.file_records import Stretch
    from console.services.tailing.log_reader import LogReading

HISTORY = 256 * 1024
RECENT = 8 * 1024

_PIECE = 1 << 18


@click.command()
@config_option
@environment_option
@click.option("--follow", "-f", is_flag=True, help="Go on with new records until interrupted.")
@click.option("--level", default="", metavar="L", help="Only records of at least this level (debug … emergency).")
@click.option("--grep", default="", metavar="RE", help="Only records that match; a leading ! inverts.")
@click.option("--since", default=None, metavar="T", help="Only records since then: 10m, 2h, 1d, or a date with time.")
@click.option("--raw", is_flag=True, help="The exact bytes of each record; never to a terminal.")
@json_option
def logs(
    *,
    config_path: Path | None,
    environment: str,
    follow: bool,
    level: str,
    grep: str,
    since: str | None,
    raw: bool,
    as_json: bool,
) -> int:
    """Log records of all hosts, merged by time: the last 256 KiB of each file, or all since a time, rotated files too.

    With --follow (-f) what comes after them. Ends with 3 when something could not be read; stderr says what.
    """
    where = Where.typed(checked_grep(grep), parsed_level(level))
    span = parsed_since(since, datetime.now(UTC)) if since is not None else Span(tail=RECENT if follow else HISTORY)
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

    from console.services.tailing.log_reader import LogReading
    from console.services.threads.loop import SystemClock
    from console.wiring.reach import open_reach

    clock = SystemClock()
    reach = open_reach(chosen, clock=clock, state_dir=config.state_path)
    reading = LogReading(chosen, reach, clock, span, where, zoned=as_json, follow=follow, exact=raw, recent=RECENT)
    try:
        return _print(reading, Output(raw=raw, as_json=as_json, hosts=len(chosen.hosts)), follow=follow)
    finally:
        reading.close()
        reach.close()


def _print(reading: LogReading, out: Output, *, follow: bool) -> int:
    try:
        with closing(reading.history()) as history:
            for stretch in history:
                out.write(stretch)
        out.flush()
        for new in reading.live() if follow else ():
            if new is not None:
                out.write(new)
                continue
            out.flush()
            _tell(reading)
            if _reader_gone():
                raise ReaderGoneError
    finally:
        if not isinstance(sys.exc_info()[1], ReaderGoneError):
            out.flush()
            _tell(reading)
    return PARTIAL if reading.partial else 0


def _tell(reading: LogReading) -> None:
    for words in reading.notices():
        write_note(words)


def _reader_gone() -> bool:
    """Whether stdout is a pipe that nobody reads any more, which else shows at the next record only."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


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


def parsed_since(text: str, now: datetime) -> Span:
    """`10m` before now, or a date with time (UTC without an offset); UsageError when it is neither, or ahead of now."""
    try:
        return Span.typed(text, now)
    except ValueError as error:
        raise UsageError(
            f"--since {Raw.of(text).show(40)} {error}", fix="10m, 2h, 1d, or a time that has been: 2026-11-21T20:51:03Z"
        ) from None


class Output:
    """Stdout in one form, written in large pieces: records of two busy hosts take turns every few lines."""

    def __init__(self, *, raw: bool, as_json: bool, hosts: int) -> None:
        from console.present.log_output import JsonRecords, TextRecords

        today = datetime.now(UTC).strftime("%Y-%m-%d")
        self._form = None if raw else JsonRecords() if as_json else TextRecords(hosts=hosts, today=today)
        self._pieces: list[bytes | memoryview] = []
        self._size = 0

    def write(self, stretch: Stretch) -> None:
        """Adds some records."""
        records = stretch.records
        if self._form is not None:
            text = self._form.text(records, stretch.timed, stretch.places)
            # What the application wrote is exact or harmless by now, and surrogates are escaped in both forms.
            self._add(text.encode(sys.stdout.encoding, "backslashreplace"))
        elif stretch.span is not None:
            self._add(memoryview(records.data)[slice(*stretch.span)])
        else:
            for place in stretch.places:
                self._add(records.bytes_of(place))

    def flush(self) -> None:
        """Hands over what was added."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces:
            sys.stdout.buffer.write(b"".join(pieces))
            sys.stdout.flush()

    def _add(self, data: bytes | memoryview) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            self.flush()
