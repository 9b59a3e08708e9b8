"""Action files: what they become, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.config.actions import read_action
from console.config.load import load_config
from console.domain.actions import Effect, GateSpec, ParamType
from console.errors import ConfigError, InsecureError
from console.steps.shell import ShellKind
from tests.config.samples import ACTION, KINDS, write

TYPES = '"text", "int", "bool", "choice", "duration", "git-ref", "release", "queue", "uuid", "uuids" or "path"'
PATH = Path("deploy.yaml")


def said(text: str) -> list[str]:
    """What is wrong with an action, as `line:column: message`."""
    action, problems = read_action(text.encode(), PATH, KINDS)
    assert (action is None) == bool(problems)
    return [str(problem).removeprefix("deploy.yaml:") for problem in problems]


def test_every_key_arrives() -> None:
    action, problems = read_action(ACTION.encode(), PATH, KINDS)
    assert problems == []
    assert action is not None
    assert (action.name, action.title, action.needs, action.lock) == ("deploy", "Deploy", {"layout": "releases"}, True)
    ref, wait, mode = action.params
    assert (ref.type, ref.default, ref.ask) == (ParamType.GIT_REF, "{app.source.ref}", True)
    assert (wait.default, mode.choices) == ("1h30m", ("fast", "slow"))
    code, link = action.steps
    assert (code.kind, code.params, code.on, code.check) == ("words", ["fetch", "{param.ref}"], "all", "is-there")
    assert (link.params, link.effect, link.timeout) == ({"count": 2, "label": ""}, Effect.IDEMPOTENT, 5400.0)
    assert (link.undo, link.on_abort, link.when) == ("unlink", "unlink", "due")
    assert action.gate == GateSpec(probes=(), duration=120.0, every=5.0, on_failure="hold")


def test_the_digest_follows_the_file() -> None:
    first, _ = read_action(ACTION.encode(), PATH, KINDS)
    second, _ = read_action(ACTION.encode() + b"\n", PATH, KINDS)
    assert first is not None
    assert second is not None
    assert first.digest != second.digest


def test_every_mistake_is_named_at_once() -> None:
    text = """\
titel: Deploy
params:
  ref: {type: git-reff}
  n: {type: int, default: many}
  c: {type: choice}
steps:
  - {name: a, wrds: [x]}
  - {name: b, words: [x], table: {count: 1}}
  - {name: c}
  - {name: d, table: {count: no}, on: "", effect: twice, timeout: soon}
  - {words: [x]}
  - {name: e, words: [x], check: is-their, undo: unlink}
  - just text
gate: {for: 0s, on_failure: explode}
"""
    assert set(said(text)) == {
        '1:1: unknown key "titel", did you mean "title"?',
        '1:1: the key "title" is missing',
        f'3:15: "type" must be {TYPES}, did you mean "git-ref"?',
        '4:6: "n" has a default that is not a whole number',
        '5:6: "c" takes "choices" with type choice, and only then',
        '14:13: "for" must be a duration above zero and of at most 7 days',
        '14:29: "on_failure" must be "ask", "hold" or "rollback"',
        '7:15: unknown step kind or key "wrds", did you mean "words"?',
        "8:27: a step has one kind, not 2",
        "9:5: this step has no kind; known are table, words",
        '10:39: "on" must be letters, digits, dots, dashes and underscores, and begin with a letter or digit',
        '10:51: "effect" must be "read", "idempotent" or "once"',
        '10:67: "timeout" must be a duration like 90s, 2m or 1h30m',
        '10:30: "count" must be a whole number',
        '11:5: the key "name" is missing',
        '12:34: the step kind "words" has no check "is-their", did you mean "is-there"?',
        '12:50: the step kind "words" has no undo "unlink"',
        "13:5: a step must be a mapping with a name and one kind",
    }


def test_two_steps_of_one_name() -> None:
    text = "title: x\nsteps:\n  - {name: a, words: [x]}\n  - {name: a, words: [y]}\n"
    assert said(text) == ['4:12: a second step is called "a"']


def test_templates_that_name_nothing() -> None:
    words = '["{param.reff}", "{param.ref}", "{app.path}", "{app.source.reff}", "{other}"]'
    assert said(f"title: x\nparams: {{ref: {{}}}}\nsteps:\n  - {{name: a, words: {words}}}\n") == [
        '4:22: {app.source.reff} stands for nothing, did you mean "app.source.ref"?',
        '4:22: {param.reff} names no parameter of this action, did you mean "ref"?',
    ]


SECRETS = """
title: T
steps:
  - name: a
    shell:
      script: "true"
      secrets: {A: "file:a.key", B: "dotenv:../b.env#K", C: "env:C", D: "cmd:[./d, -x]"}
