"""The control directory: whose it is, where it lies, and when it refuses."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
from pathlib import Path

import pytest

from console.domain.environment import Layout
from console.errors import RefusedError
from console.ports import Completed
from console.services.target.control_directory import ensure_control
from tests.fakes.shell import FakeShell
from tests.services.hosts import SHELLS
from tests.services.target.locking import environment, lock_at, shell_named, take


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    path.chmod(0o755)
    return path


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> FakeShell:
    return shell_named(request.param, tmp_path)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_control_directory_is_the_groups_whatever_the_umask(app: Path, shell: FakeShell, mask: int) -> None:
    gid = next((g.gr_gid for g in grp.getgrall() if os.geteuid() == 0 and g.gr_gid != 0), os.getegid())
    os.chown(app, -1, gid)
    before = os.umask(mask)
    try:
        token = take(lock_at(app, shell))
    finally:
        os.umask(before)
    control = app / ".opsconsole"
    assert stat.S_IMODE(control.stat().st_mode) == 0o2770
    assert control.stat().st_gid == gid
    holder = control / "lock" / f"holder.{token}"
    assert stat.S_IMODE(holder.stat().st_mode) == 0o660
    assert holder.stat().st_gid == gid


def test_in_place_applications_keep_it_beside_them(app: Path) -> None:
    paths = environment(app, Layout.IN_PLACE).paths(environment(app).primary())
    ensure_control(FakeShell(), paths)
    assert (app.parent / ".opsconsole-shop").is_dir()
    assert list(app.iterdir()) == []


def test_a_control_directory_that_cannot_be_made_refuses_with_the_fix(app: Path) -> None:
    (app / ".opsconsole").write_text("a file in the way")
    with pytest.raises(RefusedError) as caught:
        take(lock_at(app))
    assert caught.value.exit_code == 7
    assert "install -d -m 2770" in caught.value.fix
    assert str(app / ".opsconsole") in caught.value.fix


def test_a_control_directory_that_is_a_link_is_refused(app: Path, tmp_path: Path) -> None:
    (app / ".opsconsole").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="symbolic link"):
        take(lock_at(app))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become an account that may not write")
def test_a_control_directory_of_somebody_else_refuses_with_the_fix(app: Path) -> None:
    control = app / ".opsconsole"
    control.mkdir(mode=0o755)
    for path in (app, *app.parents):
        if path.stat().st_uid == 0 and str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)

    class Stranger(FakeShell):
        def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
            done = subprocess.run(
                ["sh"],
                input=script.encode(),
                capture_output=True,
                check=False,
                user=65534,
                group=65534,
                extra_groups=[],
            )
            return Completed(status=done.returncode, stdout=done.stdout, stderr=done.stderr, seconds=0)

    with pytest.raises(RefusedError, match=r"drwxr-xr-x.* not writable by nobody"):
        ensure_control(Stranger(), environment(app).paths(environment(app).primary()))
