"""The environment's lock: one holder, found by all, taken over only when dead, and never by accident."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.errors import LockHeldError, RemoteError, StateError, UsageError
from console.services.records.audit import Audit
from console.services.target.lock import EnvironmentLock, LockState, holder_of, new_token
from console.store.audit import AuditRows
from console.store.database import open_database
from tests.fakes.clock import FakeClock
from tests.fakes.shell import FakeShell
from tests.fakes.stepping import SteppingClock
from tests.services.hosts import SHELLS
from tests.services.target.locking import ANA, BOB, SINCE, WallClock, lock_at, shell_named, take


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    path.chmod(0o755)
    return path


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    database = open_database(tmp_path / "state")
    yield Audit(AuditRows(database), ANA, FakeClock(), syslog=tmp_path / "no-syslog")
    database.close()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> FakeShell:
    return shell_named(request.param, tmp_path)


def test_the_second_learns_who_holds_it_since_when_and_why(app: Path, shell: FakeShell) -> None:
    lock = lock_at(app, shell)
    assert lock.status().state is LockState.FREE
    token = take(lock, why="deploy O'Brien's \\n \"fix\"")
    with pytest.raises(LockHeldError) as caught:
        take(lock_at(app, shell), BOB)
    assert caught.value.exit_code == 5
    assert "ana from 10.0.0.7 since 2026-01-02 03:04:05 UTC: deploy O'Brien's \\n \"fix\" (run 5)" in str(caught.value)
    assert "runs attach 5" in caught.value.fix
    seen = lock.status()
    assert seen.holder == holder_of(ANA, token=token, why="deploy O'Brien's \\n \"fix\"", at=SINCE, run=5)


def test_release_needs_the_token(app: Path, shell: FakeShell) -> None:
    lock = lock_at(app, shell)
    token = take(lock)
    assert not lock.release(new_token())
    assert lock.status().state is LockState.HELD
    assert lock.release(token)
    assert lock.status().state is LockState.FREE
    assert not lock.release(token)
    take(lock, BOB)
    assert not lock.release(token)
    assert lock.status().state is LockState.HELD


def test_a_resumed_run_goes_on_with_its_token(app: Path, shell: FakeShell) -> None:
    token = take(lock_at(app, shell))
    assert take(lock_at(app, shell), token=token) == token


def test_a_beat_moves_the_counter_and_says_when_the_lock_is_lost(app: Path, shell: FakeShell) -> None:
    lock = lock_at(app, shell)
    token = take(lock)
    counters = []
    for _ in range(3):
        lock.beat(token)
        counters.append(lock.status().counter)
    assert counters == [1, 2, 3]
    with pytest.raises(LockHeldError, match="no longer ours"):
        lock.beat(new_token())
    lock.release(token)
    with pytest.raises(LockHeldError, match="free"):
        lock.beat(token)


def test_a_living_holder_is_never_called_stale(app: Path) -> None:
    lock = lock_at(app)
    token = take(lock)
    clock = SteppingClock(lambda passed: lock.beat(token) if passed == 28 else None)
    status, stale = lock_at(app, clock=clock).watch()
    assert not stale
    assert status.counter == 1
    assert clock.passed == 28


def test_a_holder_that_stood_still_for_thirty_watched_seconds_is_stale(app: Path) -> None:
    take(lock_at(app))
    clock = SteppingClock()
    status, stale = lock_at(app, clock=clock).watch()
    assert stale
    assert status.holder is not None
    assert clock.passed == 30


def test_a_lock_that_is_released_while_watched_is_not_stale(app: Path) -> None:
    lock = lock_at(app)
    token = take(lock)
    status, stale = lock_at(app, clock=SteppingClock(lambda _: assert_true(lock.release(token)))).watch()
    assert (status.state, stale) == (LockState.FREE, False)


def assert_true(value: bool) -> None:
    assert value


def test_watching_ends_when_it_is_told_to(app: Path) -> None:
    take(lock_at(app))
    flag = threading.Event()
    flag.set()
    assert lock_at(app).watch(flag)[1] is False


def test_a_dead_holder_is_replaced_with_a_reason_and_the_audit_says_so(
    app: Path, shell: FakeShell, audit: Audit
) -> None:
    lock = lock_at(app, shell)
    dead = take(lock, BOB)
    seen = lock.status()
    mine = holder_of(ANA, token=new_token(), why="", at=SINCE)
    with pytest.raises(UsageError, match="reason"):
        lock.steal(seen, mine, reason="  ", audit=audit)
    lock.steal(seen, mine, reason="bob's laptop died", audit=audit)
    now = lock.status().holder
    assert now is not None
    assert (now.who, now.why) == ("ana", "bob's laptop died")
    with pytest.raises(LockHeldError, match="no longer ours: held by ana"):
        lock.beat(dead)
    assert not lock.release(dead)
    entries = [(entry.action, entry.result) for entry in audit.entries()]
    assert entries == [("lock.steal", "intent"), ("lock.steal", "ok")]
    assert "bob's laptop died (was held by bob" in audit.entries()[0].detail
    assert lock.release(mine.token)
    assert list(Path(app, ".opsconsole").iterdir()) == []


def test_a_holder_that_moved_meanwhile_is_not_replaced(app: Path, shell: FakeShell, audit: Audit) -> None:
    lock = lock_at(app, shell)
    token = take(lock, BOB)
    seen = lock.status()
    lock.beat(token)
    with pytest.raises(LockHeldError, match="held by bob"):
        lock.steal(seen, holder_of(ANA, token=new_token(), why="", at=SINCE), reason="impatient", audit=audit)
    lock.release(token)
    with pytest.raises(LockHeldError):
        lock.steal(seen, holder_of(ANA, token=new_token(), why="", at=SINCE), reason="impatient", audit=audit)
    assert [entry.result for entry in audit.entries()] == ["intent", "failed"] * 2
    with pytest.raises(UsageError, match="no holder"):
        lock.steal(lock.status(), holder_of(ANA, token=new_token(), why="", at=SINCE), reason="x", audit=audit)


def test_of_many_who_see_a_dead_holder_one_takes_it(app: Path, tmp_path: Path) -> None:
    for _ in range(4):
        lock = lock_at(app)
        take(lock, BOB)

        def contend(number: int, lock: EnvironmentLock = lock) -> str | None:
            database = open_database(tmp_path / f"state{number}")
            audit = Audit(AuditRows(database), ANA, WallClock(), syslog=tmp_path / "none")
            mine = holder_of(ANA, token=new_token(), why="", at=SINCE)
            try:
                lock_at(app).steal(lock.status(), mine, reason="dead", audit=audit)
            except (LockHeldError, UsageError):
                return None
            finally:
                database.close()
            return mine.token

        with ThreadPoolExecutor(6) as contenders:
            won = [token for token in contenders.map(contend, range(6)) if token]
        holder = lock.status().holder
        assert holder is not None
        # Each winner may in turn have been seen and replaced; the newest of them holds it, and only that one.
        assert holder.token in won
        assert [lock.release(token) for token in won].count(True) == 1


def test_without_a_working_audit_nothing_is_stolen(app: Path, audit: Audit, tmp_path: Path) -> None:
    lock = lock_at(app)
    take(lock, BOB)
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").write_text("no directory any more")
    with pytest.raises(StateError, match="audit cannot be written"):
        lock.steal(lock.status(), holder_of(ANA, token=new_token(), why="", at=SINCE), reason="dead", audit=audit)
    holder = lock.status().holder
    assert holder is not None
    assert holder.who == "bob"


def test_an_empty_lock_is_being_taken_and_after_ten_watched_seconds_free(app: Path, shell: FakeShell) -> None:
    directory = app / ".opsconsole" / "lock"
    directory.mkdir(parents=True)
    (directory / ".new.deadbeef").write_text("left by a dead contender")
    clock = SteppingClock()
    lock = lock_at(app, shell, clock)
    assert lock.status().state is LockState.TAKING
    assert "being taken" in lock.status().sentence
    token = take(lock)
    assert 10 <= clock.passed < 11
    assert lock.release(token)


def test_a_contender_that_finishes_within_ten_seconds_wins(app: Path) -> None:
    directory = app / ".opsconsole" / "lock"
    directory.mkdir(parents=True)

    def finish(passed: float) -> None:
        if passed >= 9:
            (directory / "holder.aa").write_text('{"who": "bob"}')

    with pytest.raises(LockHeldError, match="held by bob"):
        take(lock_at(app, clock=SteppingClock(finish)))


def test_an_empty_lock_that_is_another_each_time_is_not_cleared(app: Path) -> None:
    directory = app / ".opsconsole" / "lock"
    directory.mkdir(parents=True)
    others = iter(range(10_000))

    def remake(passed: float) -> None:
        if passed % 5 == 0 and passed < 60:
            # A new directory under the same name, never the same inode twice.
            (app / f"other{next(others)}").mkdir()
            directory.rename(app / f"old{next(others)}")
            directory.mkdir()

    clock = SteppingClock(remake)
    take(lock_at(app, clock=clock))
    assert clock.passed >= 60


def test_deployers_own_lock_is_honoured(app: Path, shell: FakeShell) -> None:
    (app / ".dep").mkdir()
    (app / ".dep" / "deploy.lock").write_text("carol\x1b[2J")
    lock = lock_at(app, shell)
    with pytest.raises(LockHeldError, match="Deployer itself") as caught:
        take(lock)
    assert "carol" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "deploy:unlock" in caught.value.fix
    assert lock.status().state is LockState.DEPLOYER
    (app / ".dep" / "deploy.lock").unlink()
    assert lock.release(take(lock))


def test_a_contender_that_died_beside_a_holder_never_becomes_one(app: Path, shell: FakeShell, audit: Audit) -> None:
    lock = lock_at(app, shell)
    token = take(lock, BOB)
    # It had put its file down when it died, and could not look at the others' any more. Its name sorts first.
    stray = app / ".opsconsole" / "lock" / "holder.00"
    stray.write_text('{"who": "stray"}')
    with pytest.raises(LockHeldError, match="held by bob"):
        take(lock, token="00")
    assert not stray.exists()
    stray.write_text('{"who": "stray"}')
    seen = lock.status()
    assert seen.holder is not None
    with pytest.raises(LockHeldError, match="held by bob"):
        lock.steal(seen, holder_of(ANA, token=new_token(), why="", at=SINCE), reason="it looks dead", audit=audit)
    assert [path.name for path in stray.parent.glob("holder.*")] == [f"holder.{token}"]
    lock.beat(token)


def test_what_a_stranger_wrote_into_the_holder_is_harmless(app: Path) -> None:
    directory = app / ".opsconsole" / "lock"
    directory.mkdir(parents=True)
    (directory / "holder.aa").write_bytes(b'{"who": "eve\\u001b[2J\\u202e", "run": "x", "since": 5}\xff')
    shown = lock_at(app).status().sentence
    assert "\x1b" not in shown
    (directory / "holder.aa").write_bytes(b'{"who": "eve\\u001b[2J\\u202e", "run": "x", "since": "5"}')
    shown = lock_at(app).status().sentence
    assert "eve" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_no_answer_is_an_error_and_never_a_lock(app: Path) -> None:
    shell = FakeShell(answer=lambda _: b"Last login: never\n")
    with pytest.raises(RemoteError, match="no answer about its control directory"):
        take(lock_at(app, shell))
    with pytest.raises(UsageError, match="token"):
        lock_at(app).release("../../etc")


def test_a_text_cut_short_by_a_dying_link_takes_nothing(app: Path) -> None:
    texts: list[str] = []

    def keep(script: str) -> bytes:
        texts.append(script)
        return b"opsconsole-lock taken\n"

    take(lock_at(app, FakeShell(answer=keep)))
    choose = random.Random(3)
    for cut in [len(texts[0]) - 2, *(choose.randint(1, len(texts[0]) - 3) for _ in range(30))]:
        subprocess.run(["sh"], input=texts[0][:cut].encode(), capture_output=True, check=False)
        assert list(app.iterdir()) == []
