"""The first milestone's figures, each beside its anchor in one run: the installed wheel in a real terminal, polling
the test world. Only by `make bench`, on a machine that does nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.reading import load_config, opened
from tests.bench.measure import cost, middle, percentile, report, times, typed_to_painted
from tests.end_to_end.command import Command
from tests.lab import seeding
from tests.lab.world import Lab
from tests.source import ROOT
from tests.terminal.session import Terminal
from tests.wheel import install

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
TYPED = "qwertyuiopasdfghjklmnbvcxzqwertyuiopasdf"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def console(lab: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command on the world with stopped workers and jobs in every state; discovery is remembered."""
    lab.workers("stop")
    lab.clear_queues()
    seeding.seed(lab)
    command = Command(lab.write_config(tmp_path / "config"), tmp_path / "home", mark=lab.world.root)
    command.read("status")
    yield command
    lab.clear_queues()
    lab.workers("start")


def screen(program: Path, console: Command) -> Terminal:
    return Terminal([str(program)], env=console.environment, cwd=console.home)


def anchor() -> Terminal:
    return Terminal([sys.executable, str(ROOT / "tests/bench/anchor.py")])


def test_first_paint(program: Path, console: Command) -> None:
    ours, hello = [], []
    for _ in range(7):
        with anchor() as terminal:
            terminal.wait_for("hello, terminal", 30)
            hello.append(terminal.painted_at("hello, terminal"))
        with screen(program, console) as terminal:
            terminal.wait_for("2 Queues", 30)
            ours.append(terminal.painted_at("2 Queues"))
    ratio = middle(ours) / middle(hello)
    report(
        "first paint of the frame",
        f"{middle(ours) * 1000:.0f} ms = {ratio:.2f} x",
        "<= 2 x",
        f"{middle(hello) * 1000:.0f} ms",
    )
    assert ratio <= 2


def test_idle_cost(program: Path, console: Command) -> None:
    with anchor() as terminal:
        terminal.wait_for("hello, terminal", 30)
        time.sleep(3)
        still, _ = cost(terminal, 10)
    with screen(program, console) as terminal:
        terminal.wait_for("reports", 60)
        time.sleep(30)
        share, written = cost(terminal, 60)
    report("six live panes idle", f"{share:.1%}, {written / 1024:.2f} KB/s", "3 %, 4 KB/s", f"{still:.1%}")
    assert share <= 0.03 and written <= 4096


def test_keys_under_a_log_flood(program: Path, console: Command, lab: Lab) -> None:
    with anchor() as terminal:
        terminal.wait_for("hello, terminal", 30)
        empty = typed_to_painted(terminal, TYPED, "", 0.12)
    with screen(program, console) as terminal, seeding.LogWriter(lab.node1, 10_000):
        terminal.wait_for("reports", 60)
        terminal.wait_for("order", 30)
        time.sleep(3)
        terminal.press(":")
        terminal.wait_for(lambda text: any(line.lstrip().startswith(":") for line in text.splitlines()), 10)
        ours = typed_to_painted(terminal, TYPED, "", 0.12)
    value = f"p50 {percentile(ours, 0.5) * 1000:.0f}, p95 {percentile(ours, 0.95) * 1000:.0f} ms"
    report("key to paint, 10,000 log lines/s", value, "p95 <= 50 ms", f"p95 {percentile(empty, 0.95) * 1000:.0f} ms")
    assert percentile(ours, 0.95) <= 0.05


def test_a_command_on_an_open_connection(console: Command, lab: Lab) -> None:
    config = load_config(console.config)
    with opened(config, config.environment("lab")) as one:
        shell = one.reach.shell("web1")
        shell.connect()
        ours = times(lambda: shell.run("true"), 200)
    plain = times(lambda: lab.ssh(lab.node1, "true"), 5)
    report(
        "`true` on an open connection",
        f"p50 {middle(ours) * 1000:.1f} ms",
        "<= 6 ms",
        f"ssh {middle(plain) * 1000:.0f} ms",
    )
    assert middle(ours) <= 0.006


def test_the_first_page_of_many_failed_jobs(console: Command, lab: Lab) -> None:
    seeding.bulk_failed(lab, 100_000)
    config = load_config(console.config)
    with opened(config, config.environment("lab")) as one:
        one.sources.app.read()
        sql = one.reach.sql("")
        trip = times(lambda: sql.query("select 1"), 50)
        ours = []
        for _ in range(9):
            # A source that has read nothing yet: later reads of the same one are cheaper still.
            from console.wiring.reading import build_sources

            again = build_sources(one.reach, clock=one.clock)
            again.app.read()
            source = next(each for each in (*again.steady, *again.found()) if each.name == "failed")
            began = time.perf_counter()
            assert source.read()
            ours.append(time.perf_counter() - began)
    report(
        "first page of 100,000 failed jobs",
        f"{middle(ours) * 1000:.0f} ms",
        "<= 100 ms",
        f"round trip {middle(trip) * 1000:.1f} ms",
    )
    assert middle(ours) <= 0.1


def test_status(program: Path, console: Command) -> None:
    def ask(*words: str) -> None:
        subprocess.run(words, env=console.environment, check=True, capture_output=True)

    ours = times(lambda: ask(str(program), "status", "-e", "lab", "--json"), 7)
    plain = times(lambda: ask(sys.executable, "-c", "pass"), 7)
    report(
        "status --json of one environment", f"{middle(ours):.2f} s", "<= 1.5 s", f"python {middle(plain) * 1000:.0f} ms"
    )
    assert middle(ours) <= 1.5
