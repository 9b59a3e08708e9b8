"""Health questions and their answers.

Owns the probe's specification, its status words and its verdict. Must not fetch anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from console.domain.documents import Json


class Status(StrEnum):
    """The five answers a health question has, worst last but for `skipped`."""

    SKIPPED = "skipped"
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSpec:
    """One URL to ask. `expect_status` None means any of 200 to 299; `expect_json` is a subset the body must hold,
    `expect_text` a part of it; `expect_url` (a path or a whole URL) is where redirects may lead."""

    name: str
    url: str
    expect_status: int | None = None
    expect_json: Mapping[str, Json] = field(default_factory=dict)
    expect_text: str = ""
    expect_url: str = ""
    timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One answer. `body_status` is the body's own `status`, verbatim, None when it has none.

    `concerns` name what keeps it from being ok, each in the same words as long as it is the same; `understood` is False
    for a warning that only says that nobody knows what the answer means.
    """

    name: str
    url: str
    status: Status
    latency_ms: float | None
    http_status: int | None
    body_status: str | None
    detail: str
    checked_at: datetime
    concerns: tuple[str, ...] = ()
    understood: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReading:
    """All probes of an environment, in the config's order."""

    probes: tuple[ProbeResult, ...]
