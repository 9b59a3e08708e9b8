"""Failed jobs: the row, its decoded payload, its exception chain, and pages of them.

Owns the values and the pure parsing of payload and exception text. Must not query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from console.domain import php
from console.domain.documents import Json
from console.domain.untrusted import Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """The head of one row. `job` is the class that did the work (wrappers looked through); `exception_class` and
    `message` belong to the exception the job threw; `failed_at` is UTC."""

    uuid: str
    id: int
    connection: str
    queue: str
    job: Raw
    exception_class: Raw
    message: Raw
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPage:
    """Newest first. `next` is the id to continue below, None at the end. `total` may be an estimate."""

    total: int
    total_is_exact: bool
    next: int | None
    jobs: tuple[FailedJob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSummary:
    """What the pane polls: the newest page, and how many came within the last hour (None past 1,000 newest)."""

    page: FailedPage
    since_hour: int | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDetail:
    """One whole row. `payload` is decoded JSON, or None when it is not JSON; `command` what the bounded PHP reader made
    of data.command; `chain` starts with the exception the job threw. Sizes are bytes in the database."""

    job: FailedJob
    payload: Json
    payload_text: Raw
    payload_bytes: int
    command: Json
    chain: tuple[Thrown, ...]
    exception_text: Raw
    exception_bytes: int
    truncated: bool = False
    extras: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedFilter:
    """What `failed list` can narrow by; empty means all."""

    connection: str = ""
    queue: str = ""
    job: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedGroup:
    """Failures that share a signature. `job`, `exception_class` and `message` are the newest one's."""

    signature: str
    job: Raw
    exception_class: Raw
    message: Raw
    count: int
    first_seen: datetime | None
    last_seen: datetime | None
    uuids: tuple[str, ...]


# --- payload ---------------------------------------------------------------------------------------------------------

# Where the class that does the work is found in the command of each of the framework's own wrapper jobs.
_WRAPPED = {
    "Illuminate\\Events\\CallQueuedListener": "class",
    "Illuminate\\Notifications\\SendQueuedNotifications": "notification",
    "Illuminate\\Mail\\SendQueuedMailable": "mailable",
    "Illuminate\\Broadcasting\\BroadcastEvent": "event",
}
_NAMES_IN_TEXT = re.compile(r'"(displayName|job)"\s*:\s*("(?:[^"\\]|\\.)*")')
_UNKNOWN = Raw(b"?")


def decode_payload(text: Raw) -> tuple[Json, Json]:
    """A payload's JSON and what the PHP reader made of its `data.command`; None for what is not there.

    Never raises: a payload that is not JSON is None, an encrypted command is `{"@encrypted": BYTES}`, one that cannot
    be read is `{"@unreadable": WHY}`.
    """
    try:
        payload: Json = json.loads(text.exact())
    except (ValueError, RecursionError):
        return None, None
    return payload, _command(payload)


def _command(payload: Json) -> Json:
    data = payload.get("data") if isinstance(payload, dict) else None
    command = data.get("command") if isinstance(data, dict) else None
    if not isinstance(command, str):
        return None
    if not re.match(r"[OaCsbidNE][:;]", command):
        return {"@encrypted": len(command)}
    try:
        return php.read(Raw.of(command.encode("utf-8", "surrogatepass")).data)
    except ValueError as error:
        return {"@unreadable": str(error)}


def job_name(payload: Json) -> Raw:
    """The class that does the work, wrappers looked through. Takes a decoded payload, or the text (or only its first
    part) of one; `?` when neither names a job. Never raises."""
    if isinstance(payload, str):
        payload = _names_in(payload)
    if not isinstance(payload, dict):
        return _UNKNOWN
    name = payload.get("displayName") or payload.get("job")
    if not isinstance(name, str) or not name:
        return _UNKNOWN
    inner = _WRAPPED.get(name)
    found = _inner_class(_command(payload), inner) if inner else ""
    return Raw.of((found or name).encode("utf-8", "surrogatepass"))


