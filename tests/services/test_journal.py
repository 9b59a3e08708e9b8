"""The journal's events fold into what everybody shows, and a lost lease ends the writing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.runs import EventKind, Outcome, RunState, fold, start_view
from console.errors import LockHeldError
from console.services.journal import Journal
from console.store.database import Database, open_database
from console.store.leases import Leases
from console.store.runs import Runs
from tests.domain.test_codec import small_plan
from tests.fakes.clock import FakeClock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state")
    yield database
    database.close()


def test_what_a_runner_writes_is_what_everybody_shows(database: Database) -> None:
    store, clock = Runs(database), FakeClock()
    row = store.create(small_plan(), name_suffix="0a1b2c3d", token="t", at=clock.now())
    journal = Journal(store, row.id, clock, Leases(database).take("run-1", "me"))
    journal.note(EventKind.RUN_STARTED)
    journal.intend("link", "web1", attempt=2)
    view = fold(start_view(row), store.events(row.id))
    assert view.steps[0].running
    assert view.steps[0].hosts["web1"].attempt == 2
    journal.started("link", "web1")
    assert journal.output("link", "web1", 0, b"") is None
    journal.output("link", "web1", 0, b"hello ")
    journal.output("link", "web1", 6, b"world")
    journal.need("go on?", ("yes", "no"), step="link")
    view = fold(view, store.events(row.id, view.last_seq))
    assert view.state is RunState.NEEDS_OPERATOR
    assert view.question is not None
    assert view.question.choices == ("yes", "no")
    assert view.steps[0].hosts["web1"].bytes == 11
    journal.finish("link", "web1", outcome=Outcome.FAILED, exit_status=3, detail="no space")
    journal.end(Outcome.FAILED, detail="link failed", offers=("rollback",))
    view = fold(view, store.events(row.id, view.last_seq))
    assert (view.state, view.outcome, view.offers) == (RunState.FINISHED, Outcome.FAILED, ("rollback",))
    assert view.steps[0].outcome is Outcome.FAILED
    assert view.steps[0].hosts["web1"].exit_status == 3
    assert store.output(row.id, "link", "web1") == b"hello world"


def test_a_runner_that_was_replaced_can_state_no_other_intent(database: Database) -> None:
    store, clock, leases = Runs(database), FakeClock(), Leases(database)
    row = store.create(small_plan(), name_suffix="0a1b2c3d", token="t", at=clock.now())
    lease = leases.take("run-1", "me")
    journal = Journal(store, row.id, clock, lease)
    journal.intend("link", "web1")
    leases.take_over(lease, "you")
    with pytest.raises(LockHeldError):
        journal.intend("next", "web1")
    assert [event.step for event in store.events(row.id)] == ["link"]
