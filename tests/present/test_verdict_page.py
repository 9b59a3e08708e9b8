"""docs/health.md is what the code that judges answers says of itself."""

from __future__ import annotations

from console.domain.health import Status
from console.present.verdict_page import EXAMPLES, judged, verdict_page
from tests.source import ROOT


def test_the_page_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "health.md").read_text("utf-8") == verdict_page(), "run make docs"


def test_its_examples_show_every_status_and_no_empty_praise() -> None:
    found = [judged(example) for example in EXAMPLES]
    assert {status for status, _ in found} == set(Status) - {Status.CRASHED}
    assert all(bool(detail) == (status not in (Status.OK, Status.SKIPPED)) for status, detail in found)
