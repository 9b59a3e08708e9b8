"""The audit finds what was done to it, and nothing is done without it."""

from __future__ import annotations

import random
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.audit import AuditEntry, AuditRow, Witness, body, first_link, link, read_body, verify
from console.domain.policy import Operator
from console.domain.redact import Redactor, Secret
from console.errors import LockHeldError, OpsconsoleError, RefusedError, StateError, UnreachableError, UsageError
from console.services.records.audit import Audit, read_witnesses
from console.store import schema
from console.store.audit import AuditRows
from console.store.database import Database, open_database
from tests.fakes.clock import FakeClock
from tests.fakes.shell import FakeShell

ANA = Operator(uid=1000, login="ana", host="bastion", origin="10.0.0.7")
CHAIN = "0123456789abcdef"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state")
    yield database
    database.close()


def audit_of(database: Database, clock: FakeClock | None = None, syslog: Path = Path("/nonexistent")) -> Audit:
    redactor = Redactor().knowing(Secret("hunter2hunter2"))
    return Audit(AuditRows(database), ANA, clock or FakeClock(), redactor=redactor, syslog=syslog)


def test_an_entry_says_who_where_what_and_how_it_ended(database: Database) -> None:
    clock = FakeClock()
    audit = audit_of(database, clock)
    made = audit.write(
        "deploy",
        environment="production",
        command="mysql --password=hunter2hunter2 -e 'select 1'",
        targets=("web1", "web2"),
        plan_hash="a" * 64,
        run=7,
        result="ok",
        exit_status=0,
        seconds=1.5,
    )
    (read,) = audit.entries()
    assert read == made
    assert (read.uid, read.login, read.machine, read.origin) == (1000, "ana", "bastion", "10.0.0.7")
    assert read.at == clock.now()
    assert (read.seq, read.environment, read.targets, read.run) == (1, "production", ("web1", "web2"), 7)
    assert "hunter2" not in body(read)
    assert "mysql" in read.command


def test_entries_are_listed_newest_last_and_by_environment(database: Database) -> None:
    audit = audit_of(database)
    for number in range(6):
        audit.write(f"a{number}", environment="production" if number % 2 else "staging")
    assert [entry.action for entry in audit.entries(limit=2)] == ["a4", "a5"]
    assert [entry.action for entry in audit.entries(environment="staging", limit=2)] == ["a2", "a4"]
    assert audit.entries(limit=5).bound == "the newest 5; older ones are left out"
    assert audit.entries(environment="staging", limit=2).bound and not audit.entries(environment="staging").bound
    assert audit.entries(limit=6).bound == ""


def test_without_a_writable_audit_the_write_fails_and_says_nothing_was_done(database: Database, tmp_path: Path) -> None:
    audit = audit_of(database)
    audit.write("before")
    with database.write() as connection:
        connection.execute(schema.meta.update().where(schema.meta.c.name == "schema").values(value="99"))
    newer = open_database(tmp_path / "state")
    with pytest.raises(StateError, match="audit cannot be written") as caught:
        audit_of(newer).write("deploy")
    assert "nothing that changes is allowed" in caught.value.done
    assert len(audit_of(newer).entries()) == 1
    newer.close()
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(StateError, match="audit cannot be written"):
        audit.write("deploy")


@pytest.mark.parametrize(
    ("error", "audited"),
    [
        (RefusedError("not now"), True),
        (LockHeldError("held by anna"), True),
        (UsageError("run 3 has ended"), True),
        (UnreachableError("no route"), False),
    ],
)
def test_refusals_are_audited_and_go_on(database: Database, error: OpsconsoleError, audited: bool) -> None:
    audit = audit_of(database)
    with pytest.raises(type(error)), audit.refusals("run.request", environment="shop", run=3, also=(UsageError,)):
        raise error
    said = [(one.action, one.environment, one.run, one.result, one.detail) for one in audit.entries()]
    assert said == ([("run.request", "shop", 3, "refused", error.what)] if audited else [])


