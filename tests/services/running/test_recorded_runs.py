"""Runs that an earlier console recorded: shown to the letter as it showed them, and gone on with where it left them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.documents import Json
from console.domain.runs import Outcome, RunRow, RunState, fold, start_view
from console.present.aftermath import aftermath
from console.present.run_documents import (
    archived_rows,
    changes_document,
    event_document,
    event_line,
    run_document,
    run_state_document,
    run_summary,
)
from console.store.database import open_database
from console.store.runs import RunStore
from tests.services.running.stage import HOSTS, Stage
from tests.waiting import eventually

DATA = Path(__file__).parents[2] / "data"
PLACE = "/srv/recorded"
"""Where the recorded hosts' directories were; a test that goes on with a run puts its own there."""
WAITING = 4


def restore(state: Path, *, place: str = PLACE) -> None:
    """The recorded database as a file in `state`."""
    state.mkdir(mode=0o700)
    file = state / "state.db"
    file.touch(mode=0o600)
    with sqlite3.connect(file) as connection:
        connection.executescript((DATA / "recorded_runs.sql").read_text().replace(PLACE, place))
    connection.close()


def shown(store: RunStore, row: RunRow) -> dict[str, Json]:
    """Everything that is printed of a run, for people and for programs."""
    events = store.events(row.id)
    view = fold(start_view(row), events)
    return {
        "run": run_document(row, view),
        "summary": run_summary(row, view),
        "state": run_state_document(view),
        "changes": changes_document(view, events),
        "archives": list(archived_rows(events)),
        "events": [event_document(event) for event in events],
        "lines": [event_line(event) for event in events],
        "aftermath": list(aftermath(row, view, events)),
        "held_by": view.held_by,
        "gate": {**view.gate, "decision": view.gate_decision},
    }


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    restore(tmp_path / "state", place=str(tmp_path))
    for host in HOSTS:
        # What the recorded runs had left on the hosts.
        for name in ("3", "4", "5"):
            (tmp_path / host / "releases" / name).mkdir(parents=True)
        (tmp_path / host / "current").symlink_to("releases/4")
    made = Stage(tmp_path)
    yield made
    made.close()


def test_recorded_runs_are_shown_as_they_were(tmp_path: Path) -> None:
    restore(tmp_path / "state")
    database = open_database(tmp_path / "state")
    try:
        store = RunStore(database)
        found = {str(row.id): shown(store, row) for row in store.runs()}
    finally:
        database.close()
    expected = json.loads((DATA / "recorded_runs.json").read_text())
    assert found.keys() == expected.keys()
    for run, document in found.items():
        # The text too: key order is not part of it, but 1 and 1.0 and true are.
        assert json.dumps(document, sort_keys=True) == json.dumps(expected[run], sort_keys=True), run


def test_a_recorded_run_that_waits_is_gone_on_with_to_its_end(stage: Stage) -> None:
    before = len(stage.store.events(WAITING))
    assert stage.view(WAITING).state is RunState.NEEDS_OPERATOR
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(stage.runner(WAITING).run()), daemon=True)
    thread.start()
    eventually(lambda: len(stage.store.events(WAITING)) > before)
    eventually(lambda: stage.view(WAITING).question is not None)
    stage.store.ask(WAITING, who="anna", kind="answer", body="no", at=stage.clock.now())
    thread.join(30)
    view = stage.view(WAITING)
    assert (codes, view.outcome, view.detail) == ([0], Outcome.OK, "the gate passed")
    talk = next(step for step in view.steps if step.name == "talk")
    # The first answer is the one that the earlier runner noted.
    assert talk.hosts[""].detail == "ok ok yes no"
    begun = stage.output(WAITING, "talk", "").splitlines()
    assert [line for line in begun if "begins" in line][-1].endswith("begins with {'first': 'yes'}")
    kinds = stage.kinds(WAITING)[before:]
    # What had ended is not done again: of what follows the talk, `link` and `look` on two hosts each.
    assert kinds.count("step_intended") == 4
    assert [stage.current(host) for host in HOSTS] == ["5", "5"]


def test_what_a_newer_console_wrote_into_a_run_is_shown_as_it_is(tmp_path: Path) -> None:
    restore(tmp_path / "state")
    database = open_database(tmp_path / "state")
    try:
        store = RunStore(database)
        row = store.run(WAITING)
        before = fold(start_view(row), store.events(WAITING))
        number = before.last_seq + 1
        with sqlite3.connect(database.path) as connection:
            for seq, kind, data in (
                (number, "moon_sampled", {"phase": 3, "who": "anna"}),
                (number + 1, "run_finished", {"outcome": "postponed", "detail": "until the full moon", "until": 4}),
            ):
                values = (WAITING, seq, "2026-12-01T00:00:00.000000Z", kind, "", "web1", json.dumps(data))
                connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        connection.close()
        moon, end = store.events(WAITING, before.last_seq)
        assert event_line(moon) == "00:00:00 moon sampled on web1"
        assert event_document(moon)["phase"] == 3
        assert event_document(end)["outcome"] == "postponed" and event_document(end)["until"] == 4
        view = fold(before, (moon, end))
        # It has ended, and not well as far as this console can tell.
        assert (view.state, view.outcome) == (RunState.FINISHED, Outcome.UNKNOWN)
        assert run_document(row, view)["detail"] == "until the full moon"
    finally:
        database.close()
