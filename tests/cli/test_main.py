"""The root of the command line: exit codes, stderr, laziness."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from console.cli import main
from console.cli.options import config_option, environment_option, json_option
from console.errors import (
    AuthenticationError,
    ConfigError,
    LockHeldError,
    OpsconsoleError,
    Problem,
    RefusedError,
    UnreachableError,
)
from console.own_directories import own_within
from tests.waiting import eventually

ENDINGS: dict[str, BaseException] = {
    "failed": OpsconsoleError("it failed"),
    "config": ConfigError((Problem(file="a.yaml", line=3, column=5, message="no such key: tear"),), fix="see x"),
    "auth": AuthenticationError("refused"),
    "lock": LockHeldError("held by anna"),
    "gone": UnreachableError("no route", done="nothing was changed", fix="check the link"),
    "no": RefusedError("not now"),
    "interrupt": KeyboardInterrupt(),
    "pipe": BrokenPipeError(),
    "bug": ValueError("password=hunter22 in a bug"),
}


@click.command()
@config_option
@json_option
@click.argument("ending", default="")
def ending(config_path: Path | None, as_json: bool, ending: str) -> int:
    """Ends in every way there is."""
    if ending in ENDINGS:
        raise ENDINGS[ending]
    click.echo(str(config_path))
    return 3 if ending == "partial" else 0


@click.command()
@environment_option
def needy(environment: str) -> None:
    """Needs an environment."""
    click.echo(environment)


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        main,
        "COMMANDS",
        {
            "end": main.LazyCommand("tests.cli.test_main:ending", "Ends."),
            "needy": main.LazyCommand("tests.cli.test_main:needy", "Needs."),
            "broken": main.LazyCommand("tests.cli.no_such_module:x", "Never imported for help."),
        },
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("OPSCONSOLE_CONFIG", raising=False)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("", 0),
        ("partial", 3),
        ("failed", 1),
        ("config", 2),
        ("auth", 4),
        ("lock", 5),
        ("gone", 6),
        ("no", 7),
        ("interrupt", 130),
        ("bug", 1),
    ],
)
def test_every_ending_has_its_exit_code(word: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["end", word]) == code
    streams = capsys.readouterr()
    assert bool(streams.out) == (word in ("", "partial")), "stdout is data only"


def test_errors_say_what_was_done_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    main.run(["end", "gone"])
    assert capsys.readouterr().err == "no route\nnothing was changed\ncheck the link\n"
    main.run(["end", "--json", "gone"])
    document = json.loads(capsys.readouterr().err)
    assert document == {
        "error": {
            "kind": "UnreachableError",
            "message": "no route",
            "done": "nothing was changed",
            "fix": "check the link",
            "exit_code": 6,
        }
    }


def test_config_errors_name_every_place(capsys: pytest.CaptureFixture[str]) -> None:
    main.run(["end", "config"])
    assert capsys.readouterr().err == "a.yaml:3:5: no such key: tear\nsee x\n"
    main.run(["end", "config", "--json"])
    assert json.loads(capsys.readouterr().err)["error"]["problems"] == [
        {"file": "a.yaml", "line": 3, "column": 5, "message": "no such key: tear"}
    ]


def test_a_bug_leaves_a_redacted_trace_only_its_owner_reads(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main.run(["end", "bug"])
    err = capsys.readouterr().err
    [file] = (own_within(tmp_path / "opsconsole", "traces")).iterdir()
    assert file.stem in err
    assert "hunter22" not in err
    text = file.read_text()
    assert "ValueError" in text
    assert "hunter22" not in text
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("argv", [["nosuch"], ["needy"], ["end", "--nosuch"], ["needy", "-e"]])
def test_wrong_calls_end_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(argv) == 2
    assert "--help" in capsys.readouterr().err


def test_config_may_stand_before_the_command_and_the_nearer_one_wins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSCONSOLE_CONFIG", "env.yaml")
    for argv, expected in (
        (["end"], "env.yaml"),
        (["--config", "root.yaml", "end"], "root.yaml"),
        (["--config", "root.yaml", "end", "--config", "own.yaml"], "own.yaml"),
    ):
        assert main.run(argv) == 0
        assert capsys.readouterr().out == expected + "\n"


def test_help_lists_commands_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert "Never imported for help." in out


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], (True, None)),
        (["--config", "x"], (True, Path("x"))),
        (["--config=x"], (True, Path("x"))),
        (["status"], (False, None)),
        (["--config", "x", "status"], (False, None)),
        (["--help"], (False, None)),
    ],
)
def test_no_command_is_the_screen(argv: list[str], expected: tuple[bool, Path | None]) -> None:
    assert main.screen_config(argv) == expected


def test_the_screen_without_a_terminal_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == 2
    assert "needs a terminal" in capsys.readouterr().err


def opsconsole(*argv: str) -> list[str]:
    return [sys.executable, "-m", "console", *argv]


def test_version_and_help_load_no_driver_and_no_toolkit() -> None:
    code = (
        "import sys; from console.cli.main import run; run(['--version']); run(['--help']);"
        "heavy = {'textual', 'rich', 'paramiko', 'pydantic', 'sqlalchemy', 'redis', 'httpx', 'ruamel', 'asyncio'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(opsconsole("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(10), errors) == (0, b"")


def test_term_ends_with_143(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import pathlib, sys, time\n"
        "from console.cli import main\n"
        f"main._dispatch = lambda argv: (pathlib.Path({str(ready)!r}).touch(), time.sleep(30))[1]\n"
        "sys.exit(main.run(['x']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    eventually(ready.exists, 10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_variables_that_press_keys_are_scrubbed() -> None:
    code = (
        "import os\nfrom console.__main__ import scrub_environment\nscrub_environment()\n"
        "print(sorted(name for name in os.environ if name.startswith(('TEXTUAL', 'NO_COLOR'))))"
    )
    environment = {
        **os.environ,
        "TEXTUAL_PRESS": "D",
        "TEXTUAL_DRIVER": "evil:Driver",
        "TEXTUAL_SCREENSHOT_LOCATION": "/tmp",
        "TEXTUAL": "devtools",
        "TEXTUAL_COLOR_SYSTEM": "256",
        "NO_COLOR": "",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "['TEXTUAL_COLOR_SYSTEM']\n"
