"""What the steps of a run cost by themselves: ten that do nothing, on two hosts, from first intent to last end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.figures.paint import tell
from tests.lab.world import Lab

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
TEN = "title: Ten\nsteps:\n" + "".join(
    f"  - {{name: step{n}, shell: ['true'], on: all, effect: idempotent}}\n" for n in range(10)
)


def test_ten_steps_on_two_hosts(lab: Lab, tmp_path: Path) -> None:
    command = Command(lab.write_config(tmp_path / "config", actions={"ten": TEN}), tmp_path / "home")
    seconds = []
    for _ in range(5):
        done = command("run", "ten", "-e", "lab", "--yes", "--json")
        assert done.code == 0, done.out + done.err
        steps = [event for event in done.events if event["kind"] in ("step_intended", "step_finished")]
        assert len(steps) == 40, "ten steps on each of two hosts"
        first, last = (datetime.fromisoformat(event["at"]) for event in (steps[0], steps[-1]))
        seconds.append((last - first).total_seconds())
    best, worst = min(seconds), max(seconds)
    tell("ten steps on two hosts", f"{best:.2f} to {worst:.2f} s in five runs (the best at most 1.0)")
    assert best <= 1.0