def _names_in(text: str) -> Json:
    """Whole JSON if it is; else the two names found in what was cut off."""
    try:
        whole: Json = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        return whole
    names: dict[str, Json] = {}
    for key, quoted in _NAMES_IN_TEXT.findall(text):
        try:
            names.setdefault(key, json.loads(quoted))
        except ValueError:
            continue
    return names


def _inner_class(command: Json, key: str) -> str:
    value = command.get(key) if isinstance(command, dict) else None
    if isinstance(value, dict):
        value = value.get(php.CLASS)
    return value if isinstance(value, str) else ""


# --- exception text --------------------------------------------------------------------------------------------------

_NEXT = re.compile(r"(?<=\{main\})\n\nNext ")
_TRACE = "\nStack trace:\n#"
_CLASS = re.compile(r"[\w\\]{1,500}(?:@anonymous[^\n:]{0,500}(?::\d+\$[0-9a-f]+)?)?(?=: | in |:?\Z|:?\n)")
_FRAME = re.compile(r"#(\d{1,6}) (?:([^\n]{0,4096}?\(\d+\)(?: : eval\(\)'d code\(\d+\))*|\[internal function\]): )?")
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
    frames: list[Frame] = []
    for line in trace.split("\n"):
        found = _FRAME.match(line)
        if found is None:
            if frames and line:
                last = frames[-1]
                frames[-1] = replace(last, call=_raw(f"{last.call.exact()}\n{line}"))
            continue
        location = found[2] or ""
        call = line[found.end() :]
        frames.append(Frame(number=int(found[1]), location=_raw(location), call=_raw(call), vendor=is_vendor(location)))
    return tuple(frames)


def _raw(text: str) -> Raw:
    return Raw(text.encode("utf-8", "surrogateescape"))


# --- signature and groups --------------------------------------------------------------------------------------------

_VARIABLE = re.compile(
    r"(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})"
    r"|(?P<url>(?<=://)(?P<site>[\w.:-]{1,255})/[^\s\"')]{0,2048})"
    r"|(?P<keep>\bSQLSTATE\[\w{1,10}\](?:\s\[\d{1,5}\])?|\(\d{1,5}\)|(?<![\w.,#-])[45]\d\d(?![\w.,]))"
    r"|(?P<hex>\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,128}\b)"
    r"|(?P<n>\d{1,40}(?:[.,]\d{1,40}){0,8})"
)
_SIGNATURE_WIDTH = 160


def signature(exception_class: Raw, message: Raw) -> str:
    """One harmless line that failures of the same cause share: numbers, ids, times and paths of URLs are blanked, error
    codes (`SQLSTATE[…]`, `(1213)`, HTTP 4xx and 5xx) stay."""
    first = message.data[:1000].split(b"\n", 1)[0]
    text = _VARIABLE.sub(_blank, Raw(first).show(400))
    short = exception_class.show(200).rpartition("\\")[2]
    return f"{short}: {text}"[:_SIGNATURE_WIDTH] if text else short


def _blank(match: re.Match[str]) -> str:
    kind = match.lastgroup or "n"
    if kind == "keep":
        return match[0]
    if match["url"]:
        return f"{match['site']}/…"
    return f"{{{kind}}}"


def group(jobs: Iterable[FailedJob]) -> tuple[FailedGroup, ...]:
    """The failures by job and signature, the most frequent first. `jobs` come newest first."""
    found: dict[tuple[bytes, str], list[FailedJob]] = {}
    for job in jobs:
        found.setdefault((job.job.data, signature(job.exception_class, job.message)), []).append(job)
    groups = [_grouped(cause, members) for (_, cause), members in found.items()]
    return tuple(sorted(groups, key=lambda each: -each.count))


def _grouped(cause: str, members: list[FailedJob]) -> FailedGroup:
    times = [job.failed_at for job in members if job.failed_at is not None]
    newest = members[0]
    return FailedGroup(
        signature=cause,
        job=newest.job,
        exception_class=newest.exception_class,
        message=newest.message,
        count=len(members),
        first_seen=min(times, default=None),
        last_seen=max(times, default=None),
        uuids=tuple(job.uuid for job in members),
    )
