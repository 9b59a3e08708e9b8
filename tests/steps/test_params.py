"""Params that make no sense, and scripts of the smaller kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.domain.plan_context import Target
from console.domain.plans import Danger
from console.errors import RefusedError, UsageError
from console.steps import step_kinds
from tests.steps.world import environment_at, plan_step, sh, tool


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("shell", {"run": [["a"]], "script": "b"}),
        ("shell", {"run": [[]]}),
        ("shell", {"run": [["a"]], "secrets": {"A": "env:A"}}),
        ("shell", {"script": "a", "secrets": {"A-B": "env:A"}}),
        ("shell", {"script": "a", "secrets": {"PATH": "env:A"}}),
        ("shell", {"script": "a", "secrets": {"IFS": "env:A"}}),
        ("shell", {"script": "a", "secrets": {"LD_PRELOAD": "env:A"}}),
        ("shell", {"script": "a", "secrets": {"OPSCONSOLE_SECRET_2": "env:A"}}),
        ("service", {"restart": "a", "reload": "b"}),
        ("service", {"restart": "a;b"}),
        ("service", {"restart": "nginx", "hard": True}),
        ("service", {"reload": "nginx", "drain": "5m"}),
        ("service", {"restart": "workers", "hard": True, "drain": "5m"}),
        ("service", {"restart": "workers", "via": "kill"}),
        ("failed_jobs", {"do": "prune", "ids": ["1"]}),
        ("failed_jobs", {"do": "retry"}),
        ("release", "destroy"),
        ("artisan", []),
    ],
)
def test_params_that_make_no_sense_are_refused(kind: str, params: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        step_kinds()[kind].Params.model_validate(params)


def test_system_services_go_through_sudo() -> None:
    environment = environment_at("/srv/app")
    reload = plan_step(environment, "service", {"reload": "php8.2-fpm"})
    restart = plan_step(environment, "service", {"restart": "nginx"})
    assert reload.scripts[0].script.endswith("exec sudo -n -- systemctl reload -- php8.2-fpm\n")
    assert (restart.text, reload.text) == ("systemctl restart nginx", "systemctl reload php8.2-fpm")
    with pytest.raises(ValueError, match="plain service name"):
        plan_step(environment, "service", {"restart": "{param.unit}"}, scope={"param": {"unit": "a b"}})


def test_workers_are_restarted_by_the_runner() -> None:
    environment = environment_at("/srv/app")
    step = plan_step(environment, "service", {"restart": "workers"}, undo="service-restart", linked=True)
    assert (step.scripts, step.danger, step.facts.undo) == ((), Danger.CAUTION, "service-restart")
    assert step.text == "let workers finish and come back, by the framework's restart signal: laravel-worker"
    assert (step.params["release"], step.params["every"]) == ("7", False)
    alone = plan_step(environment, "service", {"restart": "workers"}, target=Target())
    assert (alone.params["release"], alone.params["every"]) == ("", True)
    hard = plan_step(environment, "service", {"restart": "workers", "hard": True})
    assert hard.danger is Danger.DESTRUCTIVE and "whatever they do" in hard.text


def test_no_workers_configured_is_said_in_the_plan() -> None:
    step = plan_step(environment_at("/srv/app", supervisor=()), "service", {"restart": "workers"})
    assert "no programs are configured under `workers:`" in step.text


def test_a_script_as_somebody_else_and_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    tool(tmp_path / "bin", "sudo", 'shift 4; exec "$@"')
    step = plan_step(environment_at(tmp_path), "shell", "echo one\nfalse\necho two", become="www-data")
    assert step.text == "echo one … (3 lines)"
    assert sh(step.scripts[0].script, path=tmp_path / "bin") == (1, "one\n")
    with pytest.raises(RefusedError, match="secrets"):
        plan_step(environment_at(tmp_path), "shell", {"script": "a", "secrets": {"A": "env:A"}}, become="www-data")


def test_names_that_a_kind_does_not_have_are_refused() -> None:
    with pytest.raises(UsageError, match="does not have"):
        plan_step(environment_at("/srv/app"), "artisan", ["up"], check="link-is")


def test_a_word_with_a_line_break_is_refused() -> None:
    with pytest.raises(RefusedError, match="line break"):
        plan_step(environment_at("/srv/app"), "shell", ["echo", "a\nb"])


def test_a_prune_names_its_hours() -> None:
    environment = environment_at("/srv/app")
    step = plan_step(environment, "failed_jobs", {"do": "prune", "hours": "{param.h}"}, scope={"param": {"h": 48}})
    assert step.scripts[0].script.endswith("queue:prune-failed --no-interaction --no-ansi --hours=48\n")
    with pytest.raises(UsageError, match="hours"):
        plan_step(environment, "failed_jobs", {"do": "prune", "hours": "soon"})
