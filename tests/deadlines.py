"""Runs the suite (`python -m tests.deadlines`, with pytest's own arguments), and runs again what only lacked time.

A test with the mark `deadline` asks for something within a time that a busy machine may not grant. When nothing but
such tests failed, they are run once more, alone; those that passed only then are named at the very end. Any other
failure is final. Owns that decision and the exit code, which is pytest's. Must not know any test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

MARK = "deadline"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the one option of this plugin."""
    parser.addoption("--failures-to", default="", help="A file to note each failure in, as JSON lines.")


def pytest_configure(config: pytest.Config) -> None:
    """Notes failures where the reports of all workers come together."""
    target = config.getoption("--failures-to")
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Notes(Path(target)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Sends the mark along with the report: whoever collects the reports may not know the test."""
    report = yield
    if item.get_closest_marker(MARK):
        report.user_properties.append((MARK, True))
    return report


class _Notes:
    """Writes down what failed. A worker that died reports its test without a mark, so that this is final."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._note(report.nodeid, (MARK, True) in report.user_properties)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._note(report.nodeid, False)

    def _note(self, test: str, has_deadline: bool) -> None:
        with self._target.open("a") as file:
            file.write(json.dumps([test, has_deadline]) + "\n")


def run(arguments: Sequence[str]) -> int:
    """Runs pytest, and what may be run again; the exit code."""
    with tempfile.TemporaryDirectory() as directory:
        notes = Path(directory, "failures")
        notes.touch()
        # As one word: pytest would take a path that stands by itself for something to test.
        code = _pytest("-p", "tests.deadlines", f"--failures-to={notes}", *arguments)
        failures = dict(json.loads(line) for line in notes.read_text().splitlines())
    if code != pytest.ExitCode.TESTS_FAILED or not failures or not all(failures.values()):
        return code
    names = sorted(failures)
    print(f"\nOnly tests with a deadline failed. Once more, alone: {len(names)}", flush=True)
    code = _pytest("-n", "0", "-p", "no:randomly", *names)
    if code == 0:
        print("\nPassed only when run again, alone:\n  " + "\n  ".join(names), flush=True)
    return code


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
