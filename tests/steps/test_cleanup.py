"""Old releases go, but for what a process still runs or stands in, at the moment they would be removed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.hosts import LocalHost
from tests.steps.world import environment_at, plan_step
from tests.waiting import eventually

NAMES = ("1", "2", "3", "6")


@pytest.fixture(params=["dash", "busybox"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> LocalHost:
    for name in NAMES:
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "artisan").write_text("sleep 60 & wait\n")
    (tmp_path / "current").symlink_to("releases/6")
    return LocalHost(tmp_path, request.param)


@contextmanager
def running(*words: str, cwd: Path) -> Iterator[int]:
    child = subprocess.Popen(words, cwd=cwd, start_new_session=True)
    try:
        eventually(lambda: Path(f"/proc/{child.pid}/cwd").readlink() == cwd)
        yield child.pid
    finally:
        os.killpg(child.pid, 9)
        child.wait()


def cleanup(host: LocalHost, base: Path) -> str:
    """Runs a cleanup that wants to leave the newest release only."""
    step = plan_step(environment_at(base), "release", {"do": "cleanup", "keep": 1}, releases={"web1": NAMES})
    done = host.run(step.scripts[0].script)
    assert done.status == 0, done.stderr
    return done.stdout.decode()


def left(base: Path) -> list[str]:
    return sorted(path.name for path in (base / "releases").iterdir())


def test_what_nobody_uses_goes(host: LocalHost, tmp_path: Path) -> None:
    said = cleanup(host, tmp_path)
    assert left(tmp_path) == ["6"] and "1 removed" in said


def test_a_release_that_a_process_stands_in_or_runs_stays(host: LocalHost, tmp_path: Path) -> None:
    shutil.copy("/bin/dash", tmp_path / "php")
    script = str(tmp_path / "releases/2/artisan")
    with (
        running("/bin/sleep", "60", cwd=tmp_path / "releases/1") as standing,
        running(str(tmp_path / "php"), script, "queue:work", cwd=tmp_path) as working,
    ):
        eventually(lambda: any(str(one.readlink()) == script for one in Path(f"/proc/{working}/fd").iterdir()))
        said = cleanup(host, tmp_path)
    assert left(tmp_path) == ["1", "2", "6"] and "3 removed" in said
    assert f"1 is still in use: kept, for pid {standing}" in said
    assert f"2 is still in use: kept, for pid {working}" in said


def test_a_release_whose_name_begins_another_is_not_taken_for_it(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "releases/10").mkdir()
    with running("/bin/sleep", "60", cwd=tmp_path / "releases/10"):
        cleanup(host, tmp_path)
    assert left(tmp_path) == ["10", "6"]
