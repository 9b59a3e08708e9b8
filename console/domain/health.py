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
    """One URL to ask. `expect_status` None means any below 400; `expect_json` is a subset the body must hold."""

    name: str
    url: str
    expect_status: int | None = None
    expect_json: Mapping[str, Json] = field(default_factory=dict)
    timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One answer. `body_status` is the body's own `status`, verbatim, None when it has none."""

    name: str
    url: str
    status: Status
    latency_ms: float | None
    http_status: int | None
    body_status: str | None
    detail: str
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReading:
    """All probes of an environment, in the config's order."""

    probes: tuple[ProbeResult, ...]
