"""Read-only sessions: SQLite files from here, MariaDB through a host's SSH connection."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.clients import sql_sessions
from console.clients.names import Resolver
from console.clients.sockets import dial
from console.clients.sql import SqlClient
from console.clients.ssh import SshShell
from console.domain.environment import Host, SqlTarget, SshTarget, Via
from console.domain.redact import Secret
from console.errors import AuthenticationError, DeadlineError, QueryError, UnreachableError
from console.ports import TunnelSocket
from console.services.threads.loop import SystemClock
from tests.lab.world import Lab
from tests.waiting import eventually, works


def no_tunnel(host: str, port: int, limit: float) -> TunnelSocket:
    raise AssertionError("nothing may be tunnelled here")


def client(target: SqlTarget, tunnel: Callable[[str, int, float], TunnelSocket] = no_tunnel) -> SqlClient:
    return SqlClient("shop: main", target=lambda: target, tunnel=tunnel, clock=SystemClock())


# --- SQLite ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "it's a #db?.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, queue TEXT, payload BLOB)")
        rows = [(n, "default" if n % 2 else "high", b"\0\xff") for n in range(1, 6)]
        connection.executemany("INSERT INTO jobs VALUES (?, ?, ?)", rows)
    connection.close()
    return path


def sqlite(file: Path) -> SqlClient:
    return client(SqlTarget(driver="sqlite", file=str(file), via=Via.DIRECT))


def test_sqlite_rows_come_as_tuples_and_names_and_lists_are_bound(file: Path) -> None:
    session = sqlite(file)
    assert session.dialect == "sqlite"
    assert session.query("SELECT id, queue, payload FROM jobs WHERE id = :id", {"id": 2}) == [(2, "high", b"\0\xff")]
    assert session.query("SELECT id FROM jobs WHERE id IN :ids ORDER BY id", {"ids": [1, 3, 9]}) == [(1,), (3,)]
    assert session.query("SELECT id FROM jobs WHERE queue = :q", {"q": "'; DROP TABLE jobs --"}) == []
    assert session.query("SELECT id FROM jobs WHERE id IN :ids", {"ids": []}) == []
    assert session.query("SELECT 'a % :b', :id, :id_more", {"id": "50 %", "id_more": None}) == [
        ("a % :b", "50 %", None)
    ]
    session.close()


def test_sqlite_cannot_be_written(file: Path) -> None:
    session = sqlite(file)
    for statement in ("DELETE FROM jobs", "PRAGMA query_only = 0; ", "CREATE TABLE x (y)"):
        try:
            session.query(statement)
        except QueryError:
            pass
    with pytest.raises(QueryError, match="readonly"):
        session.query("DELETE FROM jobs")
    assert session.query("SELECT count(*) FROM jobs") == [(5,)]
    session.close()


def test_a_missing_sqlite_file_is_unreachable_and_not_made(tmp_path: Path) -> None:
    session = sqlite(tmp_path / "none.sqlite")
    with pytest.raises(UnreachableError, match="cannot be opened"):
        session.query("SELECT 1")
    assert not (tmp_path / "none.sqlite").exists()


def test_a_wrong_statement_says_what_the_database_says_and_the_session_stays(file: Path) -> None:
    session = sqlite(file)
    with pytest.raises(QueryError, match="no such table: nope"):
        session.query("SELECT * FROM nope")
    assert session.query("SELECT 1") == [(1,)]
    session.close()


@pytest.mark.deadline
def test_a_long_sqlite_statement_meets_its_deadline(file: Path) -> None:
    session = sqlite(file)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    begun = time.monotonic()
    with pytest.raises(DeadlineError):
        session.query(endless, deadline=0.3)
    assert time.monotonic() - begun < 3
    assert session.query("SELECT 1") == [(1,)]
    session.close()


@pytest.mark.deadline
def test_close_from_another_thread_ends_a_running_statement(file: Path) -> None:
    session = sqlite(file)
    session.query("SELECT 1")
    threading.Timer(0.2, session.close).start()
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    begun = time.monotonic()
    with pytest.raises((DeadlineError, UnreachableError)):
        session.query(endless, deadline=20)
    assert time.monotonic() - begun < 5


def test_another_kind_of_database_is_refused_by_its_name() -> None:
    with pytest.raises(QueryError, match="'pgsql' cannot be read yet"):
        client(SqlTarget(driver="pgsql", host="db")).query("SELECT 1")


# --- MariaDB ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(lab: Lab) -> Iterator[SshShell]:
    made = SshShell(Host(name="web1", ssh=SshTarget(alias="lab-node1")), clock=SystemClock(), ssh_config=lab.ssh_config)
    yield made
    made.close()


def target_of(lab: Lab, **changes: object) -> SqlTarget:
    db = lab.db
    target = SqlTarget(
        driver="mysql", host=db.host, port=db.port, database=db.name, user=db.user, password=Secret(db.password)
    )
    return replace(target, **changes)  # type: ignore[arg-type]


@pytest.fixture
def session(lab: Lab, shell: SshShell) -> Iterator[SqlClient]:
    made = client(target_of(lab), lambda host, port, limit: shell.tunnel(host, port, deadline=limit))
    yield made
    made.close()


def test_mariadb_is_read_through_the_host(session: SqlClient) -> None:
    assert session.dialect == "mariadb"
    assert session.query("SELECT :a + 1, :b, :c", {"a": 2, "b": "ü'\\%", "c": b"\xff"}) == [(3, "ü'\\%", b"\xff")]
    assert session.query("SELECT 5 IN :n, 9 IN :n", {"n": (5, 6)}) == [(1, 0)]
    assert session.query("SELECT '100%'") == [("100%",)]


def test_mariadb_binds_names_and_lists_and_leaves_the_rest_alone(session: SqlClient) -> None:
    words = {"id": "50 %(x)s '\\ \x1b", "id_more": None, "ids": [1, "b"], "none": (), "raw": b"\0'"}
    statement = "SELECT 'a % :b', :id, :id_more, 'b' IN :ids, 'c' IN :ids, count(*) FROM dual WHERE 1 IN :none"
    assert session.query(statement, words) == [("a % :b", "50 %(x)s '\\ \x1b", None, 1, 0, 0)]
    assert session.query("SELECT :raw, '%'", words) == [(b"\0'", "%")]


def test_a_unix_socket_on_the_host_works_too(lab: Lab, shell: SshShell) -> None:
    target = target_of(lab, host="", socket=lab.db.socket)
    made = client(target, lambda host, port, limit: shell.tunnel(host, port, deadline=limit))
    assert made.query("SELECT 1") == [(1,)]
    made.close()


def test_the_session_is_read_only_impatient_and_holds_no_transaction(session: SqlClient, lab: Lab) -> None:
    with pytest.raises(QueryError, match="READ ONLY"):
        session.query("UPDATE jobs SET queue = 'x'")
    found = session.query("SELECT @@autocommit, @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@max_statement_time")
    assert found[0][:3] == (1, 2, 2)
    limit = found[0][3]
    assert isinstance(limit, float) and 4 < limit <= 6
    session.query("SELECT count(*) FROM jobs")
    assert lab.sql("SELECT count(*) FROM information_schema.innodb_trx") == [(0,)]


def test_times_are_told_in_the_zone_that_the_application_sets(lab: Lab, shell: SshShell) -> None:
    """A TIMESTAMP is told in the session's zone; the application's may differ from the server's."""
    [(server,)] = lab.sql("SELECT @@global.time_zone")
    for zone, hour in (("+00:00", 0), ("-05:30", 18), ("", None)):
        made = client(target_of(lab, timezone=zone), lambda host, port, limit: shell.tunnel(host, port, deadline=limit))
        told, theirs = made.query("SELECT hour(from_unixtime(86400 * 365)), @@session.time_zone")[0]
        assert theirs == (zone or server)
        assert hour in (None, told)
        made.close()
    made = client(
        target_of(lab, timezone="UTC'; x"), lambda host, port, limit: shell.tunnel(host, port, deadline=limit)
    )
    with pytest.raises(QueryError, match="cannot be one"):
        made.query("SELECT 1")
    made.close()


