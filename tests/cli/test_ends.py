"""Exit codes and reasons hold on every path: the ends of a run × the forms of a command's output.

Whoever follows a run ends with the run's own code whatever becomes of the output, and says why the run ended wherever
somebody can still read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.domain.runs import EventKind
from tests.cli.ends import ENDS, FORMS, READABLE_ERR, READABLE_OUT, UUID, House, finished, streams


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    built = House(tmp_path, monkeypatch)
    yield built
    built.close()


COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "try", "-e", "lab", "--yes"),
    "retry": ("failed", "retry", UUID, "-e", "lab", "--yes"),
    "attach": ("runs", "attach", "RUN"),
    "resume": ("runs", "resume", "RUN"),
}
ALL = {**COMMANDS, "forget": ("failed", "forget", UUID, "-e", "lab", "--yes")}

CELLS = [*((form, False) for form in (*FORMS, "terminal")), ("file", True), ("reader gone", True), ("terminal", True)]
"""JSON where somebody reads it or has read a part: a stream that takes nothing takes no form either."""


def called(house: House, command: str, end: str, form: str, directory: Path, *more: str) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a command whose run ends so."""
    house.end = ENDS[end]
    words = [*ALL[command], *more]
    if command == "attach":
        words[2] = str(house.ended(ENDS[end]))
    if command == "resume":
        words[2] = str(house.confirmed())
    with streams(form, directory) as written:
        code = house(*words)
        return code, written.out(), written.err()


FOLLOWED_ALIKE = ("attach", "resume")
"""They follow a run with what `run` follows it with: of these a few forms in each run of the tests, all in the soak."""
FEW = {"file", "both readers gone", "stderr full", "terminal"}
TABLE = [
    pytest.param(
        command,
        form,
        as_json,
        id=f"{command}-{form}-{'json' if as_json else 'text'}",
        marks=[pytest.mark.soak] if command in FOLLOWED_ALIKE and form not in FEW else [],
    )
    for command in COMMANDS
    for form, as_json in CELLS
]


@pytest.mark.parametrize(("command", "form", "as_json"), TABLE)
def test_the_code_and_the_reason_of_every_end(
    house: House, command: str, form: str, as_json: bool, tmp_path: Path
) -> None:
    wrong = []
    for name, end in ENDS.items():
        code, out, err = called(house, command, name, form, tmp_path, *(["--json"] if as_json else []))
        if code != end.code:
            wrong.append(f"{name}: ended with {code}, not {end.code}: {err}")
        if "unforeseen" in err or "Traceback" in err:
            wrong.append(f"{name}: {err}")
        if end.code and form in {*READABLE_ERR, "terminal"} and end.reason not in err:
            wrong.append(f"{name}: stderr does not say why: {err}")
        if end.code and form in {*READABLE_OUT, "terminal"} and as_json and end.reason not in out:
            wrong.append(f"{name}: stdout does not say why: {out}")
    assert wrong == []


@pytest.mark.parametrize("command", ["retry", "forget"])
def test_a_run_that_came_to_no_job_says_so_in_its_document(house: House, command: str, tmp_path: Path) -> None:
    for name, end in ENDS.items():
        code, out, _ = called(house, command, name, "file", tmp_path, "--json")
        document: dict[str, Any] = json.loads(out)
        assert (code, document["results"]) == (end.code, [])
        assert document["outcome"] == dict(end.events).get(EventKind.RUN_FINISHED, {}).get("outcome")
        assert end.reason in document["detail"]
        assert isinstance(document["run"], int) and document["environment"] == "lab"


@pytest.mark.parametrize("command", ["retry", "forget"])
def test_without_results_a_person_learns_whether_jobs_were_touched(house: House, command: str, tmp_path: Path) -> None:
    _, _, err = called(house, command, "lock held", "file", tmp_path)
    assert "ended failed: the lock is held by anna" in err and "No job was touched." in err
    begun = (EventKind.STEP_INTENDED, {"attempt": 1})
    house.end = finished("failed", 1, "step retry failed", begun)
    with streams("file", tmp_path) as written:
        assert house(*ALL[command]) == 1
        assert "is not known" in written.err()


@pytest.mark.parametrize("form", [*FORMS, "terminal"])
def test_a_refused_plan_runs_nothing_and_says_why(house: House, form: str, tmp_path: Path) -> None:
    for words in (("run", "needy", "--yes"), ("plan", "needy")):
        with streams(form, tmp_path) as written:
            assert house(*words, "-e", "lab") == 7
            assert form not in READABLE_ERR or "needs workers" in written.err()
    assert house.stage.store.runs() == ()


@pytest.mark.parametrize("form", FORMS)
def test_without_a_terminal_a_run_wants_its_options(house: House, form: str, tmp_path: Path) -> None:
    """A plan that can be shown is refused for want of an answer; one that cannot is not asked about."""
    with streams(form, tmp_path) as written:
        code = house("run", "try", "-e", "lab")
        assert code == (7 if form in READABLE_OUT else 1)
        assert form not in READABLE_ERR or ("--yes" if code == 7 else "Nothing was changed.") in written.err()
    assert house.stage.store.runs() == ()


@pytest.mark.parametrize("form", [*FORMS, "terminal"])
def test_a_runner_that_cannot_be_started_is_told_with_its_run(house: House, form: str, tmp_path: Path) -> None:
    house.unstartable = True
    with streams(form, tmp_path) as written:
        assert house("run", "try", "-e", "lab", "--yes") == 1
        assert form not in READABLE_ERR or "The runner of run 1 could not be started" in written.err()


@pytest.mark.parametrize("form", [*FORMS, "terminal"])
def test_a_run_that_was_left_running_ends_with_0_and_names_itself(house: House, form: str, tmp_path: Path) -> None:
    with streams(form, tmp_path) as written:
        assert house("run", "try", "-e", "lab", "--yes", "--detach") == 0
        assert form not in READABLE_ERR or "runs attach 1" in written.err()
        assert form not in READABLE_OUT or written.out().endswith("run 1\n")
    assert len(house.stage.store.runs()) == 1


def test_a_full_stdout_is_told_once(house: House, tmp_path: Path) -> None:
    code, _, err = called(house, "run", "failed", "full", tmp_path)
    assert code == 1
    assert err.count("No space left on device") == 1
    code, _, err = called(house, "run", "failed", "reader gone", tmp_path)
    assert code == 1 and "reader" not in err and "Broken" not in err


def test_what_a_run_asks_is_told_to_whoever_waits_for_its_results(house: House, tmp_path: Path) -> None:
    for command in COMMANDS:
        _, _, err = called(house, command, "asking without a runner", "file", tmp_path)
        assert "Did the step one do its work?" in err and "WORD is one of: done, failed" in err
