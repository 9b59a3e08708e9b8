"""Workers that do not do as hoped: what the plan says of each, what the run does, and that no job is cut and nothing
false is called ok. Real supervisord and Laravel; one host."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.workshop import fresh, workshop
from tests.lab.processes import LabError, track, wait_until
from tests.lab.values import BUSYBOX_USER, FIRST_RELEASE, OLD_RELEASE, USER
from tests.lab.world import Lab

pytestmark = pytest.mark.timeout(300)
long = pytest.mark.soak
LONG = 40.0
"""Seconds that a job in flight takes: longer than supervisord or an impatient operator would wait."""
TERM = "{restart: workers, via: term}"
HARD = "{restart: workers, hard: true}"
CLEARING = """title: Clearing
steps:
  - {name: workers, service: {restart: workers}, on: all, effect: idempotent}
  - {name: clear, artisan: [cache:clear]}
"""
SWEEP = """title: Sweep
steps:
  - {name: releases, release: {do: cleanup, keep: 1}, on: all, effect: idempotent}
"""
BACKWARDS = """title: Backwards
params: {to: {type: release}}
steps:
  - {name: workers, service: {restart: workers}, on: all, effect: idempotent}
  - {name: link, release: link, on: all, effect: idempotent}
"""


@pytest.fixture
def alone(lab_alone: Lab, still: Lab) -> Lab:
    """The world as it came up, without workers of its own, put back afterwards."""
    del still
    return fresh(lab_alone)


@long
def test_a_short_stopwaitsecs_cuts_nobody_and_a_hard_restart_says_what_it_cuts(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop:
        shop.pallets.program(stopwaitsecs=1)
        shop.pallets.dispatch(LONG)
        done = shop.run()
        assert shop.said(done).startswith(f"ok: 1 of 1 processes run release {OLD_RELEASE}")
        assert shop.pallets.faults(1) == []
    fresh(alone).set_environment(QUEUE_RETRY_AFTER="12")
    with workshop(alone, tmp_path / "hard", service=HARD) as shop:
        shop.pallets.program(stopwaitsecs=1)
        shop.pallets.dispatch(30)
        notes = shop.notes()
        assert "pallets: would kill jobs after 1 s (stopwaitsecs); they may take up to 60 s." in notes
        assert re.search(r"App\\Jobs\\PackPallet since \d+ s: killed, it runs again from its start", notes)
        assert "retry_after (12 s)" in notes
        assert shop.said(shop.run()).startswith("ok: 1 of 1")
        wait_until(lambda: [each.what for each in shop.pallets.lines()].count("start") == 2, "it runs again", 40)
        assert len({each.uuid for each in shop.pallets.lines()}) == 1


@long
def test_workers_that_nobody_starts_again_are_started(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop:
        # supervisord's own default, stated nowhere.
        shop.pallets.program(count=2, autorestart=None)
        shop.pallets.dispatch(LONG)
        assert 'pallets: autorestart is "unexpected": workers that leave are started by this step' in shop.notes()
        assert shop.said(shop.run()).startswith(f"ok: 2 of 2 processes run release {OLD_RELEASE}")
        assert shop.pallets.faults(1) == []


@long
def test_a_worker_that_waits_for_ever_is_asked_about_and_leaves_after_its_next_job(alone: Lab, tmp_path: Path) -> None:
    alone.set_environment(REDIS_BLOCK_FOR="0")
    with workshop(alone, tmp_path, service="{restart: workers, drain: 2s}") as shop:
        # Otherwise PHP gives up an idle connection after a minute, and the worker notices then.
        patient = shop.pallets.command().replace("php ", "php -d default_socket_timeout=900 ", 1)
        shop.pallets.program(patient, stopwaitsecs=1)
        idle = shop.pallets.pids()
        assert "waits inside Redis for ever (block_for 0)" in shop.notes()
        with shop.start() as process:
            assert "have not left" in shop.question(1)
            assert shop.pallets.pids() == idle, "nobody was killed"
            shop.pallets.dispatch(1)
            out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out[-2000:] + err
        assert shop.pallets.faults(1) == [] and not idle & shop.pallets.pids()


@long
def test_a_changed_cache_prefix_is_written_from_the_old_release_too(alone: Lab, tmp_path: Path) -> None:
    alone.artisan(alone.node1, "config:cache")
    with workshop(alone, tmp_path) as shop:
        shop.pallets.program(count=2)
        shop.pallets.dispatch(LONG)
        alone.set_environment(CACHE_PREFIX="another_cache")
        notes = shop.notes()
        assert "the cache changes from redis with prefix shop_cache to redis with prefix another_cache" in notes
        assert f"also written by release {FIRST_RELEASE}" in notes
        done = shop.run()
        assert shop.said(done).startswith(f"ok: 2 of 2 processes run release {OLD_RELEASE}")
        assert f"from release {OLD_RELEASE}, release {FIRST_RELEASE}" in shop.output(1)
        assert shop.pallets.faults(1) == []


@long
def test_a_cache_that_reaches_nobody_is_refused_and_term_is_offered(alone: Lab, tmp_path: Path) -> None:
    alone.set_environment(CACHE_DRIVER="array")
    with workshop(alone, tmp_path) as shop:
        shop.pallets.program()
        refused = shop.plan()
        assert refused.code == 7
        assert "restart signal cannot reach the workers" in refused.err and "array" in refused.err
        assert "via: term" in refused.err
        assert shop.run().code == 7 and shop.link() == FIRST_RELEASE, "nothing was done before it"
    with workshop(alone, tmp_path / "term", service=TERM) as shop:
        shop.pallets.program(count=2)
        shop.pallets.dispatch(LONG)
        assert shop.said(shop.run()).startswith(f"ok: 2 of 2 processes run release {OLD_RELEASE}")
        assert shop.pallets.faults(1) == []


@long
def test_a_worker_under_a_shell_and_the_orphan_of_an_earlier_stop(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop:
        wrapped = f'sh -c "cd {shop.pallets.node.current} && {shop.pallets.command()}; exit $?"'
        shop.pallets.program(wrapped)
        wait_until(lambda: len(shop.pallets.workers()) == 1, "the worker runs")
        orphan = shop.pallets.workers()
        alone.supervisor(shop.pallets.node, "restart", "pallets:*")
        wait_until(lambda: len(shop.pallets.workers()) == 2, "the stop left the worker behind")
        shop.pallets.dispatch(LONG, 2)
        notes = shop.notes()
        assert "pallets runs its worker under a shell without stopasgroup" in notes
        assert f"pid {orphan.copy().pop()} (queue:work, release {FIRST_RELEASE}) is not known to supervisor" in notes
        assert shop.said(shop.run()).startswith(f"ok: 1 of 1 processes run release {OLD_RELEASE}")
        assert not orphan & shop.pallets.workers() and shop.pallets.faults(2) == []


@long
def test_a_listener_is_ended_and_its_job_goes_on_to_its_end(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop:
        listen = shop.pallets.command("--sleep=1", work="queue:listen")
        shop.pallets.program(listen, stopasgroup="true", killasgroup="true")
        shop.pallets.dispatch(LONG)
        assert "pallets is queue:listen, which never hears the signal" in shop.notes()
        done = shop.run()
        assert shop.said(done).startswith("ok: ") and f"run release {OLD_RELEASE}" in shop.said(done)
        assert shop.pallets.faults(1) == []
        shop.pallets.dispatch(0.1)
        shop.pallets.wait_done(2)
        assert shop.pallets.lines()[-1].release == OLD_RELEASE


@pytest.mark.parametrize(
    ("action", "why"), [(CLEARING, "clears a cache after"), (BACKWARDS, "switches the link after")]
)
def test_an_order_that_defeats_the_restart_is_refused(alone: Lab, tmp_path: Path, action: str, why: str) -> None:
    with workshop(alone, tmp_path, actions={"switch": action, "odd": action}) as shop:
        shop.pallets.program()
        words = ("--param", f"to={OLD_RELEASE}") if "params" in action else ()
        refused = shop.console("plan", "odd", "-e", "lab", *words)
        assert refused.code == 7 and why in refused.err, refused.out + refused.err


@long
def test_another_accounts_worker_is_proved_by_its_start_and_its_orphan_is_unknown(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop:
        shop.pallets.program(user=BUSYBOX_USER)
        notes = shop.notes()
        assert "processes of another account" in notes and "may not be looked into" in notes
        assert "`become:` with that account" in notes
        done = shop.run()
        assert "1 of 1 processes run release" in shop.said(done) and "1 by start time" in shop.said(done)
    with workshop(alone, tmp_path / "orphan") as shop:
        wrapped = f'sh -c "{shop.pallets.command()}; exit $?"'
        shop.pallets.program(wrapped, user=BUSYBOX_USER)
        wait_until(lambda: len(shop.pallets.workers()) == 1, "the worker runs")
        with shop.start("workers") as process:
            assert "how it ended is unknown" in shop.question(1)
            assert re.search(r"1 unknown: web1 pallets_00 \(pid \d+, no right to read /proc/\d+", shop.question(1))
            assert shop.console("runs", "answer", "1", "failed").code == 0
            out, err = process.communicate(timeout=60)
        assert process.returncode == 1, out[-2000:] + err


@long
@pytest.mark.parametrize(("word", "outcome"), [("leave", "failed"), ("kill", "ok")])
def test_what_an_operator_says_at_the_limit(alone: Lab, tmp_path: Path, word: str, outcome: str) -> None:
    with workshop(alone, tmp_path, service="{restart: workers, drain: 2s}") as shop:
        shop.pallets.program(stopasgroup="true", killasgroup="true")
        shop.pallets.dispatch(60)
        (old,) = shop.pallets.pids()
        with shop.start() as process:
            assert f"(pid {old}, release {FIRST_RELEASE}" in shop.question(1)
            assert track(old) is not None, "nobody kills by itself"
            chosen = f"kill:web1:{old}" if word == "kill" else word
            assert shop.console("runs", "answer", "1", chosen).code == 0
            out, err = process.communicate(timeout=100)
        assert f'"outcome":"{outcome}"' in out.splitlines()[-1].replace(" ", ""), out[-2000:] + err
        assert (track(old) is None) is (word == "kill")


def test_a_release_that_a_worker_still_runs_survives_a_cleanup(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path, actions={"sweep": SWEEP}) as shop:
        releases = Path(shop.pallets.node.path, "releases")
        ancient = releases / "20250101000000"
        shutil.copytree(releases / OLD_RELEASE, ancient, symlinks=True)
        shutil.chown(ancient, USER, USER)
        for path in ancient.rglob("*"):
            if not path.is_symlink():
                shutil.chown(path, USER, USER)
        shop.pallets.program(f"php {ancient}/artisan queue:work redis --queue=pallets", directory=str(ancient))
        (pid,) = shop.pallets.pids()
        assert shop.outcome(shop.run("sweep")) == "ok"
        assert f"20250101000000 is still in use: kept, for pid {pid}" in shop.output(1) and ancient.is_dir()
        shop.pallets.clear()
        assert shop.outcome(shop.run("sweep")) == "ok"
        assert not ancient.exists()


@pytest.mark.parametrize("wanted", ["pallets:pallets_00", "pallets"])
def test_programs_and_single_processes_may_be_named(alone: Lab, tmp_path: Path, wanted: str) -> None:
    with workshop(alone, tmp_path, programs=(wanted,)) as shop:
        shop.pallets.program()
        notes = shop.notes()
        assert "pallets (1)" in notes and "not under `workers:`" not in notes


def test_a_name_that_nobody_knows_and_a_supervisord_that_is_away_are_refused(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path, programs=("palets",)) as shop:
        shop.pallets.program()
        refused = shop.plan()
        assert refused.code == 7 and "does not know the program palets; it knows" in refused.err
    with workshop(alone, tmp_path / "away") as shop:
        alone.stop("supervisor1")
        try:
            refused = shop.plan()
        finally:
            alone.start("supervisor1")
        assert refused.code == 7 and "supervisorctl does not answer" in refused.err, refused.out + refused.err


def test_without_programs_nothing_is_called_ok(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path, programs=()) as shop:
        shop.pallets.program()
        (pid,) = shop.pallets.pids()
        assert f"These go on with the code they run: web1 pid {pid} (queue:work)" in shop.notes()
        done = shop.run()
        assert shop.said(done).startswith("skipped: no programs are configured under `workers:`, none was restarted")
        assert f"1 on old code: web1 pallets_00 (pid {pid}, release {FIRST_RELEASE}" in shop.said(done)


@long
def test_the_world_can_say_when_a_program_does_not_come(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop, pytest.raises(LabError, match="pallets runs"):
        shop.pallets.program("/bin/false", startsecs=5, startretries=0)