def test_a_refusal_stands_when_the_audit_cannot_be_written(database: Database, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(RefusedError, match="not now") as caught, audit_of(database).refusals("run.x", environment="a"):
        raise RefusedError("not now", done="Nothing was changed.")
    assert caught.value.done.startswith("Nothing was changed. This refusal is not in the audit:")


def test_a_sound_chain_without_a_witness_says_since_when(database: Database) -> None:
    clock = FakeClock()
    audit = audit_of(database, clock)
    assert audit.verify().sound
    began = clock.now()
    for _ in range(3):
        audit.write("deploy")
        clock.advance(10)
    verdict = audit.verify()
    assert verdict.sound
    assert (verdict.entries, verdict.witnessed, verdict.unwitnessed_since) == (3, 0, began)


def test_the_head_is_left_on_the_target_and_confirms_what_came_before(database: Database, tmp_path: Path) -> None:
    clock, shell = FakeClock(), FakeShell()
    audit = audit_of(database, clock)
    assert not audit.witness(shell, str(tmp_path))
    audit.write("one")
    audit.write("two")
    assert audit.witness(shell, str(tmp_path))
    clock.advance(60)
    later = audit.write("three")
    seen = audit.witnesses(shell, str(tmp_path))
    assert [(witness.seq, witness.place) for witness in seen] == [(2, "web1: audit.head")]
    verdict = audit.verify(seen)
    assert verdict.sound
    assert (verdict.witnessed, verdict.unwitnessed_since) == (2, later.at)
    audit.witness(shell, str(tmp_path))
    verdict = audit.verify(audit.witnesses(shell, str(tmp_path)))
    assert (verdict.witnessed, verdict.unwitnessed_since) == (3, None)


def test_a_target_that_cannot_take_the_head_changes_nothing(database: Database, tmp_path: Path) -> None:
    audit = audit_of(database)
    audit.write("one")
    shell = FakeShell()
    assert not audit.witness(shell, str(tmp_path / "nosuchdirectory"))
    (tmp_path / "audit.head").symlink_to(tmp_path / "elsewhere")
    assert not audit.witness(shell, str(tmp_path))
    assert not (tmp_path / "elsewhere").exists()
    shell.down = True
    assert not audit.witness(shell, str(tmp_path))


def test_the_targets_file_stays_small_and_keeps_the_newest(database: Database, tmp_path: Path) -> None:
    audit = audit_of(database)
    head = tmp_path / "audit.head"
    head.write_text(f"{CHAIN} 1 {'a' * 64}\n" * 1000)
    audit.write("one")
    assert audit.witness(FakeShell(), str(tmp_path))
    lines = head.read_text().splitlines()
    assert len(lines) == 500
    assert lines[-1].split()[1] == "1"
    assert read_witnesses(lines[-1], "x")[0].hash != "a" * 64


def test_the_head_goes_to_syslog_where_there_is_one(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(5)
        audit = audit_of(database, syslog=path)
        audit.write("one")
        line = listener.recv(1000).decode()
    (witness,) = read_witnesses(line, "syslog")
    assert audit.verify([witness]).witnessed == 1
    # The listener is gone, its socket file is still there: the audit goes on.
    assert audit.write("two").seq == 2


def test_witnesses_are_read_from_any_text_that_holds_them() -> None:
    text = f"Jan 1 host opsconsole[5]: audit.head {CHAIN} 12 {'a' * 64}\nrubbish\n{CHAIN} 13 {'b' * 64}\n{CHAIN} x y\n"
    assert [(witness.seq, witness.hash[0]) for witness in read_witnesses(text, "x")] == [(12, "a"), (13, "b")]


def test_a_cut_tail_stays_visible_after_the_next_entry(database: Database) -> None:
    audit = audit_of(database)
    for name in ("one", "two", "three"):
        audit.write(name)
    with database.write() as connection:
        connection.execute(schema.audit.delete().where(schema.audit.c.seq > 1))
    assert audit.verify().problems == ("the newest entry should be 3, it is 1",)
    assert audit.write("four").seq == 4
    problems = audit.verify().problems
    assert any("entry 2 is missing" in problem for problem in problems)


def test_another_databases_chain_does_not_fit(database: Database, tmp_path: Path) -> None:
    other = open_database(tmp_path / "other")
    audit_of(database).write("one")
    audit_of(other).write("one")
    theirs = AuditRows(other).rows()
    assert not verify(AuditRows(database).chain, theirs).sound
    # A witness of another chain (a colleague's own state) says nothing about this one.
    head = AuditRows(other).head()
    assert head is not None
    verdict = audit_of(database).verify([head])
    assert verdict.sound
    assert verdict.witnessed == 0
    other.close()


# --- T18: tampering, with one witness --------------------------------------------------------------------------------


def chain(length: int, clock: FakeClock) -> list[AuditRow]:
    rows, before = [], first_link(CHAIN)
    for seq in range(1, length + 1):
        entry = audit_entry(seq, clock)
        before = link(before, body(entry))
        rows.append(AuditRow(seq, body(entry), before))
    return rows


def audit_entry(seq: int, clock: FakeClock) -> AuditEntry:
    return AuditEntry(
        seq=seq,
        at=clock.now(),
        uid=1000 + seq % 3,
        login=("ana", "bob", "eve")[seq % 3],
        machine="bastion",
        origin="",
        environment="production",
        action="deploy",
        result="ok",
        exit_status=seq % 2,
    )


def rechain(rows: list[AuditRow], start: int) -> list[AuditRow]:
    before = rows[start - 1].hash if start else first_link(CHAIN)
    fresh = rows[:start]
    for seq, row in enumerate(rows[start:], start + 1):
        text = body(replace(read_body(row.body), seq=seq))
        before = link(before, text)
        fresh.append(AuditRow(seq, text, before))
    return fresh


def edit(rows: list[AuditRow], choose: random.Random) -> list[AuditRow]:
    at = choose.randrange(len(rows))
    row = rows[at]
    kind = choose.randrange(4)
    if kind == 0:
        spot = choose.randrange(len(row.body))
        row = replace(row, body=row.body[:spot] + chr(ord(row.body[spot]) ^ 1) + row.body[spot + 1 :])
    elif kind == 1:
        row = replace(row, body=body(replace(read_body(row.body), login="mallory")))
    elif kind == 2:
        row = replace(row, hash=choose.randbytes(32).hex())
    else:
        text = body(replace(read_body(row.body), result="failed"))
        row = AuditRow(row.seq, text, link(rows[at - 1].hash if at else first_link(CHAIN), text))
    return [*rows[:at], row, *rows[at + 1 :]]


def delete(rows: list[AuditRow], choose: random.Random) -> list[AuditRow]:
    at = choose.randrange(len(rows))
    upto = min(len(rows), at + choose.randint(1, 3))
    return rows[:at] + rows[upto:]


def reorder(rows: list[AuditRow], choose: random.Random) -> list[AuditRow]:
    one, two = choose.sample(range(len(rows)), 2)
    fresh = list(rows)
    if choose.random() < 0.5:
        fresh[one], fresh[two] = fresh[two], fresh[one]
    else:
        # The rows keep their numbers and swap what they say.
        fresh[one] = replace(rows[two], seq=rows[one].seq)
        fresh[two] = replace(rows[one], seq=rows[two].seq)
    return fresh


def truncate(rows: list[AuditRow], choose: random.Random) -> list[AuditRow]:
    return rows[: choose.randrange(len(rows))]


def recompute(rows: list[AuditRow], choose: random.Random) -> list[AuditRow]:
    at = choose.randrange(len(rows))
    changed = list(rows)
    if choose.random() < 0.5:
        changed[at] = replace(rows[at], body=body(replace(read_body(rows[at].body), login="mallory")))
    else:
        del changed[at]
    return rechain(changed, at)


TAMPERINGS: tuple[Callable[[list[AuditRow], random.Random], list[AuditRow]], ...] = (
    edit,
    delete,
    reorder,
    truncate,
    recompute,
)


def missed(count: int, seed: int) -> list[str]:
    """Names of tamperings that one witness did not reveal. Whoever tampers also mends the database's own head."""
    choose = random.Random(seed)
    clock = FakeClock()
    found = []
    for number in range(count):
        rows = chain(choose.randint(3, 30), clock)
        witness = Witness(CHAIN, rows[-1].seq, rows[-1].hash, "web1")
        assert verify(CHAIN, rows, witness, [witness]).sound
        tamper = TAMPERINGS[number % len(TAMPERINGS)]
        after = tamper(rows, choose)
        own = Witness(CHAIN, after[-1].seq, after[-1].hash) if after else None
        if after != rows and verify(CHAIN, after, own, [witness]).sound:
            found.append(f"{tamper.__name__} {number}")
    return found


def test_tampering_is_found_by_one_witness() -> None:
    assert missed(200, seed=1) == []


@pytest.mark.fuzz
def test_a_thousand_tamperings_are_found_by_one_witness() -> None:
    assert missed(1000, seed=2) == []


def test_without_a_witness_edits_deletions_and_reorderings_are_still_found() -> None:
    choose, clock = random.Random(3), FakeClock()
    for number in range(60):
        rows = chain(12, clock)
        after = (edit, reorder)[number % 2](rows, choose)
        assert after == rows or not verify(CHAIN, after).sound
        cut = choose.randrange(1, 11)
        assert not verify(CHAIN, rows[:cut] + rows[cut + 1 :]).sound
