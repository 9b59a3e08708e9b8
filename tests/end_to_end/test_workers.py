"""Jobs in flight through a deploy, a rollback and a restart of the workers: each starts once and ends once, the plan
says what is waited for, and the run ends ok only when every worker is proved to run the linked release."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.end_to_end.workshop import Workshop, fresh, workshop
from tests.lab.processes import send
from tests.lab.values import FIRST_RELEASE, OLD_RELEASE
from tests.lab.world import Lab
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def alone(lab_alone: Lab, still: Lab) -> Lab:
    """The world as it came up, without workers of its own, put back afterwards."""
    del still
    return fresh(lab_alone)


def through(shop: Workshop, action: str, seconds: float) -> None:
    """Two jobs at work while the action runs."""
    before = len(shop.pallets.lines()) // 2
    old = shop.pallets.pids()
    shop.pallets.dispatch(seconds, 2)
    notes = shop.notes(action)
    assert re.search(r"at most 2 jobs in flight, oldest \d+ s \(App\\Jobs\\PackPallet ×2\)", notes), notes
    assert "nothing is killed" in notes
    done = shop.run(action)
    assert shop.outcome(done) == "ok", done.out[-3000:] + done.err
    release = shop.link()
    assert f"2 of 2 processes run release {release} (2 by script" in shop.said(done)
    assert not old & shop.pallets.workers() and len(shop.pallets.pids()) == 2
    assert shop.pallets.faults(before + 2) == []


def each_once(lab: Lab, tmp_path: Path, seconds: float) -> None:
    """The same two jobs through all three."""
    with workshop(lab, tmp_path) as shop:
        shop.pallets.program(count=2, stopwaitsecs=1, stopasgroup="true", killasgroup="true")
        through(shop, "deploy", seconds)
        new = shop.link()
        assert new not in (FIRST_RELEASE, OLD_RELEASE)
        through(shop, "rollback", seconds)
        assert shop.link() == FIRST_RELEASE
        through(shop, "workers", seconds)
        assert {each.release for each in shop.pallets.lines()} == {new, FIRST_RELEASE}


def test_jobs_end_once_through_a_deploy_a_rollback_and_a_restart(alone: Lab, tmp_path: Path) -> None:
    each_once(alone, tmp_path, 12)


@pytest.mark.soak
def test_jobs_of_forty_seconds_end_once(alone: Lab, tmp_path: Path) -> None:
    each_once(alone, tmp_path, 40)


def test_a_rollback_asks_after_its_limit_and_goes_on_when_the_jobs_are_done(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path, service="{restart: workers, drain: 2s}") as shop:
        shop.pallets.program()
        shop.pallets.dispatch(25)
        with shop.start() as process:
            text = shop.question(1)
            assert "have not left: web1 pallets_00 (pid " in text and f"release {FIRST_RELEASE}" in text
            out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out[-3000:] + err
        events = [json.loads(line) for line in out.splitlines()]
        assert any(each["kind"] == "operator_answered" and each.get("request") == "withdrawn" for each in events)
        assert events[-1]["outcome"] == "ok"
        assert shop.pallets.faults(1) == []


def test_a_runner_that_is_killed_meanwhile_is_resumed_without_a_second_signal(alone: Lab, tmp_path: Path) -> None:
    with workshop(alone, tmp_path) as shop:
        shop.pallets.program(count=2)
        shop.pallets.dispatch(15)
        old = shop.pallets.pids()
        with shop.start("switch", "--detach") as process:
            process.communicate(timeout=60)

        fresh = eventually(lambda: shop.pallets.pids() - old, 60, otherwise="the idle worker did not come back")
        send(shop.console.runners(), signal.SIGKILL)
        done = shop.console("runs", "resume", "1", "--json", seconds=150)
        assert done.events[-1]["outcome"] == "ok", done.out[-3000:] + done.err
        assert fresh <= shop.pallets.pids(), "what was new already stays"
        assert shop.pallets.faults(1) == []
