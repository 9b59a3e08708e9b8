"""How long one waits: for the first frame of the screen, and for one page of everything."""

from __future__ import annotations

import statistics
import subprocess
import time

import pytest

from tests.figures.conftest import Programs, whole
from tests.figures.paint import tell
from tests.lab.world import Lab

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
TIMES = 9


def test_first_paint_of_the_frame_takes_at_most_twice_a_hello_world(programs: Programs) -> None:
    def frame() -> float:
        with programs.screen() as terminal:
            terminal.wait_for(whole, 20)
            return terminal.painted_at(whole)

    def hello() -> float:
        with programs.small() as terminal:
            terminal.wait_for("hello world", 20)
            return terminal.painted_at("hello world")

    hello(), frame()
    pairs = [(hello(), frame()) for _ in range(TIMES)]
    anchor, figure = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = figure / anchor
    tell(
        "first paint",
        f"frame {figure * 1000:.0f} ms, Textual hello {anchor * 1000:.0f} ms, ratio {ratio:.2f} (at most 2)",
    )
    assert ratio <= 2


def test_status_of_one_environment_takes_at_most_a_second_and_a_half(programs: Programs, lab: Lab) -> None:
    words = [str(programs.program), "status", "-e", "lab", "--json"]
    anchor_words = ["ssh", "-F", lab.ssh_config, "lab-node1", "true"]

    def took(argv: list[str]) -> float:
        begun = time.perf_counter()
        done = subprocess.run(
            argv, env=programs.command.environment, cwd=programs.command.home, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - begun

    took(words), took(anchor_words)
    pairs = [(took(anchor_words), took(words)) for _ in range(TIMES)]
    anchor, figure = (statistics.median(times) for times in zip(*pairs, strict=True))
    tell(
        "status --json of one environment",
        f"{figure:.2f} s (at most 1.5), `ssh HOST true` {anchor:.2f} s",
    )
    assert figure <= 1.5
