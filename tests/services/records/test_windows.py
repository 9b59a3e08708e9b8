"""Change windows: timed, of one session, found by its followers, audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.policy import Operator
from console.errors import StateError, UsageError
from console.ports import Windows
from console.services.records.audit import Audit
from console.services.records.windows import SessionWindows
from console.store import schema
from console.store.audit import AuditRows
from console.store.database import Database, open_database
from console.store.windows import WindowRows
from tests.fakes.clock import FakeClock

ANA = Operator(uid=1000, login="ana", host="bastion", origin="10.0.0.7")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state")
    yield database
    database.close()


def windows_of(database: Database, clock: FakeClock, session: str = "s1") -> SessionWindows:
    audit = Audit(AuditRows(database), ANA, clock, syslog=Path("/nonexistent"))
    return SessionWindows(WindowRows(database), audit, ANA, session, clock)


def test_a_window_lasts_as_long_as_asked_and_no_longer(database: Database) -> None:
    clock = FakeClock()
    windows: Windows = windows_of(database, clock)
    assert windows.current("production") is None
    opened = windows.open("production")
    assert (opened.until - clock.now()).total_seconds() == 900
    assert windows.current("production") == opened
    assert windows.current("staging") is None
    clock.advance(899)
    assert windows.current("production") == opened
    clock.advance(1)
    assert windows.current("production") is None


def test_a_follower_of_the_session_finds_it_and_others_do_not(database: Database) -> None:
    clock = FakeClock()
    opened = windows_of(database, clock).open("production", 1)
    follower, stranger = windows_of(database, clock), windows_of(database, clock, "s2")
    assert follower.stored("production") == opened
    assert stranger.stored("production") is None
    assert stranger.current("production") is None
    clock.advance(60)
    assert follower.stored("production") is None


def test_opening_again_prolongs_and_closing_closes_for_followers_too(database: Database) -> None:
    clock = FakeClock()
    windows = windows_of(database, clock)
    windows.open("production")
    clock.advance(600)
    again = windows.open("production")
    assert windows.current("production") == windows.stored("production") == again
    windows.close("production")
    assert windows.current("production") is None
    assert windows.stored("production") is None
    windows.close("production")
    audit = Audit(AuditRows(database), ANA, clock, syslog=Path("/nonexistent"))
    actions = [(entry.action, entry.environment) for entry in audit.entries()]
    assert actions == [("window.open", "production")] * 2 + [("window.close", "production")]


def test_leaving_closes_every_window_of_the_session_and_no_other(database: Database) -> None:
    clock = FakeClock()
    mine, other = windows_of(database, clock), windows_of(database, clock, "s2")
    for environment in ("production", "dr"):
        mine.open(environment)
    other.open("production")
    mine.close_all()
    with database.read() as connection:
        left = [(row.environment, row.session) for row in connection.execute(schema.windows.select())]
    assert left == [("production", "s2")]
    assert mine.current("production") is None and mine.current("dr") is None


def test_rows_past_their_end_do_not_pile_up(database: Database) -> None:
    clock = FakeClock()
    for number in range(5):
        windows_of(database, clock, f"s{number}").open("production", 1)
        clock.advance(120)
    with database.read() as connection:
        assert len(connection.execute(schema.windows.select()).all()) == 1


@pytest.mark.parametrize("minutes", [0, -5, 481])
def test_a_window_of_no_or_endless_length_is_refused(database: Database, minutes: int) -> None:
    with pytest.raises(UsageError, match="1 to 480 minutes"):
        windows_of(database, FakeClock()).open("production", minutes)


def test_without_an_audit_no_window_opens(database: Database, tmp_path: Path) -> None:
    windows = windows_of(database, FakeClock())
    (tmp_path / "state" / "state.db").unlink()
    with pytest.raises(StateError, match="audit"):
        windows.open("production")
    assert windows.current("production") is None
