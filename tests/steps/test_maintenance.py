"""The step kind `maintenance`, and `artisan: [down]`: commands, ways back, and their effect read back from the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.config.kinds import params_model
from console.domain.performed import Performed
from console.domain.plans import Danger, PlannedStep
from console.domain.runs import Outcome
from console.domain.step_facts import Maintenance
from console.errors import UsageError
from console.steps import step_kinds
from console.steps.maintenance import read_back
from tests.fakes import FakeClock, FakeReach, FakeShell
from tests.steps.world import environment_at, plan_step, sh, tool


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for name in ("6", "7"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    (tmp_path / "shared/storage/framework").mkdir(parents=True)
    for name in ("6", "7"):
        (tmp_path / "releases" / name / "artisan").touch()
        (tmp_path / "releases" / name / "storage").symlink_to("../../shared/storage")
    (tmp_path / "current").symlink_to("releases/6")
    tool(
        tmp_path / "bin",
        "php",
        'echo "$PWD: $*" >> "$ASKED"\nd=storage/framework/down\n'
        'case "$*" in *" down "*) touch $d ;; *) [ -s artisan ] || rm -f $d ;; esac',
    )
    return tmp_path


def run(app: Path, script: str) -> tuple[int, str]:
    code, said = sh(script, path=app / "bin", variables={"ASKED": str(app / "asked")})
    asked = app / "asked"
    told = asked.read_text() if asked.exists() else ""
    asked.unlink(missing_ok=True)
    return code, told or said


def down_file(app: Path) -> bool:
    return (app / "shared/storage/framework/down").exists()


def test_down_and_up_run_where_visitors_are_and_say_what_they_do(app: Path) -> None:
    environment = environment_at(app)
    step = plan_step(environment, "maintenance", {"do": "down", "retry": "60", "render": "errors::503"})
    assert step.text == "php artisan down --retry=60 --render=errors::503: visitors get 503, workers idle"
    assert (step.facts.maintenance, step.danger) == (Maintenance.DOWN, Danger.DESTRUCTIVE)
    code, asked = run(app, step.scripts[0].script)
    assert (code, down_file(app)) == (0, True)
    assert asked == f"{app}/current: artisan down --no-interaction --no-ansi --retry=60 --render=errors::503\n"
    up = plan_step(environment, "maintenance", "up")
    assert (up.text, up.facts.maintenance, up.undo) == ("php artisan up", Maintenance.UP, ())
    assert (run(app, up.scripts[0].script)[0], down_file(app)) == (0, False)


@pytest.mark.parametrize(("kind", "params"), [("maintenance", "down"), ("artisan", ["down", "--retry=60"])])
def test_up_is_the_way_back_of_down_also_where_nobody_declared_one(app: Path, kind: str, params: Any) -> None:
    step = plan_step(environment_at(app), kind, params)
    assert (step.facts.maintenance, [one.text for one in step.undo]) == (Maintenance.DOWN, ["up"])
    assert step.on_abort == ()
    assert plan_step(environment_at(app), kind, params, on_abort="up").on_abort[0].script == step.undo[0].script
    run(app, step.scripts[0].script)
    assert down_file(app)
    assert (run(app, step.undo[0].script)[0], down_file(app)) == (0, False)


def test_where_the_current_release_cannot_end_it_the_one_before_does(app: Path) -> None:
    step = plan_step(environment_at(app), "maintenance", "down")
    run(app, step.scripts[0].script)
    (app / "current").unlink()
    (app / "current").symlink_to("releases/7")
    (app / "releases/7/artisan").write_text("an artisan that ends 0 and does nothing")
    code, asked = run(app, step.undo[0].script)
    assert (code, down_file(app)) == (0, False)
    assert [line.split(":")[0] for line in asked.splitlines()] == [f"{app}/current", f"{app}/releases/6"]
    run(app, step.scripts[0].script)
    (app / "releases/6/artisan").unlink()
    code, _ = run(app, step.undo[0].script)
    assert (code, down_file(app)) == (1, True)


def test_only_down_has_a_way_back(app: Path) -> None:
    with pytest.raises(UsageError, match="names up"):
        plan_step(environment_at(app), "artisan", ["migrate", "--force"], undo="up")
    assert plan_step(environment_at(app), "artisan", ["up"]).undo == ()


@pytest.mark.parametrize("params", ["sideways", {"do": "down", "secret": "x"}, {"retry": 5}, {}])
def test_other_words_and_secrets_are_no_params(params: Any) -> None:
    with pytest.raises(ValueError, match=r"down or up|secret|do"):
        params_model(step_kinds()["maintenance"]).model_validate(params)


@pytest.mark.parametrize("retry", ["soon", "-5", "0", "1.5"])
def test_a_retry_is_a_number_of_seconds(app: Path, retry: str) -> None:
    with pytest.raises(UsageError, match="whole number of seconds"):
        plan_step(environment_at(app), "maintenance", {"do": "down", "retry": retry})


def test_a_template_decides_only_when_it_is_filled(app: Path) -> None:
    scope = {"param": {"do": "up"}, "app": {}, "env": {"name": "lab"}, "run": {"action": "maintenance"}}
    step = plan_step(environment_at(app), "maintenance", {"do": "{param.do}"}, scope=scope)
    assert (step.facts.maintenance, step.undo) == (Maintenance.UP, ())
    with pytest.raises(ValueError, match="down or up"):
        plan_step(
            environment_at(app), "maintenance", {"do": "{param.do}"}, scope={**scope, "param": {"do": "sideways"}}
        )


class AtWork:
    """What a kind is handed: a step, and a host that answers."""

    def __init__(self, step: PlannedStep, said: bytes) -> None:
        self.step = step
        self.reach = FakeReach(shells={name: FakeShell(name, lambda _script: said) for name in ("web1", "web2")})
        self.clock = FakeClock()


@pytest.mark.parametrize(
    ("params", "said", "outcome", "detail"),
    [
        ("down", b"clock 9\nsince 9\nbody {}\n", Outcome.OK, ""),
        ("down", b"clock 9\nup\n", Outcome.FAILED, "artisan ended 0, and it is not in maintenance mode (by file)"),
        ("up", b"clock 9\nup\n", Outcome.OK, ""),
        ("up", b"clock 9\nsince 9\n", Outcome.FAILED, "artisan ended 0, and it is still in maintenance mode (by file)"),
        ("up", b"closed\n", Outcome.OK, "not read back: web1: this account may not look into"),
    ],
)
def test_the_effect_is_read_back(app: Path, params: str, said: bytes, outcome: Outcome, detail: str) -> None:
    context: Any = AtWork(plan_step(environment_at(app), "maintenance", params), said)
    found = read_back(context, "web1", Performed(outcome=Outcome.OK, exit_status=0))
    assert found.outcome is outcome and found.detail.startswith(detail)
    failed = Performed(outcome=Outcome.FAILED, detail="exit status 1", exit_status=1)
    assert read_back(context, "web1", failed) == failed
