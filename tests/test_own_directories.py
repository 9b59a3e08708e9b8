"""Directories of ours: closed to others at every level that we make, whatever the umask, and made in one place only."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.own_directories import make_directory
from tests.source import modules
from tests.test_budget import must_be_empty

MASKS = [0o000, 0o002, 0o022, 0o027, 0o077, 0o777]
UNDER_ITS_UMASK = {f"console/demo/{name}.py" for name in ("application", "configuration", "endpoints")}
"""Modules of the demo's world alone, a process that begins with umask 077."""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(path: Path, top: Path) -> list[int]:
    """The modes of a directory and of all above it up to `top`."""
    return [stat.S_IMODE(each.stat().st_mode) for each in (path, *path.parents) if each.is_relative_to(top)]


@pytest.mark.parametrize("mask", MASKS)
def test_every_level_that_is_made_is_closed(tmp_path: Path, mask: int) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o755)
    with umask(mask):
        assert make_directory(tmp_path / "there/.local/state/opsconsole")
    assert modes(tmp_path / "there/.local/state/opsconsole", tmp_path / "there") == [0o700, 0o700, 0o700, 0o755]


@pytest.mark.parametrize("mask", MASKS)
def test_every_level_that_is_made_is_the_groups(tmp_path: Path, mask: int) -> None:
    (tmp_path / "there").mkdir()
    with umask(mask):
        assert make_directory(tmp_path / "there/a/b", gid=os.getegid())
    assert modes(tmp_path / "there/a/b", tmp_path / "there/a") == [0o2770, 0o2770]


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o751)
    assert not make_directory(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert not make_directory(tmp_path / "link")
    assert modes(tmp_path / "a", tmp_path / "a") == [0o751]


@pytest.mark.parametrize("path", ["file", "file/below", "nowhere"])
def test_something_else_in_its_place_is_an_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    with pytest.raises(OSError):
        make_directory(tmp_path / path)


def test_nothing_else_makes_a_directory() -> None:
    found = [
        module.at(each.lineno)
        for module in modules("console")
        if module.path.as_posix() not in {*UNDER_ITS_UMASK, "console/own_directories.py"}
        for each in ast.walk(module.tree)
        if isinstance(each, ast.Attribute) and each.attr in ("mkdir", "makedirs")
    ]
    must_be_empty(found, "`own_directories.make_directory` makes directories: others would be open to others")