"""


def test_references_in_an_action_are_meant_from_its_file() -> None:
    action, problems = read_action(SECRETS.encode(), Path("/etc/oc/actions/t.yaml"), {"shell": ShellKind()})
    assert problems == [] and action is not None
    params = action.steps[0].params
    assert isinstance(params, dict) and params["secrets"] == {
        "A": "file:/etc/oc/actions/a.key",
        "B": "dotenv:/etc/oc/actions/../b.env#K",
        "C": "env:C",
        "D": 'cmd:["/etc/oc/actions/d", "-x"]',
    }


@pytest.mark.parametrize("given", ["hunter2", "plain:hunter2", "keyring:x", "env:not a name"])
def test_what_is_no_reference_is_refused_and_not_repeated(given: str) -> None:
    text = SECRETS.replace("file:a.key", given)
    action, problems = read_action(text.encode(), Path("/etc/oc/actions/t.yaml"), {"shell": ShellKind()})
    assert action is None and len(problems) == 1
    assert (problems[0].line, "hunter2" in problems[0].message) == (7, False)


def own_action(tmp_path: Path, name: str, text: str = ACTION) -> Path:
    """An action file beside the configuration."""
    (tmp_path / "actions").mkdir(exist_ok=True)
    file = tmp_path / "actions" / name
    file.write_text(text)
    file.chmod(0o600)
    return file


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped directory with one action, in place of the real one whose kinds are not given here."""
    directory = tmp_path / "shipped" / "actions"
    directory.mkdir(parents=True)
    (directory / "deploy.yaml").write_text(ACTION)
    monkeypatch.setattr("console.config.actions.sample_config", lambda: directory.parent)
    return directory


def test_own_actions_join_the_shipped_ones_and_take_their_place(tmp_path: Path, shipped: Path) -> None:
    path = write(tmp_path)
    own_action(tmp_path, "ship-it.yml")
    assert [action.name for action in load_config(path, KINDS).actions] == ["deploy", "ship-it"]
    own_action(tmp_path, "deploy.yaml", ACTION.replace("title: Deploy", "title: Ours"))
    assert load_config(path, KINDS).action("deploy").title == "Ours"


def test_mistakes_in_actions_and_configuration_are_said_together(tmp_path: Path, shipped: Path) -> None:
    path = write(tmp_path, "environments: {}\n")
    own_action(tmp_path, "Bad Name.yaml")
    own_action(tmp_path, "wrong.yaml", "title: 5\nsteps: []\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, KINDS)
    assert {Path(problem.file).name for problem in caught.value.problems} == {
        "opsconsole.yaml",
        "Bad Name.yaml",
        "wrong.yaml",
    }


def test_more_actions_than_are_read_are_a_problem(
    tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.config.actions.MAX_ACTIONS", 2)
    path = write(tmp_path)
    own_action(tmp_path, "one.yaml")
    assert len(load_config(path, KINDS).actions) == 2
    own_action(tmp_path, "two.yaml")
    with pytest.raises(ConfigError) as caught:
        load_config(path, KINDS)
    assert [problem.message for problem in caught.value.problems] == ["there are 3 actions, and at most 2 are read"]


def test_an_action_others_can_write_is_refused(tmp_path: Path, shipped: Path) -> None:
    path = write(tmp_path)
    own_action(tmp_path, "ship-it.yaml").chmod(0o666)
    with pytest.raises(InsecureError, match=r"ship-it\.yaml can be written by others"):
        load_config(path, KINDS)
