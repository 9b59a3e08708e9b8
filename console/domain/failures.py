"""Failed jobs: the row, its decoded payload, its exception chain, and pages of them.

Owns the values and the pure parsing of payload and exception text. Must not query.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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
