"""Taking the lock from a dead holder: never while something of it lives unsaid, and never half."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from console.domain.policy import Operator
from console.errors import LockHeldError, OpsconsoleError, UnreachableError, UsageError
from console.ports import Completed
from console.services.records.audit import Audit
from console.services.target.lock import EnvironmentLock, LockState
from console.services.target.remote_step import RemoteStep, Start
from console.services.target.take_over import TakeOver
from console.store.audit import AuditRows
from console.store.database import open_database
from tests.fakes.clock import FakeClock
from tests.fakes.shell import FakeShell
from tests.services.hosts import gone, pid_of
from tests.services.target.fencing import HOSTS, Site
from tests.services.target.locking import BOB, WallClock
from tests.waiting import eventually

LONG = "sleep 150"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    yield built
    for host in HOSTS:
        (tmp_path / host / "go").touch()


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    database = open_database(tmp_path / "state")
    yield Audit(AuditRows(database), BOB, FakeClock(), syslog=tmp_path / "no-syslog")
    database.close()


def taking(site: Site, audit: Audit, *without: str) -> TakeOver:
    operator = Operator(uid=1, login="carol", host="laptop")
    return TakeOver(
        reach=site.reach,
        lock=site.lock,
        audit=audit,
        operator=operator,
        clock=WallClock(),
        without=frozenset(without),
    )


def running(site: Site, host: str, token: str, script: str = LONG) -> RemoteStep:
    step = site.step(host)
    assert site.start(host, token, script) is Start.STARTED
    pid_of(step, "command")
    return step


def test_a_lock_whose_step_lives_is_not_released_and_nothing_is_changed(site: Site, audit: Audit) -> None:
    token = site.take()
    step = running(site, "web2", token)
    with pytest.raises(LockHeldError, match="web2: step migrate of run 1-0a1b2c3d is running, for ") as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=False)
    assert (caught.value.exit_code, caught.value.done) == (5, "Nothing was changed.")
    status = site.lock.status()
    assert status.holder is not None
    assert status.holder.token == token
    assert not audit.entries()
    assert not gone(pid_of(step, "pid"))


def test_steps_are_ended_first_when_that_is_wished_and_named(site: Site, audit: Audit) -> None:
    token = site.take()
    steps = [running(site, host, token) for host in HOSTS]
    taken = taking(site, audit).release(site.lock.status(), "gone home", end_steps=True)
    assert [(one.step.host, one.step.remote.step) for one in taken.ended] == [("web1", "migrate"), ("web2", "migrate")]
    assert all(one.detail == "was ended, exit status 143" for one in taken.ended)
    assert site.lock.status().state is LockState.FREE
    for step in steps:
        eventually(partial(gone, pid_of(step, "pid")))
        assert (Path(step.directory) / "rc").read_text().split()[:2] == ["143", "abort"]
    assert [(entry.action, entry.result) for entry in audit.entries()] == [
        ("lock.steal", "intent"),
        ("lock.steal", "ok"),
        ("lock.end_steps", "intent"),
        ("lock.end_steps", "ok"),
    ]
    assert "web2: step migrate of run 1-0a1b2c3d was ended" in audit.entries()[-1].detail


def test_a_step_that_ignores_term_is_killed(site: Site, audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.services.target.remote_step.abort_text.__kwdefaults__", {"grace": 1})
    token = site.take()
    step = running(site, "web1", token, "trap '' TERM; while :; do sleep 1; done")
    (ended,) = taking(site, audit).release(site.lock.status(), "stuck", end_steps=True).ended
    assert ended.detail == "was ended, exit status 137"
    assert gone(pid_of(step, "command"))


def test_after_a_release_the_old_holder_starts_nothing_anywhere(site: Site, audit: Audit) -> None:
    token = site.take()
    assert taking(site, audit).release(site.lock.status(), "gone home", end_steps=False).ended == ()
    for host in HOSTS:
        assert site.start(host, token, "touch ran") is Start.FENCED


def test_a_free_lock_is_taken_to_end_what_lives(site: Site, audit: Audit) -> None:
    token = site.take()
    running(site, "web2", token)
    site.lock.release(token)
    taken = taking(site, audit).release(site.lock.status(), "left over", end_steps=True)
    assert len(taken.ended) == 1
    assert site.lock.status().state is LockState.FREE
    assert [entry.action for entry in audit.entries()][:2] == ["lock.take", "lock.take"]


def test_a_host_that_does_not_answer_is_not_one_where_nothing_runs(site: Site, audit: Audit) -> None:
    token = site.take()
    running(site, "web2", token)
    site.shells["web2"].down = True
    with pytest.raises(UnreachableError, match="What runs on web2 is not known: web2 cannot be reached") as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=True)
    assert (caught.value.exit_code, caught.value.done) == (6, "Nothing was changed.")
    assert caught.value.fix.endswith("--without web2")
    assert site.lock.status().state is LockState.HELD
    taken = taking(site, audit, "web2").release(site.lock.status(), "burnt down", end_steps=False)
    assert list(taken.unasked) == ["web2"]
    assert site.lock.status().state is LockState.FREE


def test_a_host_that_answers_is_asked_though_it_was_called_gone(site: Site, audit: Audit) -> None:
    running(site, "web2", site.take())
    with pytest.raises(LockHeldError, match="web2: step migrate"):
        taking(site, audit, "web2").release(site.lock.status(), "gone home", end_steps=False)
    with pytest.raises(UsageError, match="has no host web9"):
        taking(site, audit, "web9").look()


def test_a_lock_can_be_released_though_no_host_can_be_looked_at_when_each_is_called_gone(
    site: Site, audit: Audit
) -> None:
    site.take()
    for name in HOSTS:
        gone_host = site.reach.shells[name] = FakeShell(name)
        gone_host.down = True
    taken = taking(site, audit, *HOSTS).release(site.lock.status(), "machines are gone", end_steps=False)
    assert tuple(taken.unasked) == HOSTS
    assert site.lock.status().state is LockState.FREE


class Late(FakeShell):
    """Does something once, right before the first text that has a certain word in it."""

    def __init__(self, inner: FakeShell, word: str) -> None:
        super().__init__(inner.host)
        self.inner, self.word, self.done = inner, word, 0

    def before(self) -> None:
        raise NotImplementedError

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        if self.word in script and not self.done:
            self.done += 1
            self.before()
        return self.inner.run(script, deadline=deadline, limit=limit)


def test_a_step_that_begins_during_the_take_over_keeps_the_lock_taken(site: Site, audit: Audit) -> None:
    token = site.take()

    class Beginning(Late):
        def before(self) -> None:
            running(site, "web2", token)

    site.reach.shells["web2"] = Beginning(site.shells["web2"], "ol_seen=")
    with pytest.raises(LockHeldError, match="step migrate") as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=False)
    assert "A step began while the lock was taken over." in caught.value.done
    assert "is kept, so that no run begins" in caught.value.done
    status = site.lock.status()
    assert status.holder is not None
    assert status.holder.who == "carol"
    site.reach.shells["web2"] = site.shells["web2"]
    assert len(taking(site, audit).release(status, "again", end_steps=True).ended) == 1
    assert site.lock.status().state is LockState.FREE


def test_a_host_that_falls_silent_during_the_take_over_keeps_the_lock_taken(site: Site, audit: Audit) -> None:
    site.take()

    class Falling(Late):
        def before(self) -> None:
            site.shells["web2"].down = True

    site.reach.shells["web2"] = Falling(site.shells["web2"], "ol_seen=")
    with pytest.raises(UnreachableError) as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=False)
    assert "The lock was taken over and is kept" in caught.value.done


def test_who_loses_the_lock_while_taking_it_over_says_so(site: Site, audit: Audit) -> None:
    site.take()

    class Losing(Late):
        def before(self) -> None:
            site.take_over()

    site.reach.shells["web2"] = Losing(site.shells["web2"], 'ol_say fence "$oc_top"')
    with pytest.raises(LockHeldError, match="no longer ours") as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=False)
    assert caught.value.done == "The lock was taken over, and somebody else has taken it since."


class Deaf(FakeShell):
    """The answer to the first text that has a certain word in it is lost."""

    def __init__(self, inner: FakeShell, word: str) -> None:
        super().__init__(inner.host)
        self.inner, self.word, self.lost = inner, word, 0

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        done = self.inner.run(script, deadline=deadline, limit=limit)
        if self.word in script and not self.lost:
            self.lost += 1
            raise UnreachableError(f"{self.host}: the answer was lost")
        return done


def test_a_release_whose_answer_was_lost_is_not_called_somebody_elses_doing(site: Site, audit: Audit) -> None:
    site.take()
    site.lock = EnvironmentLock(Deaf(site.shells["web1"], "ol_say released"), site.environment, WallClock())
    with pytest.raises(UnreachableError) as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=False)
    assert caught.value.done == "The lock was taken over and is free now."


def test_a_lock_that_went_to_another_just_before_its_release_is_not_called_released(site: Site, audit: Audit) -> None:
    site.take()
    other = Site(site.directory)

    class Going(Late):
        def before(self) -> None:
            other.take_over()

    site.lock = EnvironmentLock(Going(site.shells["web1"], "ol_say released"), site.environment, WallClock())
    with pytest.raises(LockHeldError, match="no longer ours") as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=False)
    assert caught.value.done == "The lock was taken over, and somebody else has taken it since."


def test_what_cannot_be_ended_keeps_the_lock_taken_and_is_named(site: Site, audit: Audit) -> None:
    running(site, "web2", site.take())

    class Immortal(FakeShell):
        def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
            if "oc_grace=" in script:
                return Completed(status=0, stdout=b"opsconsole-step running 0 - - -\n", stderr=b"", seconds=0)
            return site.shells["web2"].run(script)

    site.reach.shells["web2"] = Immortal("web2")
    with pytest.raises(LockHeldError, match="web2: step migrate") as caught:
        taking(site, audit).release(site.lock.status(), "gone home", end_steps=True)
    assert "could not be ended and is running" in caught.value.done
    assert isinstance(caught.value, OpsconsoleError)
    assert site.lock.status().state is LockState.HELD
