"""What is run again, and what never: seen on small suites of their own. And: who asks for a time says so."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import ROOT, Function, Module, modules
from tests.test_budget import must_be_empty

SETTINGS = (
    "[pytest]\naddopts = --strict-markers -p no:cacheprovider -p xdist.plugin\nmarkers =\n    deadline: has one\n"
)
HEAD = """
import pathlib, pytest

def times(name):
    file = pathlib.Path(__file__).with_name(name)
    count = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(count))
    return count

@pytest.fixture
def untidy():
    yield
    assert times("untidy") > 1
"""
WELL = "def test_well(): pass"
SLOW = "@pytest.mark.deadline\ndef test_slow(): assert times('slow') > 1"
NEVER = "@pytest.mark.deadline\ndef test_never(): assert not times('never')"
WRONG = "def test_wrong(): assert times('wrong') > 1"
UNTIDY = "def test_untidy(untidy): pass"
LATE = "@pytest.mark.deadline\ndef test_late(untidy): pass"
DYING = "import os, signal\n@pytest.mark.deadline\ndef test_dying(): os.kill(os.getpid(), signal.SIGKILL)"
UNKNOWN = "@pytest.mark.dedline\ndef test_unknown(): pass"
ENDS = [
    ([WELL, SLOW], 0, "slow"),
    ([WELL, LATE], 0, "late"),
    ([SLOW, NEVER], 1, ""),
    ([SLOW, WRONG], 1, ""),
    ([SLOW, UNTIDY], 1, ""),
    ([SLOW, DYING], 1, ""),
    ([SLOW, UNKNOWN], 1, ""),
    ([], 5, ""),
]


@pytest.mark.parametrize(("tests", "code", "again"), ENDS)
def test_only_what_lacked_time_is_run_again(tmp_path: Path, tests: list[str], code: int, again: str) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_it.py").write_text("\n\n".join([HEAD, *tests]) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.deadlines", "-n", "1"], cwd=tmp_path, capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    last = f"Passed only when run again, alone:\n  test_it.py::test_{again}\n"
    assert done.stdout.endswith(last) is bool(again), done.stdout
    ran = {name: int((tmp_path / name).read_text()) for name in ("slow", "wrong") if (tmp_path / name).exists()}
    # What failed beside anything final is not even tried again.
    assert all(count == 1 for count in ran.values()) or again or NEVER in tests


LIMIT = re.compile(r"monotonic\(\) - \w+ <|took <|answer_time\(")


def marks(thing: Function | Module) -> str:
    """The marks of a test, or of all tests of a module."""
    if isinstance(thing, Module):
        assigned = [each for each in thing.tree.body if isinstance(each, ast.Assign)]
        return "".join(ast.unparse(each) for each in assigned if "pytestmark" in ast.unparse(each.targets[0]))
    return "".join(map(ast.unparse, thing.decorator_list))


def test_a_test_that_asks_for_a_time_has_the_mark() -> None:
    bare = []
    for module in modules("tests"):
        for each in module.functions:
            asserts = [ast.unparse(part.test) for part in ast.walk(each) if isinstance(part, ast.Assert)]
            asks = each.name.startswith("test_") and any(LIMIT.search(text) for text in asserts)
            if asks and not re.search(r"mark\.(deadline|bench|soak)", marks(each) + marks(module)):
                bare.append(f"{module.at(each.lineno)} {each.name}")
    must_be_empty(bare, "a test that a busy machine can fail is marked `deadline`: only those are run again")
