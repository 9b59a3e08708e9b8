"""A log record as lines for a screen, as text for a terminal, and as the JSON of `logs`.

Owns how a record reads: which frames are worth a line, what is cut, what is dim. Must not hold records nor know widths
of anything but its own columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.domain.documents import Json
from console.domain.exception_text import Frame, Thrown
from console.domain.log_format import Record, logged_chain
from console.domain.log_levels import Level
from console.domain.log_stamps import day_and_clock
from console.domain.untrusted import Raw
from console.present.text import Line

STATES = {
    Level.NONE: "dim",
    Level.DEBUG: "dim",
    Level.INFO: "dim",
    Level.NOTICE: "dim",
    Level.WARNING: "warning",
    Level.ERROR: "error",
    Level.CRITICAL: "error",
    Level.ALERT: "error",
    Level.EMERGENCY: "error",
}
LEVEL_WIDTH = 9
_FRAMES = 3
_MORE_LINES = 2
LONGEST = 1000
"""Characters of a message on its line."""
CONTEXT = 300
"""Characters of a context behind it."""
_RELEASE = re.compile(r"^.*?/(?:releases/[^/]+|current)/")
_CLASS_FILE = re.compile(r"([^/]+):(\d+)$")


def short_path(location: str) -> str:
    """A frame's place below its release: `app/Jobs/Charge.php(12)`."""
    return _RELEASE.sub("", location, count=1)


def clock(record: Record) -> str:
    """The time of day as the application wrote it, eight columns."""
    return Raw(day_and_clock(record.at.data)[1]).show(8).ljust(8)


def record_lines(record: Record, *, host_width: int = 0, host_state: str = "accent") -> tuple[Line, ...]:
    """A record in a few lines: the head, then the application's own frames with the others counted."""
    state = STATES[record.level]
    host = ((f"{record.host:{host_width}} ", host_state),) if host_width else ()
    indent = 9 + (host_width + 1 if host_width else 0) + LEVEL_WIDTH + 1
    cut = ((f"  [{record.cut}]", "warning"),) if record.cut else ()
    if not record.level:
        first = record.message.show(LONGEST)
        return (((f"{clock(record)} ", "dim"), *host, (first, "dim"), *cut), *_more(record.rest, 9))
    shown = record.message.lines(LONGEST, 1 + _MORE_LINES)
    chain = logged_chain(record.exception)
    head: list[tuple[str, str]] = [(f"{clock(record)} ", "dim"), *host]
    head.append((f"{record.level.name:{LEVEL_WIDTH}} ", state))
    head.append((shown[0] if shown else "", "error" if record.level >= Level.CRITICAL else ""))
    head += cut
    if chain:
        head.append((f"  {_where(chain[0])}", "dim"))
    if record.context:
        head.append((f"  {record.context.show(CONTEXT)}", "dim"))
    more = tuple(((" " * indent, ""), (text, "")) for text in shown[1:])
    return (tuple(head), *more, *(_frames(chain[0].frames, indent) if chain else ()))


def _where(thrown: Thrown) -> str:
    """`Charge.php:33`, with the class when it is not in the message already."""
    found = _CLASS_FILE.search(thrown.location.show(400))
    name = thrown.exception_class.show(200).rpartition("\\")[2]
    return f"{name} {found[0]}" if found else name


def _more(rest: Raw, indent: int) -> tuple[Line, ...]:
    if not rest:
        return ()
    lines = rest.lines(LONGEST, _MORE_LINES)
    left = rest.data.count(b"\n") + 1 - len(lines)
    shown = tuple(((" " * indent, ""), (text, "dim")) for text in lines)
    return (*shown, ((" " * indent, ""), (f"… {left:,} more lines", "dim"))) if left > 0 else shown


def _frames(frames: Sequence[Frame], indent: int) -> tuple[Line, ...]:
    own = [frame for frame in frames if not frame.vendor]
    lines = [frame_line(frame, indent) for frame in own[:_FRAMES]]
    counts = [f"{len(own) - _FRAMES} more frames"] if len(own) > _FRAMES else []
    vendor = len(frames) - len(own)
    counts += [f"{vendor} vendor frames"] if vendor else []
    return (*lines, ((" " * indent, ""), (f"… {', '.join(counts)}", "dim"))) if counts else tuple(lines)


def frame_line(frame: Frame, indent: int) -> Line:
    """`#0 app/Jobs/Charge.php(12): Charge->handle()`; dim when outside the application."""
    place = short_path(frame.location.show(400))
    call = frame.call.show(300)
    number = f"#{frame.number} "
    if frame.vendor:
        return ((" " * indent, ""), (number, "dim"), (f"{place}: {call}" if place else call, "dim"))
    return ((" " * indent, ""), (number, "dim"), (place, ""), (f": {call}", "dim"))


def detail_lines(record: Record) -> list[Line]:
    """A record in full: every field, every exception of the chain, every frame; vendor frames dim."""
    lines: list[Line] = [
        (("at       ", "dim"), (record.at.show(60), "")),
        (("from     ", "dim"), (f"{record.host}  {record.file}  byte {record.offset:,}", "")),
        (
            ("level    ", "dim"),
            (record.level.name.lower(), STATES[record.level]),
            (f"  {record.channel.show(80)}", "dim"),
        ),
        (),
        *(((text, "bold"),) for text in record.message.lines(4000, 500)),
    ]
    if record.context:
        lines += [(), (("context  ", "dim"), (record.context.show(20_000), ""))]
    for number, thrown in enumerate(logged_chain(record.exception)):
        lines += [
            (),
            (("caused by  " if number else "exception  ", "dim"), (thrown.exception_class.show(400), "error")),
        ]
        lines += [((text, ""),) for text in thrown.message.lines(4000, 500)]
        lines.append(((short_path(thrown.location.show(400)), "accent"),))
        lines += [frame_line(frame, 2) for frame in thrown.frames]
    if record.rest and not record.exception:
        lines += [(), *(((text, "dim"),) for text in record.rest.lines(4000, 5000))]
    return lines


def record_document(record: Record) -> dict[str, Json]:
    """The record as `logs --json` prints it. `context` is decoded where it is one JSON value, else its text."""
    return {
        "host": record.host,
        "file": record.file,
        "at": record.at.exact() or None,
        "level": record.level.name.lower() if record.level else None,
        "message": _message(record),
        "context": _decoded(record.context),
        "exception": record.exception.exact() or None,
        "offset": record.offset,
    }


def _message(record: Record) -> str:
    """All of the message; of a record without a level, all of its lines."""
    message = record.message.exact()
    if record.rest and not record.level:
        message = f"{message}\n{record.rest.exact()}"
    return f"{message} … [{record.cut}]" if record.cut else message


def _decoded(context: Raw) -> Json:
    import json

    if not context:
        return None
    try:
        value: Json = json.loads(context.exact(), strict=False, parse_constant=str)
    except (ValueError, RecursionError):
        return context.exact()
    return value


def plain_text(record: Record) -> str:
    """The record on one harmless line, for terminals and pipes."""
    lines = record_lines(record, host_width=len(record.host))
    return "".join(text for text, _ in lines[0]).rstrip()