@pytest.mark.deadline
def test_a_schema_change_is_not_held_up_by_polling(session: SqlClient, lab: Lab) -> None:
    lab.sql("CREATE TABLE IF NOT EXISTS polled (id INT)")
    session.query("SELECT * FROM polled")
    begun = time.monotonic()
    lab.sql("ALTER TABLE polled ADD COLUMN more INT")
    assert time.monotonic() - begun < 2
    lab.sql("DROP TABLE polled")


@pytest.mark.deadline
def test_the_server_ends_a_long_statement_and_the_session_stays(session: SqlClient) -> None:
    connection = session.query("SELECT connection_id()")
    begun = time.monotonic()
    with pytest.raises(DeadlineError):
        session.query("SELECT SLEEP(30)", deadline=0.5)
    assert time.monotonic() - begun < 3
    assert session.query("SELECT connection_id()") == connection


@pytest.mark.deadline
def test_a_statement_the_server_does_not_end_is_killed(
    session: SqlClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_sessions.MySqlSession, "_bound", lambda self, allowed: None)
    begun = time.monotonic()
    with pytest.raises(DeadlineError):
        session.query("SELECT SLEEP(60) /* to be killed */", deadline=0.5)
    assert time.monotonic() - begun < 4
    running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(60)%'"
    eventually(lambda: lab.sql(running) == [(0,)], 5, otherwise="the statement goes on at the server")
    assert session.query("SELECT 1") == [(1,)]


