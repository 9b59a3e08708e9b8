"""Who may see the state, what happens when many write at once, and what is refused."""

from __future__ import annotations

import grp
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, insert, select

from console.errors import InsecureError, StateError
from console.store import schema
from console.store.database import Database, open_database

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def put(database: Database, name: str, value: str) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.meta).values(name=name, value=value))


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_without_a_group_only_the_owner_sees_anything(tmp_path: Path, mask: int) -> None:
    directory = tmp_path / "deep" / "state"
    with umask(mask):
        database = open_database(directory)
        put(database, "x", "1")
        found = modes(directory)
        database.close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert found == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_with_a_group_its_members_can_write_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    gid = os.getegid()
    directory = tmp_path / "state"
    with umask(mask):
        database = open_database(directory, group=grp.getgrgid(gid).gr_name)
        put(database, "x", "1")
        found = modes(directory)
        groups = {path.stat().st_gid for path in directory.iterdir()}
        database.close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o2770
    assert found == {"state.db": 0o660, "state.db-wal": 0o660, "state.db-shm": 0o660}
    assert groups == {gid}


def test_a_private_directory_made_before_the_database_becomes_the_groups(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    (directory / "trace").write_text("x")
    open_database(directory, group=grp.getgrgid(os.getegid()).gr_name).close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o2770


def test_a_private_database_is_not_opened_to_a_group_by_itself(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    open_database(directory).close()
    gid = next(g.gr_gid for g in grp.getgrall() if g.gr_gid != os.getegid())
    with pytest.raises(InsecureError):
        open_database(directory, group=grp.getgrgid(gid).gr_name)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_an_unknown_group_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no group nosuchgroup"):
        open_database(tmp_path / "state", group="nosuchgroup")


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    directory.chmod(mode)
    with pytest.raises(InsecureError, match="others could") as caught:
        open_database(directory)
    assert "chmod 0700" in caught.value.fix
    assert caught.value.exit_code == 2
    assert list(directory.iterdir()) == []


def test_a_database_that_others_can_read_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    open_database(directory).close()
    (directory / "state.db").chmod(0o644)
    with pytest.raises(InsecureError):
        open_database(directory)


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm", "state.db-journal"])
def test_a_planted_link_is_never_followed(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (directory / name).symlink_to(victim)
    with pytest.raises((InsecureError, StateError)):
        open_database(directory)
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs"])
def test_network_disks_are_refused(tmp_path: Path, kind: str) -> None:
    point = str(tmp_path).replace(" ", "\\040")
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {point} {kind} rw 0 0\n"
    with pytest.raises(StateError, match="network disk") as caught:
        open_database(tmp_path / "state", mounts=mounts)
    assert "state.path" in caught.value.fix


def test_a_local_disk_below_a_network_one_is_fine(tmp_path: Path) -> None:
    parent = tmp_path.parent
    mounts = f"server:/x {parent} nfs rw 0 0\n/dev/sdb {tmp_path} ext4 rw 0 0\nx\n"
    open_database(tmp_path / "state", mounts=mounts).close()


def test_a_newer_schema_is_read_and_never_written(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state")
    with database.write() as connection:
        connection.execute(schema.meta.update().where(schema.meta.c.name == "schema").values(value="99"))
    database.close()
    newer = open_database(tmp_path / "state")
    assert newer.readonly
    with newer.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.meta)).scalar() == 2
    with pytest.raises(StateError, match="newer console"):
        put(newer, "x", "1")
    newer.close()


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    path = directory / "state.db"
    path.write_bytes(b"this is no database at all" * 100)
    path.chmod(0o600)
    with pytest.raises(StateError, match="cannot be opened"):
        open_database(directory)


@pytest.mark.parametrize("number", ["abc", "", "-1", "1.5", "²"])
def test_a_schema_that_is_no_number_is_one_sentence(tmp_path: Path, number: str) -> None:
    open_database(tmp_path / "state").close()
    with sqlite3.connect(tmp_path / "state/state.db") as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (number,))
    connection.close()
    with pytest.raises(StateError) as caught:
        open_database(tmp_path / "state")
    assert f"names no number as its schema: {number}" in caught.value.what
    assert caught.value.done == "nothing was changed" and "move it away" in caught.value.fix


def test_an_emptied_database_is_put_aside_and_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.store.database._BIRTH_SECONDS", 0.1)
    open_database(tmp_path / "state").close()
    file = tmp_path / "state/state.db"
    os.truncate(file, 0)
    with pytest.raises(StateError) as caught:
        open_database(tmp_path / "state")
    (aside,) = (tmp_path / "state").glob("state.db.empty-*")
    assert str(caught.value).splitlines() == [
        f"the state database {file} was empty: if it held runs, marks and audit, they are not in the new one",
        f"it was put aside as {aside}; nothing else was changed",
        "put a copy of it back; else the next start makes a new one, and `audit verify` finds what witnesses know",
    ]
    assert not file.exists()
    open_database(tmp_path / "state").close()


def test_a_database_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.store.database._BIRTH_SECONDS", 60)
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    (directory / "state.db").touch(mode=0o600)

    def make() -> None:
        with closing(sqlite3.connect(directory / "state.db")) as connection:
            connection.execute("PRAGMA user_version = 1")

    (maker := threading.Timer(0.3, make)).start()
    open_database(directory).close()
    maker.join()
    assert not list(directory.glob("*.empty-*"))


@pytest.mark.parametrize("replaced", [False, True])
def test_an_emptied_database_that_another_command_puts_aside_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    file = directory / "state.db"
    file.touch(mode=0o600)

    def put_aside(_: float) -> None:
        if not (directory / "other").exists():
            file.rename(directory / "other")
            if replaced:
                file.touch(mode=0o600)

    monkeypatch.setattr("console.store.database._BIRTH_SECONDS", 0.1)
    clock = SimpleNamespace(monotonic=time.monotonic, strftime=time.strftime, sleep=put_aside)
    monkeypatch.setattr("console.store.database.time", clock)
    with pytest.raises(StateError, match="removed or replaced while it was being opened") as caught:
        open_database(directory)
    assert caught.value.done == "nothing was changed" and file.exists() == replaced
    assert not list(directory.glob("*.empty-*"))


def test_a_path_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    with pytest.raises((StateError, InsecureError)):
        open_database(tmp_path / "state")


def test_every_commit_is_durable_and_in_wal(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state")
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(schema.meta).values(name="x", value="1"))
        raise ZeroDivisionError
    with pytest.raises(StateError):
        put(database, "schema", "twice")
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.meta)).scalar() == 2
    database.close()


