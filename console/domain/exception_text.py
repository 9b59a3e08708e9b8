"""PHP's exception text: each exception of a chain with its class, message, place and frames.

Owns the values and the pure parsing of that text, which may be cut anywhere. Must not know a failed job nor a log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.domain.untrusted import Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One line of a stack trace; `vendor` when it lies outside the application."""

    number: int
    location: Raw
    call: Raw
    vendor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """One exception of a chain."""

    exception_class: Raw
    message: Raw
    location: Raw
    frames: tuple[Frame, ...]


_NEXT = re.compile(r"(?<=\{main\})\n\nNext ")
_TRACE = "\nStack trace:\n#"
_CLASS = re.compile(r"[\w\\]{1,500}(?:@anonymous[^\n:]{0,500}(?::\d+\$[0-9a-f]+)?)?(?=: | in |:?\Z|:?\n)")
_FRAME = re.compile(
    r"#(\d{1,6}) (?:([^\n]{0,4096}?\(\d+\)(?: : eval\(\)'d code\(\d+\)){0,50}|\[internal function\]): )?"
)
_ENTRY = re.compile(r"/(?:artisan|public/index\.php|server\.php)\(\d+\)$")
_OUTSIDE = ("/usr/share/php/", "/usr/lib/php/", "phar://", "[internal function]")


def thrown_head(text: Raw) -> tuple[Raw, Raw]:
    """Class and message of the exception the job threw: the last `Next ` block, since PHP prints causes first.

    The text may be cut anywhere; then it is what the last block seen says. Never raises.
    """
    thrown = _thrown(_NEXT.split(text.exact())[-1], frames=False)
    return thrown.exception_class, thrown.message


def exception_chain(text: Raw) -> tuple[Thrown, ...]:
    """Every exception of PHP's text, the one the job threw first, its causes after it. Never raises."""
    if not text:
        return ()
    return tuple(_thrown(block, frames=True) for block in reversed(_NEXT.split(text.exact())))


def is_vendor(location: str) -> bool:
    """Whether a frame's `file(line)` lies outside the application, or is only its entry script."""
    return not location or "/vendor/" in location or location.startswith(_OUTSIDE) or bool(_ENTRY.search(location))


def _thrown(block: str, *, frames: bool) -> Thrown:
    # The message may quote another trace; only the last one is this exception's own.
    head, separator, trace = block.rpartition(_TRACE)
    if not separator:
        head, trace = block, ""
    named = _CLASS.match(head)
    name = named[0] if named else ""
    message = head[len(name) :].removeprefix(":").removeprefix(" ") if name else head
    placed = _place(head[len(name) :] if name else head)
    if placed:
        message = message[: max(0, len(message) - len(placed) - len(" in "))]
    return Thrown(
        exception_class=_raw(name),
        message=_raw(message),
        location=_raw(placed),
        frames=parse_frames("#" + trace) if frames and trace else (),
    )


def _place(head: str) -> str:
    """`FILE:LINE` at the end of a head. The last ` in /` wins: a message may hold ` in ` itself."""
    last_line = head[head.rfind("\n") + 1 :]
    for mark in (" in /", " in phar://", " in "):
        at = last_line.rfind(mark)
        if at >= 0 and re.search(r":\d+\Z", last_line):
            return last_line[at + len(" in ") :]
    return ""


def parse_frames(trace: str) -> tuple[Frame, ...]:
    """The `#n FILE(LINE): CALL` lines; a line without a number belongs to the call before it."""
    frames: list[tuple[int, str, list[str]]] = []
    for line in trace.split("\n"):
        found = _FRAME.match(line)
        if found is not None:
            frames.append((int(found[1]), found[2] or "", [line[found.end() :]]))
        elif frames and line:
            frames[-1][2].append(line)
    return tuple(
        Frame(number=number, location=_raw(location), call=_raw("\n".join(call)), vendor=is_vendor(location))
        for number, location, call in frames
    )


def _raw(text: str) -> Raw:
    return Raw(text.encode("utf-8", "surrogateescape"))
