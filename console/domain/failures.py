"""Failed jobs: the row, its decoded payload, pages of them, and their causes.

Owns the values and the pure parsing of payloads. Must not query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from console.domain import php
from console.domain.counts import Count
from console.domain.documents import Json
from console.domain.exception_text import Thrown
from console.domain.signatures import signature
from console.domain.untrusted import Raw

LOOKED_BACK = 1000
"""Newest failures among which those of the last hour are counted."""
_CONTEXT = "illuminate:log:context"
_HIDDEN = "[hidden by the application]"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """The head of one row. `job` is the class that did the work (wrappers looked through); `exception_class` and
    `message` belong to the exception the job threw; `failed_at` is UTC. `uuid` is empty for a row that was written
    before the application had uuids."""

    uuid: str
    id: int
    connection: str
    queue: str
    job: Raw
    exception_class: Raw
    message: Raw
    failed_at: datetime | None

    @property
    def name(self) -> str:
        """What it is asked for by: its uuid, or the row's number."""
        return self.uuid or str(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPage:
    """Newest first, from below the id `below` on (None: from the newest). `next` is the id to continue below, None at
    the end. `total` may be an estimate; of a filter it is what was found among the `looked` rows that were looked at.
    """

    total: int
    total_is_exact: bool
    next: int | None
    jobs: tuple[FailedJob, ...]
    below: int | None = None
    looked: int = 0

    @property
    def count(self) -> Count:
        """How many there are, and whether that is all."""
        if self.total_is_exact:
            return Count(self.total)
        if self.looked:
            which = "newest rows" if self.below is None else f"rows below id {self.below}"
            return Count.at_least(self.total, f"of the {self.looked:,} {which}")
        return Count.about(self.total, "too many to count at each read: counted a while ago, or the server's estimate")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSummary:
    """What the pane polls: the newest page, and how many came within the last hour (None past 1,000 newest)."""

    page: FailedPage
    since_hour: int | None

    @property
    def recent(self) -> Count:
        """How many came within the last hour, and whether that is all."""
        if self.since_hour is None:
            return Count.at_least(LOOKED_BACK, f"all of the newest {LOOKED_BACK:,} failed within the last hour")
        return Count(self.since_hour)


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
    """Failures that share a signature. `job`, `exception_class` and `message` are the newest one's. `among` says among
    how many newest failures they were counted, 0 when these are all there are; `names` are those of their jobs."""

    signature: str
    job: Raw
    exception_class: Raw
    message: Raw
    count: int
    first_seen: datetime | None
    last_seen: datetime | None
    names: tuple[str, ...]
    among: int = 0

    @property
    def counted(self) -> Count:
        """How many they are, and whether there may be more."""
        return Count.at_least(self.count, f"of the newest {self.among:,}" if self.among else "")


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
    """A payload's JSON and what the PHP reader made of its `data.command`; None for what is not there. What Laravel's
    context keeps hidden is not in it.

    Never raises: a payload that is not JSON is None, an encrypted command is `{"@encrypted": BYTES}`, one that cannot
    be read is `{"@unreadable": WHY}`.
    """
    try:
        payload: Json = json.loads(text.exact())
    except (ValueError, RecursionError):
        return None, None
    return _without_hidden(payload), _command(payload)


def shown_payload(text: Raw) -> Raw:
    """A payload that is no JSON (cut off, or not Laravel's) as it may be shown: up to what the context keeps hidden."""
    at = text.data.find(_CONTEXT.encode("ascii"))
    begin = text.data.find(b'"hidden"', at) if at >= 0 else -1
    return text if begin < 0 else Raw(text.data[:begin] + _HIDDEN.encode("utf-8"))


def _without_hidden(payload: Json) -> Json:
    """Laravel keeps these values out of logs; they are secrets more often than not."""
    context = payload.get(_CONTEXT) if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(context, dict) or not context.get("hidden"):
        return payload
    return {**payload, _CONTEXT: {**context, "hidden": _HIDDEN}}


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


# --- groups -------------------------------------------------------------------------------------------------------


def group(jobs: Sequence[FailedJob], *, older: bool = False) -> tuple[FailedGroup, ...]:
    """The failures by job and signature, the most frequent first. `jobs` come newest first; `older` says that there are
    more of which nobody knows the cause."""
    found: dict[tuple[bytes, str], list[FailedJob]] = {}
    for job in jobs:
        found.setdefault((job.job.data, signature(job.exception_class, job.message)), []).append(job)
    among = len(jobs) if older else 0
    groups = [_grouped(cause, members, among) for (_, cause), members in found.items()]
    return tuple(sorted(groups, key=lambda each: -each.count))


def _grouped(cause: str, members: list[FailedJob], among: int) -> FailedGroup:
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
        names=tuple(job.name for job in members),
        among=among,
    )
