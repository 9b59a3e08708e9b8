"""What a command on an open connection and a page of a large table take, while the screen polls beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.figures.conftest import Programs, alive
from tests.figures.paint import tell
from tests.lab import seeding
from tests.lab.world import Lab
from tests.terminal.session import Terminal

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
ROWS = 100_000


def test_exec_and_the_first_page_of_a_hundred_thousand(programs: Programs, seeded: Lab) -> None:
    seeding.bulk_failed(seeded, ROWS)
    config = str(programs.command.config)
    words = [str(programs.program.with_name("python")), str(Path(__file__).with_name("asking.py")), config]
    with programs.screen() as screen:
        screen.wait_for(alive, 60)
        with Terminal([*words, seeded.ssh_key], width=240, env=programs.command.environment) as asking:
            asking.wait_for("}", 120)
            found = json.loads(next(line for line in asking.lines if "total" in line))
        assert alive(screen.text)
    assert found["total"] == ROWS
    tell(
        "exec of true",
        f"p50 {found['exec']:.1f} ms on an open connection (at most 6); plain paramiko {found['paramiko']:.1f} ms",
    )
    tell(
        "first page of 100,000 failed jobs",
        f"p50 {found['page']:.0f} ms (at most 100); a round trip to the database {found['trip']:.1f} ms",
    )
    assert found["exec"] <= 6
    assert found["page"] <= 100
