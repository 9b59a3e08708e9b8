"""Streams that are closed, full or no longer read: an answer that cannot be handed over is an error, or nobody's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.ends import ENDS, FORMS, READABLE_ERR, READABLE_OUT, House, streams
from tests.source import ROOT

READERS = {
    "list": ("runs", "list"),
    "show": ("runs", "show", "1"),
    "show as JSON": ("runs", "show", "1", "--json"),
    "audit": ("audit", "show", "--json"),
    "actions": ("plan", "-e", "lab"),
    "plan": ("plan", "try", "-e", "lab", "--scripts"),
    "check": ("config", "check"),
}
BARE = (("--version",), ("--help",), ("config", "schema"), ("checklist", "show", "LIST"), ("runs", "--help"))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    built = House(tmp_path, monkeypatch)
    built.ended(ENDS["failed"])
    yield built
    built.close()


def expected(form: str) -> int:
    """What a command that only reads ends with."""
    if form in READABLE_OUT or form == "terminal":
        return 0
    return 0 if "reader" in form else 1


@pytest.mark.parametrize("form", [*FORMS, "terminal"])
def test_readers(house: House, form: str, tmp_path: Path) -> None:
    for name, words in READERS.items():
        with streams(form, tmp_path) as written:
            code, err = house(*words), written.err()
        assert code == expected(form), f"{name}: {err}"
        if form in READABLE_ERR and code:
            assert "standard output" in err and "unforeseen" not in err, name
        if "reader gone" in form and form in READABLE_ERR:
            assert "output" not in err, name


def test_the_error_is_a_document_for_programs(house: House, tmp_path: Path) -> None:
    with streams("full", tmp_path) as written:
        assert house("runs", "list", "--json") == 1
        said = json.loads(written.err())["error"]
    assert said["kind"] == "OutputError" and "No space left on device" in said["message"]


def shell(script: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command, which is "$@" in the script, as a process of a shell."""
    return subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-m", "console", *words],
        env={
            **os.environ,
            "XDG_STATE_HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
            "PYTHONPATH": str(ROOT),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
    )


@pytest.mark.parametrize("words", BARE, ids=" ".join)
def test_processes_that_are_given_no_stdout(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "LIST").write_text("# List\n\n- [ ] one\n")
    both = shell(
        '"$@" >&-; echo $? >&2; "$@" >/dev/full; echo $? >&2; "$@" | true; echo ${PIPESTATUS[0]} >&2', tmp_path, *words
    )
    lines = [line for line in both.stderr.splitlines() if line.isdigit() or "standard output" in line]
    assert lines == [
        "Our standard output is closed.",
        "1",
        "Our standard output cannot be written: No space left on device.",
        "1",
        "0",
    ], both.stderr
    assert "Traceback" not in both.stderr and "Exception" not in both.stderr


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "2>/dev/full", "<&- >&- 2>&-"])
def test_processes_keep_their_exit_code_without_the_other_streams(closed: str, tmp_path: Path) -> None:
    """Also no file that is opened later gets the number of a stream that was not there."""
    (tmp_path / "LIST").write_text("# List\n\n- [ ] one\n")
    done = shell(f'"$@" {closed}', tmp_path, "checklist", "show", "LIST")
    assert done.returncode == (1 if ">&- 2" in closed else 0)
    assert done.stderr == ""
    wrong = shell(f'"$@" {closed}', tmp_path, "checklist", "show", "nothing")
    assert (wrong.returncode, wrong.stderr) == (2, "")


def test_a_process_that_follows_a_run_ends_with_the_runs_code_without_its_reader(tmp_path: Path) -> None:
    """In a process of its own: what the interpreter still holds at its end must not change the code."""
    patch = pytest.MonkeyPatch()
    house = House(tmp_path, patch)
    patch.undo()
    run = house.ended(ENDS["lock held"])
    house.close()
    script = (
        '"$@" >&-; echo $? >&2; "$@" >/dev/full; echo $? >&2; "$@" | true; echo ${PIPESTATUS[0]} >&2; '
        '"$@" 2>/dev/full >&-; echo $? >&2; "$@" --json | head -1; echo ${PIPESTATUS[0]} >&2'
    )
    done = shell(script, tmp_path, "runs", "attach", str(run), "--config", str(house.config))
    assert [line for line in done.stderr.splitlines() if line.isdigit()] == ["5"] * 5, done.stderr
    assert done.stderr.count("the lock is held by anna") == 4
    assert json.loads(done.stdout)["kind"] == "run_planned"
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
