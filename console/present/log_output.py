"""Log records as a command prints them: JSON lines, or text for people; many at once.

Owns both forms of a whole stretch of records. The frequent form of a record is written without parsing it whole; what
is written is the same. Must not print, choose records, nor know their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii as quoted

from console.domain.log_format import Record, parse, parse_simple
from console.domain.log_heads import Head
from console.domain.log_levels import LEVELS
from console.domain.log_records import LONGEST_RECORD, Records
from console.domain.log_stamps import day_and_clock
from console.domain.log_times import Timed
from console.domain.untrusted import Raw, elide, harmless
from console.present.log_lines import CONTEXT, LEVEL_WIDTH, LONGEST, record_document, record_lines

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = 10_000
CUT = f"it is longer than {LONGEST_RECORD:,} bytes, the rest is not shown"
_NAMES = {word: f'"{level.name.lower()}"' for word, level in LEVELS.items()}
_WORDS = {word: f"{level.name:{LEVEL_WIDTH}}" for word, level in LEVELS.items()}


def parsed(records: Records, place: int) -> Record:
    """One record, whole."""
    start, origin = records.starts[place], records.origin
    record = parse(records.bytes_of(place), host=origin.host, file=origin.file, offset=records.offset + start)
    cut = [
        CUT if records.goes_on and place == len(records) - 1 else "",
        "it continues a record that was cut" if records.continues and place == 0 else "",
        "its beginning was not read" if records.is_torn and place == 0 else "",
    ]
    return replace(record, cut=", ".join(filter(None, cut))) if any(cut) else record


class JsonRecords:
    """Each record as one JSON document on a line, ASCII-escaped; `at` is in UTC where its moment is known."""

    def __init__(self) -> None:
        self._stamps: dict[int, str] = {}
        self._minutes: dict[int, str] = {}

    def text(self, records: Records, timed: Timed, places: Sequence[int]) -> str:
        """The lines of the records at `places`."""
        origin, offset = records.origin, records.offset
        begin = f'{{"host":{quoted(origin.host)},"file":{quoted(origin.file)},"at":'
        known, clean = self._stamps, records.is_clean
        lines = []
        for place, head, body, start, order in _chosen(records, timed, places):
            simple = parse_simple(body) if body is not None else None
            if head is None or simple is None or not (clean or _printable(simple[1])):
                lines.append(self._whole(records, timed, place))
                continue
            message, context = simple
            at = known.get(order) if not timed.unsure else None
            if at is None:
                at = self._stamp(timed.moment(place)) or quoted(head[1].decode("ascii", "surrogateescape"))
            written = quoted(message) if not clean or '"' in message or "\\" in message else f'"{message}"'
            lines.append(
                f'{begin}{at},"level":{_NAMES[head[3]]},"message":{written},"context":{context or "null"},'
                f'"exception":null,"offset":{offset + start}}}\n'
            )
        return "".join(lines)

    def _whole(self, records: Records, timed: Timed, place: int) -> str:
        document = record_document(parsed(records, place))
        stamp = self._stamp(timed.moment(place)) if document["at"] is not None else ""
        if stamp:
            document["at"] = json.loads(stamp)
        return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"

    def _stamp(self, moment: int | None) -> str:
        """A moment as JSON text, as `payload.stamp` has it; empty when it is not known."""
        if moment is None:
            return ""
        known = self._stamps.get(moment)
        if known is None:
            minute, rest = divmod(moment, 60_000_000)
            try:
                begin = self._minutes.get(minute) or self._learn(minute)
            except OverflowError:
                return ""
            known = f'{begin}{rest // 1_000_000:02}.{rest // 1000 % 1000:03}Z"'
            if len(self._stamps) >= _KEPT:
                self._stamps.clear()
                self._minutes.clear()
            self._stamps[moment] = known
        return known

    def _learn(self, minute: int) -> str:
        """What the stamps of a minute begin with; OverflowError when the calendar does not have it."""
        at = f"{_EPOCH + timedelta(minutes=minute):%Y-%m-%dT%H:%M:}"
        self._minutes[minute] = begin = f'"{at:0>17}'
        return begin


class TextRecords:
    """Each record in a few harmless lines, the host named when `hosts` are several; a line for each new day."""

    def __init__(self, *, hosts: int, today: str) -> None:
        self._named = hosts > 1
        self._day = today

    def text(self, records: Records, timed: Timed, places: Sequence[int]) -> str:
        """The lines of the records at `places`."""
        host = f"{records.origin.host} " if self._named else ""
        day, clean, harmless_host = b"", records.is_clean, _printable(host)
        lines: list[str] = []
        for place, head, body, _, _ in _chosen(records, timed, places):
            begins = head[1][:10] if head is not None else day
            if begins != day:
                day = begins
                self._turn(day_and_clock(head[1])[0] if head is not None else day, lines)
            simple = parse_simple(body) if body is not None and harmless_host else None
            if head is None or simple is None or len(simple[0]) > LONGEST or not (clean or _printable("".join(simple))):
                lines += self._whole(records, place)
                continue
            message, context = simple
            if context:
                message = f"{message}  {context if len(context) <= CONTEXT else elide(context, CONTEXT)}"
            lines.append(f"{head[1][11:19].decode('ascii')} {host}{_WORDS[head[3]]} {message}".rstrip())
        lines.append("")
        return "\n".join(lines)

    def _turn(self, day: bytes, lines: list[str]) -> None:
        shown = Raw(day).show()
        if shown and shown != self._day:
            self._day = shown
            lines.append(f"--- {shown}")

    def _whole(self, records: Records, place: int) -> list[str]:
        record = parsed(records, place)
        width = len(record.host) if self._named else 0
        return [harmless("".join(part for part, _ in line).rstrip()) for line in record_lines(record, host_width=width)]


def _chosen(
    records: Records, timed: Timed, places: Sequence[int]
) -> Iterable[tuple[int, Head | None, str | None, int, int]]:
    """Of each chosen record its place, its head, what stands behind it where that may be simple, where it begins, and
    what orders it."""
    if isinstance(places, range):
        chosen = slice(places.start, places.stop)
        heads, ends = records.heads[chosen], records.ends[chosen]
        starts, orders = records.starts[chosen], timed.orders[chosen]
    else:
        heads, ends = [records.heads[place] for place in places], [records.ends[place] for place in places]
        starts, orders = [records.starts[place] for place in places], [timed.orders[place] for place in places]
    return zip(places, heads, _bodies(records, heads, ends), starts, orders, strict=True)


def _bodies(records: Records, heads: Sequence[Head | None], ends: Sequence[int]) -> Sequence[str | None]:
    if not records.is_plain:
        return [None] * len(heads)
    bounds = [(head.end() if head is not None else end, end) for head, end in zip(heads, ends, strict=True)]
    if records.is_clean:
        text = records.text
        return [text[begin:end] for begin, end in bounds]
    return [records.data[begin:end].decode("utf-8", "surrogateescape") for begin, end in bounds]


def _printable(text: str) -> bool:
    """Whether a line of it is the text itself."""
    return text.isascii() and text.isprintable()
