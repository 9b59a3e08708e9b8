"""What is said once the screen has gone."""

from __future__ import annotations

import pytest

from console.domain.runs import EventKind
from console.ports import Publish
from console.ui.leaving import tell_run
from tests.fakes.screen import living_world, start_deploy


def nobody(_key: tuple[str, ...]) -> None:
    """A publish that nobody hears."""


def test_a_run_that_goes_on_is_named_with_a_command_that_finds_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    world = living_world()
    publish: Publish = nobody
    services = world.factory(publish)
    production = world.environments[0]
    run = start_deploy(world, production.name)
    tell_run(services, production, "opsconsole {} --config /etc/ops.yaml".format)
    told = capsys.readouterr().err
    assert told == f"Run {run} goes on. Come back with: opsconsole runs attach {run} --config /etc/ops.yaml\n"
    world.runs.add(run, EventKind.RUN_FINISHED, outcome="ok")
    tell_run(services, production, "opsconsole {}".format)
    tell_run(services, None, "opsconsole {}".format)
    assert capsys.readouterr().err == ""
