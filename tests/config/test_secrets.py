"""Secret references: each kind gives its value, and nothing says it aloud."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.config.secrets import anchored, dotenv_value, parse_reference, resolve
from console.domain.redact import Secret
from console.errors import InsecureError, OpsconsoleError, RefusedError, UsageError

CANARY = "s3cret-canary-7f"


def own(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file of ours."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DB", CANARY)
    assert resolve("env:APP_DB") == Secret(CANARY)
    monkeypatch.delenv("APP_DB")
    with pytest.raises(UsageError, match="APP_DB is not set"):
        resolve("env:APP_DB")


def test_file_without_its_last_line_end(tmp_path: Path) -> None:
    file = own(tmp_path / "s", CANARY + "\n")
    assert resolve(f"file:{file}") == Secret(CANARY)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = own(tmp_path / "s", CANARY, mode)
    with pytest.raises(InsecureError, match="can be read by others") as caught:
        resolve(f"file:{file}")
    assert CANARY not in str(caught.value)
    with pytest.raises(InsecureError):
        resolve(f"dotenv:{file}#KEY")


def test_dotenv(tmp_path: Path) -> None:
    file = own(
        tmp_path / ".env", '# x\nDB=old\nexport DB=\'a # b\'\nQUOTED="x \\"y\\" \\n"\nBARE= word  # note\nEMPTY=\n'
    )
    assert resolve(f"dotenv:{file}#DB").reveal() == "a # b"
    assert resolve(f"dotenv:{file}#QUOTED").reveal() == 'x "y" \n'
    assert resolve(f"dotenv:{file}#BARE").reveal() == "word"
    for key in ("EMPTY", "NONE"):
        with pytest.raises(OpsconsoleError, match="not set or empty"):
            resolve(f"dotenv:{file}#{key}")


def test_cmd_runs_without_a_shell_and_says_nothing_of_its_output(tmp_path: Path) -> None:
    script = own(tmp_path / "give", f'#!/bin/sh\nprintf \'%s\\n\' "$1-{CANARY}"\n[ "$1" != bad ]\n', 0o700)
    assert resolve(f'cmd:["{script}", "a b; $(id)"]') == Secret(f"a b; $(id)-{CANARY}")
    assert resolve(f"cmd:[{script}, word]") == Secret(f"word-{CANARY}")
    with pytest.raises(OpsconsoleError, match="ended with status 1") as caught:
        resolve(f"cmd:[{script}, bad]")
    assert CANARY not in str(caught.value)
    with pytest.raises(OpsconsoleError, match="could not be run"):
        resolve("cmd:[/no/such/program]")


def test_cmd_has_no_input() -> None:
    code = "import sys; print(len(sys.stdin.read()) or 'none')"
    assert resolve(f'cmd:["{sys.executable}", "-c", "{code}"]').reveal() == "none"


def test_remote_env_asks_who_it_was_given() -> None:
    asked: list[str] = []

    def remote(key: str) -> str:
        asked.append(key)
        return CANARY

    assert resolve("remote-env:DB_PASSWORD", remote) == Secret(CANARY)
    assert asked == ["DB_PASSWORD"]
    with pytest.raises(RefusedError, match="needs a host"):
        resolve("remote-env:DB_PASSWORD")


def test_text_is_plain_and_plain_escapes_a_look_alike() -> None:
    assert resolve(CANARY) == Secret(CANARY)
    assert resolve("plain:env:X") == Secret("env:X")
    assert parse_reference("http://x").plain


@pytest.mark.parametrize(
    "text", ["env:", "env:A B", "file:", "dotenv:x", "dotenv:#K", "dotenv:x#", "cmd:", "cmd:[]", "cmd:ls", "keyring:x"]
)
def test_a_malformed_reference_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"need|must|cannot"):
        parse_reference(text)
    with pytest.raises(RefusedError):
        resolve(text)


def test_paths_are_anchored_at_the_configuration() -> None:
    base = Path("/etc/opsconsole")
    assert anchored("file:db.secret", base) == "file:/etc/opsconsole/db.secret"
    assert anchored("dotenv:/srv/.env#K", base) == "dotenv:/srv/.env#K"
    assert anchored("dotenv:a#b/.env#K", base) == "dotenv:/etc/opsconsole/a#b/.env#K"
    assert anchored("env:X", base) == "env:X"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab= '\"\\#\n$", max_size=60), st.sampled_from(["a", "b", "ab"]))
def test_any_dotenv_text_can_be_read(text: str, key: str) -> None:
    value = dotenv_value(text, key)
    assert value is None or isinstance(value, str)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="'\n\r\0"), min_size=1, max_size=30))
def test_a_single_quoted_value_is_exact(value: str) -> None:
    assert dotenv_value(f"A=1\nKEY='{value}'\nB=2\n", "KEY") == value
