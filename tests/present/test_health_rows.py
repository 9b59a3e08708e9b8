"""Health probes, and a gate's samples, as rows."""

from __future__ import annotations

from console.domain.runs import EventKind
from console.present.health_rows import gate_rows
from tests.fakes.screen import living_world, start_deploy


def test_a_gate_that_looks_shows_its_newest_samples() -> None:
    world = living_world()
    run = start_deploy(world, "production")
    assert gate_rows(world.runs.view(run), world.clock.now()) == () == gate_rows(None, world.clock.now())
    world.runs.add(run, EventKind.GATE_SAMPLED, probe="/up", status="ok")
    world.clock.advance(41)
    world.runs.add(run, EventKind.GATE_SAMPLED, probe="mail", status="failed")
    rows = gate_rows(world.runs.view(run), world.clock.now())
    assert [row.text.strip() for row in rows] == ["gate of run 42  0:41/2:00", "● /up ok", "✖ mail failed"]
    assert rows[0].heading and rows[2].cells[2].state == "error"
    world.runs.add(run, EventKind.GATE_DECIDED, decision="failed")
    assert gate_rows(world.runs.view(run), world.clock.now()) == ()
