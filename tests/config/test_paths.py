"""Files and directories of ours: found, private, and refused when others could have touched them."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest

from console.config.paths import default_state_path, private_directory, read_own
from console.errors import ConfigError, InsecureError, StateError


def test_a_state_directory_is_made_private(tmp_path: Path) -> None:
    made = private_directory(tmp_path / "a" / "state")
    assert made.stat().st_mode & 0o7777 == 0o700
    assert private_directory(made) == made


def test_an_open_state_directory_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    directory.chmod(0o755)
    with pytest.raises(InsecureError, match="open to others"):
        private_directory(directory)


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    with pytest.raises(StateError, match="cannot be used"):
        private_directory(tmp_path / "state")


def test_a_group_shares_it_and_nobody_else(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getegid()).gr_name
    made = private_directory(tmp_path / "state", group)
    assert made.stat().st_mode & 0o7777 == 0o2770
    with pytest.raises(StateError, match="no group"):
        private_directory(tmp_path / "other", "no-such-group-here")


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


def test_the_state_lies_where_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/tmp/s")
    assert default_state_path() == Path("/var/tmp/s/opsconsole")
