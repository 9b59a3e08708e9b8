"""How long it takes to read the history of a log, beside `ssh HOST cat`, and how much memory."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.figures.conftest import Programs
from tests.figures.paint import tell
from tests.lab import long_logs
from tests.lab.world import Lab

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
TIMES = 5
SINCE = "2026-01-05T09:00:00Z"


@pytest.fixture
def long(lab: Lab) -> Iterator[list[bytes]]:
    """160 MB in 400,000 records on one host, 4,000 records on the other; all lines in order."""
    lines = long_logs.write(lab, 400_000, 4_000)
    yield lines
    long_logs.remove(lab)


def took(argv: list[str], programs: Programs, out: Path) -> tuple[float, int]:
    """Seconds of a call, and the most memory it was seen to hold, in bytes."""
    begun, most = time.perf_counter(), 0
    with out.open("wb") as file:
        process = subprocess.Popen(
            argv, env=programs.command.environment, cwd=programs.command.home, stdin=subprocess.DEVNULL, stdout=file
        )
        # What the kernel counts for a process that has ended includes what its parent held when it was forked.
        while process.poll() is None:
            most = max(most, held(process.pid))
            time.sleep(0.01)
    assert process.returncode == 0
    return time.perf_counter() - begun, most


def held(pid: int) -> int:
    """The most memory that a process has held, in bytes; 0 when it just ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


@pytest.mark.parametrize(("form", "most"), [("--raw", 3.0), ("--json", 8.0), ("", 8.0)])
def test_all_lines_of_two_hosts(
    programs: Programs, lab: Lab, long: list[bytes], tmp_path: Path, form: str, most: float
) -> None:
    long_logs.configure(programs.command.config)
    anchor_words = ["ssh", "-F", lab.ssh_config, "-c", "aes128-gcm@openssh.com", "lab-node1"]
    anchor_words.append(f"cat {lab.node1.log.with_name(long_logs.NAME)}")
    words = [str(programs.program), "logs", "-e", "lab", "--since", SINCE, *([form] if form else [])]
    whole = tmp_path / "whole"
    _, memory = took(words, programs, whole)
    if form == "--raw":
        assert whole.read_bytes() == b"".join(long)
    assert whole.read_bytes().count(b"\n") - (form == "") == len(long)
    nowhere = Path(os.devnull)
    pairs = [(took(anchor_words, programs, nowhere)[0], took(words, programs, nowhere)[0]) for _ in range(TIMES)]
    anchor, figure = (statistics.median(times) for times in zip(*pairs, strict=True))
    tell(
        f"logs --since of 404,000 lines, {form or 'text'}",
        f"{figure:.2f} s, `ssh HOST cat` {anchor:.2f} s, ratio {figure / anchor:.1f} (at most {most:g}), "
        f"{memory / 1e6:.0f} MB (at most 150)",
    )
    assert memory <= 150_000_000
    assert figure / anchor <= most
