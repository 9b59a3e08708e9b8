"""Plans that come back from a file: only what this operator planned, for what is configured now."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.domain.actions import Action, Effect
from console.domain.documents import Json, canonical
from console.domain.environment import CodeSource
from console.domain.plan_codec import encode_plan, plan_hash
from console.domain.plans import HostScript, Plan
from console.errors import InsecureError, RefusedError, UsageError
from console.services.planning.planner import Planner, binding_hash
from console.services.planning.saved_plans import accepted_plan, derived_again
from console.steps import step_kinds
from tests.fakes.clock import FakeClock
from tests.services.planning.planned import shipped
from tests.services.running.stage import OPERATOR, Stage, action, step


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


def written(stage: Stage, **changed: Json) -> Path:
    plan = encode_plan(stage.plan(action(step("one", "true"))))
    assert isinstance(plan, dict)
    file = stage.directory / "plan.json"
    file.write_text(canonical({**plan, "config_hash": binding_hash(stage.environment, action()), **changed}))
    file.chmod(0o600)
    return file


def read(stage: Stage, file: Path) -> str:
    return accepted_plan(file, stage.environment, action(), OPERATOR).action


def test_an_own_plan_is_taken(stage: Stage) -> None:
    assert read(stage, written(stage)) == "try"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_plan_that_others_could_write_is_refused(stage: Stage, mode: int) -> None:
    file = written(stage)
    file.chmod(mode)
    with pytest.raises(InsecureError, match="could have been changed by others"):
        read(stage, file)


@pytest.mark.parametrize("changed", [{"protected": True}, {"lock": False}, {"config_hash": "0" * 64}])
def test_a_plan_for_another_configuration_is_refused(stage: Stage, changed: dict[str, Json]) -> None:
    with pytest.raises(RefusedError, match="The configuration has changed"):
        read(stage, written(stage, **changed))


def test_a_plan_of_somebody_else_is_refused(stage: Stage) -> None:
    operator = json.loads(written(stage).read_text())["operator"]
    with pytest.raises(RefusedError, match="was made by"):
        read(stage, written(stage, operator={**operator, "uid": 4711}))


@pytest.mark.parametrize("changed", [{"environment": "other"}, {"action": "deploy"}])
def test_a_plan_for_something_else_is_a_wrong_call(stage: Stage, changed: dict[str, Json]) -> None:
    with pytest.raises(UsageError, match=f"plans .*{next(iter(changed.values()))}"):
        read(stage, written(stage, **changed))


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, "\u00e9", "null", '{"steps": 1}'])
def test_what_is_no_plan_is_a_wrong_call(stage: Stage, text: str) -> None:
    file = written(stage)
    file.write_text(text)
    with pytest.raises(UsageError, match="is not a plan"):
        read(stage, file)


def test_a_file_that_is_not_there_is_named_without_numbers_of_the_system(stage: Stage) -> None:
    with pytest.raises(UsageError) as caught:
        read(stage, stage.directory / "nofile")
    assert "nofile cannot be read: No such file or directory" in caught.value.what
    assert "Errno" not in str(caught.value)


# --- derived again ---------------------------------------------------------------------------------------------------


def deploy(stage: Stage) -> tuple[Action, Plan]:
    chosen = shipped()["deploy"]
    return chosen, Planner(kinds=step_kinds(), clock=stage.clock).plan(chosen, {}, stage.reach, OPERATOR)


def again(stage: Stage, chosen: Action, plan: Plan) -> Plan:
    # A clock of its own: planning later must not give another release.
    clock = FakeClock()
    clock.advance(86_400)
    return derived_again(plan, chosen, stage.reach, Planner(kinds=step_kinds(), clock=clock))


def with_step(plan: Plan, name: str, **changes: Any) -> Plan:
    return replace(plan, steps=tuple(replace(s, **changes) if s.name == name else s for s in plan.steps))


def with_script(plan: Plan, name: str, part: str, text: str) -> Plan:
    step = next(step for step in plan.steps if step.name == name)
    first, *rest = getattr(step, part)
    return with_step(plan, name, **{part: (replace(first, script=text), *rest)})


def test_an_untouched_plan_is_what_is_derived_from_it(stage: Stage) -> None:
    chosen, plan = deploy(stage)
    found = again(stage, chosen, replace(plan, notes=("whatever a file says",), title="Something else"))
    assert plan_hash(found) == plan_hash(plan)
    assert (found.made_at, found.title, found.notes) == (plan.made_at, plan.title, plan.notes)


@pytest.mark.parametrize(
    ("name", "part"), [("code", "scripts"), ("code", "check"), ("link", "undo"), ("migrate", "scripts")]
)
def test_a_script_that_is_not_the_steps_own_is_refused(stage: Stage, name: str, part: str) -> None:
    chosen, plan = deploy(stage)
    with pytest.raises(RefusedError, match=rf"the step {name} is another \({part} on web1\)") as caught:
        again(stage, chosen, with_script(plan, name, part, "set -eu\nrm -rf /\n"))
    assert caught.value.exit_code == 7 and "rm -rf" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secrets": ("env:HOME",)}, "secrets"),
        ({"timeout": 1.0}, "timeout"),
        ({"effect": Effect.READ}, "effect"),
        ({"hosts": ("web2",)}, "hosts"),
        ({"text": "harmless"}, "text"),
        ({"on_abort": (HostScript(host="web1", script="reboot\n", text="x"),)}, "on abort"),
    ],
)
def test_whatever_else_differs_in_a_step_is_named(stage: Stage, changes: dict[str, Any], words: str) -> None:
    chosen, plan = deploy(stage)
    with pytest.raises(RefusedError, match=rf"the step migrate is another \({words}\)"):
        again(stage, chosen, with_step(plan, "migrate", **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": ()}, "its steps are others"),
        ({"gate": None}, "its gate is another"),
        ({"rollback_target": "1", "lock": False}, "its lock is another; its rollback target is another"),
        ({"commit": "$(reboot)"}, "no release or commit"),
        ({"release": "../../tmp"}, "no release or commit"),
        ({"commit": "0" * 40}, "its commit is another"),
        ({"hosts": ()}, "it is for other hosts"),
    ],
)
def test_an_altered_plan_is_refused(stage: Stage, changes: dict[str, Any], words: str) -> None:
    chosen, plan = deploy(stage)
    with pytest.raises(RefusedError, match=words):
        again(stage, chosen, replace(plan, **changes))


def test_hosts_that_changed_are_said_before_the_scripts_that_follow_from_them(stage: Stage) -> None:
    chosen, plan = deploy(stage)
    (stage.directory / "web2/current").unlink()
    (stage.directory / "web2/current").symlink_to("releases/1")
    with pytest.raises(RefusedError, match="web2 was on 2 and is on 1"):
        again(stage, chosen, plan)


def test_the_pinned_commit_stays_where_the_branch_has_moved_on(stage: Stage) -> None:
    repository = stage.directory / "repository"

    def git(*words: str) -> None:
        who = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ["PATH"], "HOME": str(stage.directory)}
        who |= {f"GIT_{role}_{key}": "x@y" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        subprocess.run(["git", *words], cwd=repository, env=who, check=True, capture_output=True)

    repository.mkdir()
    git("init", "--quiet", "--initial-branch=main", ".")
    (repository / "artisan").touch()
    git("add", "artisan")
    git("commit", "--quiet", "--message=one")
    source = CodeSource(git=str(repository), ref="main")
    stage.reach._environment = replace(stage.environment, app=replace(stage.environment.app, source=source))
    chosen, plan = deploy(stage)
    git("commit", "--quiet", "--allow-empty", "--message=two")
    assert deploy(stage)[1].commit != plan.commit
    assert plan_hash(again(stage, chosen, plan)) == plan_hash(plan)