def test_a_session_the_server_ended_is_made_again_without_an_error(session: SqlClient, lab: Lab) -> None:
    ((number,),) = session.query("SELECT connection_id()")
    lab.sql(f"KILL {number}")
    ((again,),) = session.query("SELECT connection_id()")
    assert again != number


def test_a_refused_password_is_an_error_without_the_password(lab: Lab, shell: SshShell) -> None:
    refused: list[bool] = []
    made = SqlClient(
        "shop: main",
        target=lambda: target_of(lab, password=Secret("wrong-password-x")),
        tunnel=lambda host, port, limit: shell.tunnel(host, port, deadline=limit),
        clock=SystemClock(),
        denied=lambda: refused.append(True),
    )
    with pytest.raises(AuthenticationError, match="refused to let us in") as caught:
        made.query("SELECT 1")
    assert refused == [True]
    assert "wrong-password-x" not in str(caught.value)


def test_a_database_nobody_serves_is_unreachable(lab: Lab, shell: SshShell) -> None:
    made = client(target_of(lab, port=1), lambda host, port, limit: shell.tunnel(host, port, deadline=limit))
    with pytest.raises(UnreachableError, match="cannot reach"):
        made.query("SELECT 1")


def test_direct_reaches_from_here(lab: Lab) -> None:
    made = client(target_of(lab, via=Via.DIRECT))
    assert made.query("SELECT 1") == [(1,)]
    made.close()
    with pytest.raises(UnreachableError):
        dial("127.0.0.1", 1, Resolver(), limit=1, label="x")


@pytest.mark.deadline
def test_a_stopped_database_is_noticed_and_recovers(lab_alone: Lab) -> None:
    shell = SshShell(
        Host(name="web1", ssh=SshTarget(alias="lab-node1")), clock=SystemClock(), ssh_config=lab_alone.ssh_config
    )
    made = client(target_of(lab_alone), lambda host, port, limit: shell.tunnel(host, port, deadline=limit))
    assert made.query("SELECT 1") == [(1,)]
    lab_alone.pause("mariadb")
    begun = time.monotonic()
    with pytest.raises(DeadlineError):
        made.query("SELECT 1", deadline=1.0)
    assert time.monotonic() - begun < 5
    lab_alone.resume("mariadb")
    eventually(works(lambda: made.query("SELECT 1"), UnreachableError), 15)
    lab_alone.stop("mariadb")
    with pytest.raises(UnreachableError):
        made.query("SELECT 1")
    lab_alone.start("mariadb")
    assert made.query("SELECT 1") == [(1,)]
    made.close()
    shell.close()
