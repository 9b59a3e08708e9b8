"""What the screen costs while nobody does anything: six live panes, workers stopped, every source polled."""

from __future__ import annotations

import time

import pytest

from tests.figures.conftest import Programs, alive
from tests.figures.paint import tell
from tests.lab.world import Lab
from tests.terminal.session import processor_seconds

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
SETTLE, WINDOW = 30.0, 60.0


def test_six_live_panes_idle(programs: Programs, seeded: Lab) -> None:
    with programs.screen() as screen, programs.small() as small:
        screen.wait_for(alive, 60)
        time.sleep(SETTLE)
        begun = time.monotonic()
        before = [processor_seconds(each.pid) for each in (screen, small)]
        time.sleep(WINDOW)
        seconds = time.monotonic() - begun
        figure, anchor = (
            (processor_seconds(each.pid) - used) / seconds * 100
            for each, used in zip((screen, small), before, strict=True)
        )
        rate = screen.written_since(begun) / seconds
        assert alive(screen.text)
    tell(
        "six live panes idle",
        f"{figure:.1f} % of a core (at most 3), {rate / 1000:.2f} kB/s (at most 4); "
        f"empty Textual app {anchor:.1f} %; mean of {seconds:.0f} s",
    )
    assert figure <= 3
    assert rate <= 4096
