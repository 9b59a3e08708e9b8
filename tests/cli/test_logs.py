"""`opsconsole logs`, over real follower scripts on this machine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.cli import logs as command
from console.cli.main import run
from console.domain.environment import AppSpec, Environment, Host, Layout, SshTarget, Tier
from console.domain.log_history import Span
from console.domain.log_levels import Level
from console.errors import AuthenticationError, UsageError
from console.ports import Completed
from tests.fakes.local_shell import LocalShell
from tests.fakes.reach import FakeReach, make_facts
from tests.fakes.shell import FakeShell

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def line(number: int, level: str = "INFO", text: str = "order") -> str:
    stamp = f"2026-01-05 {10 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
    return f'[{stamp}] local.{level}: {text} {number} {{"n":{number}}} \n'


class World:
    """Two hosts, one log each, and the clients the command gets."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths = [tmp_path / "one", tmp_path / "two"]
        for path in self.paths:
            path.mkdir()
        self.logs = [path / "laravel.log" for path in self.paths]
        self.environment = Environment(
            name="lab",
            tier=Tier.NORMAL,
            url="",
            app=AppSpec(path="/nowhere", layout=Layout.IN_PLACE),
            hosts=tuple(
                Host(name=f"web{n}", ssh=SshTarget(alias="x"), path=str(path)) for n, path in enumerate(self.paths, 1)
            ),
            logs=("laravel.log",),
        )
        self.shells = {host.name: LocalShell(host.name) for host in self.environment.hosts}
        self.reach = FakeReach(self.environment, facts=make_facts(timezone="Europe/Berlin"), shells=self.shells)
        config = SimpleNamespace(environment=self.find, state_path=tmp_path)
        monkeypatch.setattr(command, "load_config", lambda path: config)
        monkeypatch.setattr("console.wiring.reach.open_reach", lambda *_, **__: self.reach)

    def find(self, name: str) -> Environment:
        if name != self.environment.name:
            raise UsageError(f"there is no environment {name}")
        return self.environment


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    yield world
    for shell in world.shells.values():
        shell.end()


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in text.splitlines()]


