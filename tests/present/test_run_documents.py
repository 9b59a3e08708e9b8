"""Runs as documents and lines for people."""

from __future__ import annotations

from console.domain.runs import EventKind
from console.present.run_documents import EventLines
from tests.fakes.screen import living_world, start_deploy


def test_of_a_gate_only_what_changed_is_printed() -> None:
    world = living_world()
    run = start_deploy(world, "production")
    before = len(world.runs.events[run])
    for turn in range(24):
        for probe in ("/up", "/health", "mail"):
            status = "failed" if probe == "mail" and turn in (7, 8) else "ok"
            world.runs.add(run, EventKind.GATE_SAMPLED, probe=probe, status=status)
    lines = EventLines()
    printed = [line[9:] for event in world.runs.events[run][before:] if (line := lines.line(event))]
    assert printed == [
        "gate sampled: /up ok",
        "gate sampled: /health ok",
        "gate sampled: mail ok",
        "gate sampled: mail failed",
        "gate sampled: mail ok",
    ]
