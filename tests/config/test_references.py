"""What only `config check` finds: what a right configuration names and what is not there."""

from __future__ import annotations

import grp
import json
import os
from pathlib import Path

import pytest

from console.cli.main import run
from console.config.load import load_config
from console.errors import ConfigError
from console.steps import step_kinds
from tests.config.samples import write

HEAD = """environments:
  lab:
    tier: normal
    url: https://app.example.com
    app: {path: /srv/app}
    hosts: {web1: {ssh: web1}}
    health: [/up, /health/mail]
"""
GATED = "title: T\nsteps:\n  - {name: one, shell: 'true'}\ngate:\n  for: 10s\n  probes: [/up, /healt/mail]\n"


def found(tmp_path: Path, text: str, *, complete: bool = True) -> list[str]:
    try:
        load_config(write(tmp_path, text), step_kinds(), {}, complete=complete)
    except ConfigError as error:
        return [str(problem).replace(f"{tmp_path}/", "") for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state: {group: nosuchgroup}\n", '8:16: there is no group "nosuchgroup" on this machine'),
        (
            "    database: {driver: mysql, password: 'file:secrets/db'}\n",
            "8:41: the secret file secrets/db: there is no such file",
        ),
        (
            "    redis: {password: 'dotenv:nosuch#KEY'}\n",
            "8:23: the secret file nosuch: there is no such file",
        ),
    ],
)
def test_what_is_not_there_is_named_where_it_is_named(tmp_path: Path, text: str, problem: str) -> None:
    assert found(tmp_path, HEAD + text) == [f"opsconsole.yaml:{problem}"]
    assert found(tmp_path, HEAD + text, complete=False) == [], "the other environments can be looked at all the same"


def test_a_gate_that_asks_what_no_environment_has(tmp_path: Path) -> None:
    actions = tmp_path / "actions"
    actions.mkdir(mode=0o700)
    (actions / "watch.yaml").write_text(GATED)
    (actions / "watch.yaml").chmod(0o600)
    expected = 'no environment has a health question "/healt/mail", did you mean "/health/mail"?'
    assert found(tmp_path, HEAD) == [f"actions/watch.yaml:6:17: {expected}"]


def test_what_is_there_is_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "db").write_text("x")
    (tmp_path / "db").chmod(0o600)
    group = grp.getgrgid(os.getgid()).gr_name
    text = HEAD + f"    database: {{password: 'file:db'}}\nstate: {{group: {group}}}\n"
    assert run(["config", "check", "--json", "--config", str(write(tmp_path, text))]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
