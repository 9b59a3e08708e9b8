"""Gates of the installed command on a real application: what its health URLs answer after a deploy decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.end_to_end.conftest import quick
from tests.lab.processes import end
from tests.lab.values import FIRST_RELEASE
from tests.lab.world import Lab

pytestmark = pytest.mark.timeout(300)

LOGIN = """<?php

use Illuminate\\Support\\Facades\\Route;

Route::redirect('/up', '/login');
Route::get('/login', fn () => '<html><title>Log in</title><form><input type="password"></form></html>');
"""
STRANGE = """<?php

use Illuminate\\Support\\Facades\\Route;

Route::get('/up', fn () => ['status' => 'ok', 'version' => '1', 'checks' => ['queue' => ['status' => 'shiny']]]);
"""


@pytest.fixture
def probing(lab_alone: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command where `/up` is the only probe, on the world as it came up."""
    lab_alone.heal()
    config = lab_alone.write_config(tmp_path / "config", actions={"deploy": quick("deploy")}, health=["/up"])
    command = Command(config, tmp_path / "home", mark=lab_alone.world.root)
    yield command
    end(command.runners())


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (LOGIN, "landed at /login, which is not what was asked"),
        (STRANGE, 'checks.queue: "shiny" is not understood, not so before step 1'),
    ],
)
def test_a_release_that_answers_with_something_else_fails_its_gate(
    lab_alone: Lab, probing: Command, routes: str, said: str
) -> None:
    lab_alone.commit({"routes/health.php": routes})
    done = probing("run", "deploy", "-e", "lab", "--yes", "--json")
    assert done.code == 1, done.out[-2000:] + done.err
    last = done.events[-1]
    assert (last["kind"], last["outcome"], last["offers"]) == ("run_finished", "failed", ["rollback"])
    assert said in last["detail"]
    assert lab_alone.release(lab_alone.node1) != FIRST_RELEASE
    before = next(event for event in done.events if event["kind"] == "preflight_done")
    assert before["probes"]["/up"]["status"] == "ok"
    shown = probing("health", "-e", "lab", "--json").json["probes"][0]
    assert shown["status"] in ("failed", "warning") and said.split(",", maxsplit=1)[0] in shown["detail"]