def test_history_of_all_hosts_is_merged_by_time(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.logs[0].write_text(line(1) + line(3) + line(5, "ERROR"))
    world.logs[1].write_text(line(2) + line(4))
    assert run(["logs", "-e", "lab"]) == 0
    day, *shown = capsys.readouterr().out.splitlines()
    assert day == "--- 2026-01-05"
    assert [each.split()[1] for each in shown] == ["web1", "web2", "web1", "web2", "web1"]
    assert shown[4].split() == ["10:00:05", "web1", "ERROR", "order", "5", '{"n":5}']


def test_json_lines_are_exact_ascii_and_in_utc(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    data = (
        b'[2026-01-05 10:00:00] local.ERROR: caf\xc3\xa9 \x1b[2J \xff {"exception":"[object] (App\\\\X(code: 0): no at'
        b' /a.php:3)\n[stacktrace]\n#0 {main}\n"} \n[2026-07-05T10:00:00.5+00:00] local.INFO: plain {"a":[1]} \nstray\n'
    )
    world.logs[0].write_bytes(data)
    world.logs[1].write_text("")
    assert run(["logs", "-e", "lab", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out
    first, second = documents(out)
    assert list(first) == ["host", "file", "at", "level", "message", "context", "exception", "offset"]
    assert first["at"] == "2026-01-05T09:00:00.000Z", "10:00 in Berlin"
    assert first["message"].encode("utf-8", "surrogateescape") == b"caf\xc3\xa9 \x1b[2J \xff"
    assert first["exception"].startswith("[object] (App\\X(code: 0): no at /a.php:3)\n[stacktrace]\n#0")
    assert (first["context"], first["level"], first["offset"], first["host"]) == (None, "error", 0, "web1")
    assert second["at"] == "2026-07-05T10:00:00.500Z"
    assert second["context"] == {"a": [1]}
    assert second["offset"] == data.rfind(b"[2026-07")


def test_level_and_grep(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.logs[0].write_text(line(1) + line(2, "WARNING") + line(3, "ERROR", "refund") + line(4, "EMERGENCY"))
    world.logs[1].write_text("")
    for arguments, wanted in (
        (["--level", "warning"], [2, 3, 4]),
        (["--grep", "REFUND"], []),
        (["--grep", "refund|order 1 "], [1, 3]),
        (["--level", "err", "--grep", "!refund"], [4]),
    ):
        assert run(["logs", "-e", "lab", "--json", *arguments]) == 0
        assert [each["context"]["n"] for each in documents(capsys.readouterr().out)] == wanted


def test_since_reads_the_applications_zone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.logs[0].write_text("".join(line(n * 60) for n in range(10)))
    world.logs[1].write_text("stray line of no time\n")
    assert run(["logs", "-e", "lab", "--json", "--since", "2026-01-05T09:07:00Z"]) == 0
    found = documents(capsys.readouterr().out)
    assert [each["context"]["n"] for each in found if each["context"]] == [420, 480, 540]


def test_raw_gives_the_exact_bytes(world: World, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    data = b"[2026-01-05 10:00:00] local.ERROR: \x1b[2J\xff\x00 \nmore \r\n" + line(2).encode()
    world.logs[0].write_bytes(data)
    world.logs[1].write_bytes(b"")
    assert run(["logs", "-e", "lab", "--raw"]) == 0
    assert capfdbinary.readouterr().out == data


def test_raw_is_refused_on_a_terminal(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["logs", "-e", "lab", "--raw"]) == 2
    assert "refused on a terminal" in capsys.readouterr().err
    assert not world.shells["web1"].scripts


@pytest.mark.parametrize(
    "arguments",
    [
        ["--level", "loud"],
        ["--since", "yesterday"],
        ["--since", "2999-01-01"],
        ["--since", "99999999999d"],
        ["--raw", "--json"],
        ["-e", "nowhere"],
    ],
)
def test_wrong_calls_end_2_and_reach_nothing(world: World, arguments: list[str]) -> None:
    assert run(["logs", "-e", "lab", *arguments]) == 2
    assert not world.shells["web1"].scripts


def test_text_is_harmless(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.logs[0].write_bytes(b"[2026-01-05 10:00:00] local.ERROR: \x1b]52;c;eA==\x07 \xe2\x80\xae \n\x9b31m \n")
    world.logs[1].write_bytes(b"")
    assert run(["logs", "-e", "lab"]) == 0
    out = capsys.readouterr().out
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 for c in out)
    assert "␛]52" in out and "‹U+202E›" in out


class Locked(FakeShell):
    """A host that accepts no key."""

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        raise AuthenticationError("no key is accepted")


def test_one_host_down_is_partial_all_down_is_its_error(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.logs[0].write_text(line(1))
    world.shells["web2"].down = True
    assert run(["logs", "-e", "lab", "--json"]) == 3
    captured = capsys.readouterr()
    assert len(documents(captured.out)) == 1
    assert "web2 laravel.log: no link, web2 cannot be reached" in captured.err
    world.shells["web1"].down = True
    assert run(["logs", "-e", "lab"]) == 6

    world.reach.shells.update({host: Locked(host) for host in world.shells})
    assert run(["logs", "-e", "lab", "--follow"]) == 4


def test_a_missing_file_is_a_note(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.logs[0].write_text(line(1))
    assert run(["logs", "-e", "lab"]) == 0, "written on one host alone"
    assert "web2 laravel.log: not read: there is no such file" in capsys.readouterr().err


def test_a_file_that_is_on_no_host_is_not_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert not any(log.exists() for log in world.logs)
    for more in ([], ["--since", "1h"]):
        assert run(["logs", "-e", "lab", *more]) == 3
        said = capsys.readouterr()
        assert said.out == "" and "web1 laravel.log: not read: there is no such file" in said.err


def test_parsing_of_options() -> None:
    assert command.parsed_level("warn") is Level.WARNING
    assert command.parsed_since("10m", NOW) == Span(ago=600)
    assert (
        command.parsed_since("2026-01-05 09:00", NOW).begin == command.parsed_since("2026-01-05T11:00+02:00", NOW).begin
    )
    with pytest.raises(UsageError, match="neither a duration nor a date"):
        command.parsed_since("m", NOW)
    with pytest.raises(UsageError, match="neither a duration nor a date"):
        command.parsed_since("", NOW)
    with pytest.raises(UsageError, match="ahead of now"):
        command.parsed_since("2026-01-05T10:00:01Z", NOW)


def test_a_reader_that_went_away_ends_quietly(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.logs[0].write_text(line(1))
    world.logs[1].write_text("")
    read_end, write_end = os.pipe()
    os.close(read_end)
    closed = io.TextIOWrapper(io.FileIO(write_end, "w"), write_through=True)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", closed)
        assert run(["logs", "-e", "lab", "--json"]) == 0
    closed.close()
    assert capsys.readouterr().err == ""


def test_help_needs_no_driver() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "console", "logs", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--follow" in done.stdout
    assert not any(name in done.stderr for name in ("paramiko", "sqlalchemy", "textual", "pydantic"))


@pytest.mark.parametrize(("text", "at"), [("[", 1), ("!a(", 3), ("ok [b", 4)])
def test_what_is_no_expression_is_refused_with_its_place(
    world: World, capsys: pytest.CaptureFixture[str], text: str, at: int
) -> None:
    assert run(["logs", "-e", "lab", "--grep", text]) == 2
    assert f"at character {at}" in capsys.readouterr().err


def test_the_tail_of_a_record_whose_head_was_not_read_is_left_out(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "HISTORY", 200)
    world.logs[0].write_text(line(1) + "[stacktrace]\n" + "#0 somewhere in a long trace\n" * 8 + line(2))
    world.logs[1].write_text("lines without any head\n" * 20)
    assert run(["logs", "-e", "lab"]) == 0
    shown = capsys.readouterr().out
    assert "somewhere" not in shown and "order 2" in shown
    assert "lines without any head" in shown
