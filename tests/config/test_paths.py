"""Files and directories of ours: found, private, and refused when others could have touched them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.config.actions import read_actions
from console.config.paths import default_state_path, find_config, read_own
from console.errors import ConfigError
from console.resources import sample_config


def test_a_file_is_read_to_its_limit_through_a_link(tmp_path: Path) -> None:
    file = tmp_path / "real.yaml"
    file.write_text("x" * 20)
    file.chmod(0o600)
    (tmp_path / "link.yaml").symlink_to(file)
    assert read_own(tmp_path / "link.yaml", 10) == b"x" * 11


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        read_own(tmp_path / "pipe", 10)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_own(tmp_path / "none", 10)


@contextmanager
def as_somebody_else(sealed: Path) -> Iterator[None]:
    """Without root's powers, before a directory that may not be entered."""
    sealed.chmod(0o000)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        sealed.chmod(0o700)


def test_a_configuration_behind_a_closed_door_is_a_wrong_configuration(tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    (sealed / "c.yaml").write_text("environments: {}\n")
    with as_somebody_else(sealed), pytest.raises(ConfigError, match="may not enter a directory on the way") as caught:
        find_config(sealed / "c.yaml")
    assert (caught.value.exit_code, caught.value.done) == (2, "Nothing was read.")
    assert "--config" in caught.value.fix


@pytest.fixture
def shipped_for_everybody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The shipped sample where another account can read it, wherever this checkout lies."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        copy = shutil.copytree(sample_config(), Path(directory, "sample_config"))
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        monkeypatch.setattr("console.config.actions.sample_config", lambda: copy)
        yield


@pytest.mark.usefixtures("shipped_for_everybody")
def test_own_actions_that_cannot_be_seen_are_not_passed_over(tmp_path: Path) -> None:
    sealed = tmp_path / "actions"
    sealed.mkdir()
    # Once with root's powers: whatever is imported lazily is then there.
    assert read_actions(sealed, {})
    with as_somebody_else(sealed):
        assert "cannot be listed" in str(read_actions(sealed, {})[1])
    (tmp_path / "file").touch()
    assert "cannot be listed" in str(read_actions(tmp_path / "file", {})[1])
    assert "cannot be listed" not in str(read_actions(tmp_path / "none", {})[1])


def test_whatever_is_no_file_is_said_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (
        ("none", "no such file"),
        ("file/c.yaml", "can be no file here: Not a directory"),
        (".", "a directory, not a file"),
        ("broken", "a link to nothing"),
        ("loop", "Too many levels"),
        ("pipe", "not a regular file"),
        ("x" * 300, "too long"),
        ("a\0b", "null"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            find_config(tmp_path / name)
        assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match="cannot be read"):
        read_own(tmp_path / "loop", 10)
    assert find_config(tmp_path / "file") == tmp_path / "file"


def test_the_state_lies_where_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/tmp/s")
    assert default_state_path() == Path("/var/tmp/s/opsconsole")
