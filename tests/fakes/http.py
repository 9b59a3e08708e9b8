"""Health URLs that answer what a test says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from console.domain.health import ProbeResult, ProbeSpec, Status


def answered(spec: ProbeSpec, status: Status = Status.OK, http_status: int | None = 200) -> ProbeResult:
    """A result for `spec`."""
    return ProbeResult(
        name=spec.name,
        url=spec.url,
        status=status,
        latency_ms=1.5,
        http_status=http_status,
        body_status=None,
        detail="",
        checked_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


class FakeHttp:
    """`answer(spec)` gives the result; all are ok without it. `asked` records the names."""

    def __init__(self, answer: Callable[[ProbeSpec], ProbeResult] = answered) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.closed = False

    def probe(self, spec: ProbeSpec) -> ProbeResult:
        self.asked.append(spec.name)
        return self.answer(spec)

    def close(self) -> None:
        self.closed = True
