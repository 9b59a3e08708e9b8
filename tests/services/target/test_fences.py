"""The fence of each host: whoever takes the lock sets it, and who held the lock before starts no step behind it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from console.errors import LockHeldError, RefusedError, RemoteError, UnreachableError
from console.ports import Completed
from console.services.target.fences import Fences
from console.services.target.lock import holder_of, new_token
from console.services.target.remote_step import Start, parse_start
from tests.fakes.shell import FakeShell
from tests.services.hosts import SHELLS
from tests.services.target.fencing import HOSTS, Site, fill, small_disk
from tests.services.target.locking import ANA, SINCE, ShellOf

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small filesystem")


@pytest.fixture(params=SHELLS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


@pytest.fixture
def plain(tmp_path: Path) -> Site:
    return Site(tmp_path)


def owner(site: Site, host: str) -> str:
    return (site.control(host) / "fence").read_text().split()[0]


def test_whoever_takes_the_lock_fences_every_host(site: Site) -> None:
    token = site.take()
    for host in HOSTS:
        assert owner(site, host) == token
        assert site.start(host, token) is Start.STARTED
    assert (site.control("web1") / "runs/1-0a1b2c3d/migrate.1/holder").samefile(
        site.control("web1") / "lock" / f"holder.{token}"
    )
    assert not (site.control("web2") / "runs/1-0a1b2c3d/migrate.1/holder").exists()


def test_nothing_starts_behind_anothers_fence_and_nothing_is_left(site: Site) -> None:
    old = site.take()
    new = site.take_over()
    site.fence(new)
    for host in HOSTS:
        assert site.start(host, old, "touch ran") is Start.FENCED
        assert owner(site, host) == new
    assert site.traces() == []
    assert [site.start(host, new) for host in HOSTS] == [Start.STARTED] * 2


def test_on_the_first_primary_a_take_over_is_enough(site: Site) -> None:
    old = site.take()
    site.take_over()
    assert site.start("web1", old, "touch ran") is Start.FENCED
    assert site.traces() == []


def test_what_was_started_before_is_found_and_not_called_fenced(site: Site) -> None:
    old = site.take()
    assert site.start("web2", old, "sleep 0.2") is Start.STARTED
    site.fence(site.take_over())
    assert site.start("web2", old, "sleep 0.2") is Start.ALREADY


def test_a_run_that_takes_no_lock_is_neither_fenced_nor_fences(site: Site) -> None:
    token = site.take()
    assert site.start("web2", "", step=site.step("web2", "retry", "2-11111111")) is Start.STARTED
    assert owner(site, "web2") == token
    assert site.start("web2", token) is Start.STARTED


def test_a_host_without_a_fence_starts_nothing_for_a_token(site: Site) -> None:
    assert site.made().start("web2", new_token()) is Start.FENCED
    assert site.traces() == []


def test_the_same_token_sets_its_fence_again_without_changing_it(site: Site) -> None:
    token = site.take()
    before = (site.control("web2") / "fence").stat().st_ino
    site.fence(token)
    assert (site.control("web2") / "fence").stat().st_ino == before
    assert site.start("web2", token) is Start.STARTED


def test_what_somebody_wrote_into_the_fence_is_no_proof(site: Site) -> None:
    token = site.take()
    for text in ("", "feedface\n", "feedface 9\n", f"{token}x 1\n", "\xff\n", f" {'a' * 4000}\n"):
        (site.control("web2") / "fence").write_text(text)
        assert site.start("web2", token) is Start.FENCED
    site.fence(token)
    assert site.start("web2", token) is Start.STARTED


def test_an_old_fence_that_a_late_text_put_back_counts_for_nobody(site: Site) -> None:
    old = site.take()
    stale = (site.control("web2") / "fence").read_text()
    new = site.take_over()
    site.fence(new)
    (site.control("web2") / "late").write_text(stale)
    (site.control("web2") / "late").rename(site.control("web2") / "fence")
    assert site.start("web2", old) is Start.FENCED
    assert site.start("web2", new) is Start.STARTED


def in_between(site: Site, deed: str) -> None:
    """From now on `deed` happens once, after a start has proved the fence and before its wrapper runs."""
    found = next(site.directory.glob("bin-*"))
    (found / "setsid").unlink(missing_ok=True)
    real = "busybox setsid" if (found / "busybox").exists() else shutil.which("setsid")
    (found / "setsid").write_text(
        f'#!/bin/sh\n[ -e {found}/done ] || {{ : >{found}/done; {deed}; }}\nexec {real} "$@"\n'
    )
    (found / "setsid").chmod(0o755)


@pytest.mark.parametrize("host", HOSTS)
def test_a_fence_set_while_a_start_is_under_way_is_seen_by_the_wrapper(site: Site, host: str) -> None:
    """Whoever set it has looked for living steps by then, and found none."""
    token, control = site.take(), site.control(host)
    in_between(
        site,
        f"printf 'feed 9\\n' >{control}/new; ln {control}/new {control}/.fence.9; mv {control}/new {control}/fence",
    )
    assert site.start(host, token, "touch ran") is Start.FENCED
    assert [name for name in site.traces() if ".fenced." not in name] == []
    assert not (site.directory / "ran").exists()


def test_a_take_over_while_a_start_is_under_way_is_seen_by_the_wrapper(site: Site) -> None:
    token, lock = site.take(), site.control("web1") / "lock"
    in_between(site, f"mv {lock}/holder.{token} {lock}/holder.feed")
    assert site.start("web1", token, "touch ran") is Start.FENCED
    assert [name for name in site.traces() if ".fenced." not in name] == []


class Letters(FakeShell):
    """Keeps the texts that set a fence instead of delivering them; whoever sent them hears nothing."""

    def __init__(self, inner: FakeShell) -> None:
        super().__init__(inner.host)
        self.inner = inner
        self.kept: list[str] = []

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        if "ol_seen=" in script:
            self.kept.append(script)
            raise UnreachableError(f"{self.host}: the connection was lost")
        return self.inner.run(script, deadline=deadline, limit=limit)


@pytest.mark.parametrize("later", [1, 2, 3])
def test_a_fence_that_arrives_late_does_not_replace_a_newer_one(site: Site, later: int) -> None:
    old, letters = new_token(), Letters(site.shells["web2"])
    site.reach.shells["web2"] = letters
    with pytest.raises(UnreachableError):
        site.fence(old)
    site.reach.shells["web2"] = site.shells["web2"]
    for _ in range(later):
        new = site.take_over()
        site.fence(new)
    answer = letters.inner.run(letters.kept[0]).stdout
    assert answer.startswith(b"opsconsole-lock moved")
    assert owner(site, "web2") == new
    assert [site.start("web2", token) for token in (old, new)] == [Start.FENCED, Start.STARTED]


def test_one_that_arrives_between_reading_and_setting_is_seen(plain: Site) -> None:
    old, letters = new_token(), Letters(plain.shells["web2"])
    plain.reach.shells["web2"] = letters
    with pytest.raises(UnreachableError):
        plain.fence(old)
    plain.reach.shells["web2"] = plain.shells["web2"]
    new, rounds = plain.take_over(), 0
    holder = holder_of(ANA, token=new, why="", at=SINCE)

    def prove() -> None:
        nonlocal rounds
        # The fences have been read by now, and are not yet set.
        if rounds == 0:
            letters.inner.run(letters.kept[0])
        rounds += 1
        plain.lock.take(holder)

    plain.fences.set(new, prove)
    assert rounds == 2
    assert [plain.start("web2", token) for token in (old, new)] == [Start.FENCED, Start.STARTED]


def test_whoever_cannot_prove_the_lock_sets_no_fence(site: Site) -> None:
    held = site.take()
    with pytest.raises(LockHeldError, match="held by ana"):
        site.fence(new_token())
    assert [owner(site, host) for host in HOSTS] == [held] * 2


def test_setters_that_die_half_way_leave_nothing_that_stops_the_next(plain: Site) -> None:
    choose = random.Random(11)
    previous = ""
    for _ in range(12):
        token = new_token() if not previous else plain.take_over()
        deadly = Site(plain.directory)
        deadly.reach.shells["web2"] = ShellOf("/usr/bin:/bin", _Deadlier(choose.random()), "web2")
        try:
            deadly.fence(token)
        except RemoteError:
            if previous:
                # Killed half-way: it is either not set at all, or set.
                assert plain.start("web2", previous, step=plain.step("web2", "half", token)) in (
                    Start.STARTED,
                    Start.FENCED,
                )
        plain.fence(token)
        if previous:
            assert plain.start("web2", previous, step=plain.step("web2", "old", token)) is Start.FENCED
        assert plain.start("web2", token, step=plain.step("web2", "new", token)) is Start.STARTED
        previous = token
    assert len(list(plain.control("web2").glob(".fence.*"))) == 1
    assert not list(plain.control("web2").glob(".fencing.*"))


class _Deadlier(random.Random):
    """Kills every text, after up to 30 ms."""

    def random(self) -> float:
        return super().random() * 0.299


def test_a_text_cut_short_by_a_dying_link_sets_no_fence(plain: Site) -> None:
    letters = Letters(plain.made().shells["web2"])
    plain.reach.shells["web2"] = letters
    with pytest.raises(UnreachableError):
        plain.fence(new_token())
    text = letters.kept[0]
    choose = random.Random(3)
    for cut in [len(text) - 2, *(choose.randint(1, len(text) - 3) for _ in range(30))]:
        subprocess.run(["sh"], input=text[:cut].encode(), capture_output=True, check=False)
        assert list(plain.control("web2").iterdir()) == []


def test_a_fence_that_is_a_directory_is_a_clear_error(site: Site) -> None:
    (site.made().control("web2") / "fence").mkdir()
    with pytest.raises(RefusedError, match="fence cannot be replaced") as caught:
        site.fence(new_token())
    assert caught.value.exit_code == 7


def test_no_answer_is_an_error(plain: Site) -> None:
    plain.reach.shells["web2"] = FakeShell("web2", lambda _: b"Last login: never\n")
    with pytest.raises(RemoteError, match="web2 gave no answer"):
        plain.fence(new_token())


def test_a_host_of_its_own_may_be_fenced_alone(plain: Site) -> None:
    old = plain.take()
    new = plain.take_over()
    assert list(Fences(plain.reach).set(new, lambda: None, ("web2",))) == ["web2"]
    assert [owner(plain, host) for host in HOSTS] == [old, new]


@needs_root
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_full_disk_is_said_to_be_one(tmp_path: Path, shell: str, host: str) -> None:
    site = Site(tmp_path, shell)
    with small_disk(site.control(host)):
        fill(site.control(host))
        with pytest.raises(RefusedError, match=f"{host}: .*disk full") as caught:
            site.fence(new_token())
    assert caught.value.exit_code == 7


@needs_root
@pytest.mark.parametrize("host", HOSTS)
def test_a_start_on_a_full_disk_starts_nothing_and_says_why(tmp_path: Path, host: str) -> None:
    site = Site(tmp_path)
    with small_disk(site.control(host), kilobytes=96):
        token = site.take()
        fill(site.control(host))
        answer = parse_start(site.shells[host].run(site.start_of(host, token, f"touch {tmp_path}/ran")))
        assert (answer.start, "disk full" in answer.detail) == (Start.FAILED, True)
        assert site.traces() == []
    assert not (tmp_path / "ran").exists()


@needs_root
def test_a_take_over_on_a_full_disk_is_said_to_fail_for_that(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with small_disk(site.control("web1")):
        old = site.take()
        fill(site.control("web1"))
        with pytest.raises(RefusedError, match="disk full"):
            site.lock.beat(old)
        seen = site.lock.status()
        assert seen.holder is not None
        assert seen.holder.token == old


@needs_root
def test_a_read_only_control_directory_is_a_clear_error(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with small_disk(site.control("web2")):
        subprocess.run(["mount", "-o", "remount,ro", str(site.control("web2"))], check=True)
        with pytest.raises(RefusedError, match="web2: the control directory cannot be used"):
            site.fence(new_token())
