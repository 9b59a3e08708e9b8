"""`opsconsole config` and `opsconsole checklist` as they are called."""

from __future__ import annotations

import grp
import json
import os
from pathlib import Path

import pytest

from console.cli import main
from tests.config.samples import FULL, write


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    code = main.run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def place(path: Path, word: str) -> tuple[int, int]:
    """Line and column of a word in a file, from 1."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if word in line:
            return number, line.index(word) + 1
    raise AssertionError(word)


def test_a_right_configuration_is_said_to_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    path = write(tmp_path, FULL.replace("group: ops", f"group: {group}"))
    (tmp_path / "redis.secret").touch(mode=0o600)
    code, out, err = call(capsys, "config", "check", "--config", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: no problems\n")
    assert "production  protected  web1, web2, web3" in out
    code, out, _ = call(capsys, "config", "check", "--config", path, "--json")
    document = json.loads(out)
    assert code == 0
    assert [each["name"] for each in document["environments"]] == ["production", "demo", "plain"]
    assert "deploy" in [each["name"] for each in document["actions"]]


def test_every_problem_goes_to_stderr_with_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FULL.replace("timezone:", "timezon:").replace("keep: 4", "keep: four"))
    code, out, err = call(capsys, "config", "check", "--config", path)
    assert (code, out) == (2, "")
    keep, zone = place(path, "four"), place(path, "timezon:")
    assert err.splitlines()[:2] == [
        f'{path}:{keep[0]}:{keep[1]}: "keep" must be a whole number',
        f'{path}:{zone[0]}:{zone[1]}: unknown key "timezon", did you mean "timezone"?',
    ]
    code, out, err = call(capsys, "config", "check", "--config", path, "--json")
    assert (code, out) == (2, "")
    assert {(each["line"], each["column"]) for each in json.loads(err)["error"]["problems"]} == {keep, zone}


def test_a_hostile_key_cannot_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FULL + '"\u202eevil\u200b": 1\n')
    _code, _out, err = call(capsys, "config", "check", "--config", path)
    assert "‹U+202E›evil‹U+200B›" in err
    assert "\u202e" not in err


def test_an_open_configuration_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path)
    path.chmod(0o666)
    code, _, err = call(capsys, "config", "check", "--config", path)
    assert code == 2
    assert "can be written by others" in err
    assert f"chmod go-w {path}" in err


@pytest.mark.parametrize(("arguments", "title"), [((), "configuration"), (("--actions",), "action")])
def test_the_schema_is_json(arguments: tuple[str, ...], title: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "config", "schema", *arguments)
    document = json.loads(out)
    assert code == 0
    assert document["title"] == f"opsconsole {title}"
    assert document["$schema"].startswith("https://json-schema.org/")


def test_a_checklist_is_shown_with_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deploy.md"
    file.write_text("# Deploy\n## Do\n- [x] told\n- [ ] `php artisan queue:monitor`\n\n```sh\nphp artisan down\n```\n")
    code, out, _ = call(capsys, "checklist", "show", file)
    assert code == 0
    assert out.splitlines()[0] == "Deploy  1/2"
    assert "  [x] told  (line 3)" in out
    assert "      $ php artisan queue:monitor" in out
    assert "      ! It needs the names of queues" in out
    code, out, _ = call(capsys, "checklist", "show", file, "--json")
    document = json.loads(out)
    assert (document["total"], document["done"]) == (2, 1)
    assert document["commands"][0]["line"] == 6


def test_a_checklist_that_is_not_there_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "checklist", "show", tmp_path / "none.md")
    assert (code, out) == (2, "")
    assert "there is no such file" in err