def test_changed_tells_of_commits_by_this_and_by_other_processes(tmp_path: Path) -> None:
    database, other = open_database(tmp_path / "state"), open_database(tmp_path / "state")
    first = database.changed()
    assert database.changed() == first
    put(database, "mine", "1")
    second = database.changed()
    assert second != first
    put(other, "theirs", "1")
    assert database.changed() != second
    database.close()
    other.close()


def test_it_can_be_used_from_many_threads(database: Database) -> None:
    def work(number: int) -> None:
        for index in range(20):
            put(database, f"{number}-{index}", "x")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.meta)).scalar() == 82


WRITER = """
import sys
import tempfile
from pathlib import Path
from datetime import UTC, datetime
from console.domain.events import GateSampled
from console.store.database import open_database
from console.store.runs import RunStore
store = RunStore(open_database(Path(sys.argv[1])))
for number in range(int(sys.argv[2])):
    store.append(1, GateSampled(more={"who": sys.argv[3], "n": number}), at=datetime.now(UTC))
"""


def test_800_read_then_insert_from_four_processes_all_succeed_without_gaps(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    command = [sys.executable, "-c", WRITER, str(directory), "200"]
    # Nobody has made the database yet: its making is part of the race.
    writers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE) for n in range(4)]
    errors = [writer.communicate(timeout=110)[1] for writer in writers]
    assert errors == [b""] * 4
    with sqlite3.connect(directory / "state.db") as connection:
        numbers = [row[0] for row in connection.execute("select seq from events order by seq")]
    connection.close()
    assert numbers == list(range(1, 801))


COLLEAGUES = """
import os, sys
from pathlib import Path
from datetime import UTC, datetime
from console.domain.events import RunStarted
from console.store.database import open_database
from console.store.runs import RunStore
from tests.domain.test_codec import small_plan
directory, group, gid = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.umask(0o077)
def act(uid, first):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        return
    os.setgroups([gid]); os.setgid(uid); os.setuid(uid)
    database = open_database(directory, group=group)
    store = RunStore(database)
    if first:
        store.create(small_plan(), name_suffix="x", token="t", at=datetime.now(UTC))
    store.append(1, RunStarted(more={"uid": uid}), at=datetime.now(UTC))
    print(uid, len(store.events(1)), flush=True)
    if not first:
        database.close()
    os._exit(0)
act(4001, True)
act(4002, False)
act(4001, False)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become two other accounts")
def test_a_colleague_of_the_group_reads_and_writes_and_a_stranger_cannot_enter() -> None:
    gid = next(g.gr_gid for g in grp.getgrall() if g.gr_gid not in (0, os.getegid()))
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        directory = Path(place) / "state"
        command = [sys.executable, "-c", COLLEAGUES, str(directory), grp.getgrgid(gid).gr_name, str(gid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        assert done.stdout.split("\n") == ["4001 1", "4002 2", "4001 3", ""]
        assert stat.S_IMODE(directory.stat().st_mode) == 0o2770
        assert directory.stat().st_gid == gid
