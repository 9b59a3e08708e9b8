"""What one test does to its world is no other test's trouble, and what else runs on this machine is nobody's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.values import MARK
from tests.lab.world import Lab
from tests.source import ROOT
from tests.waiting import eventually

CARELESS = """
import subprocess
import pytest

@pytest.fixture
def filled(lab_alone):
    yield
    lab_alone.clear_queues()

def test_breaks_everything_and_fails(lab_alone, filled):
    for name in ("mariadb", "sshd2", "web1", "supervisor1"):
        lab_alone.stop(name)
    lab_alone.pause("redis")
    raise ValueError("its own fault")

def test_ruins_what_cannot_be_mended_and_fails(lab_alone):
    (lab_alone.world.directory / "mysql" / "my.cnf").write_text("[mariadbd]\\nno-such-option\\n")
    lab_alone.stop("mariadb")
    raise ValueError("its own fault too")

def test_finds_everything_well(lab):
    lab.sql("select 1")
    with lab.redis_client() as client:
        assert client.ping()
    assert lab.ssh(lab.node2, "true").returncode == 0
    assert "laravel-worker:laravel-worker_00   RUNNING" in lab.supervisor(lab.node1, "status").stdout
"""


@pytest.mark.lab
def test_one_failure_stays_one_failure(tmp_path: Path) -> None:
    (tmp_path / "test_careless.py").write_text(CARELESS)
    options = ["-q", "-p", "tests.lab.fixtures", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", "-c", "/dev/null", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    ends = [
        line.split("::")[-1].split()[0] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
    ]
    assert ends == ["test_breaks_everything_and_fails", "test_ruins_what_cannot_be_mended_and_fails"], done.stdout
    assert "2 failed, 1 passed" in done.stdout


def test_a_host_sees_its_own_applications_workers_only(lab: Lab) -> None:
    words = ["php", "artisan", "queue:work", "redis", "--queue=of-another-application"]
    with subprocess.Popen(["sh", "-c", "sleep 60; :", *words]) as stranger:
        try:
            for node in lab.nodes:
                seen = lab.ssh(node, "ps -eo args=").stdout
                assert "of-another-application" not in seen
                assert seen.count(f"{node.current}/artisan queue:work") == 3
                assert "sshd" in seen
        finally:
            stranger.kill()


def test_healing_ends_what_somebody_left_and_starts_what_somebody_stopped(lab_alone: Lab) -> None:
    lab_alone.workers("stop")
    left = subprocess.Popen(["sleep", "300"], env={MARK: lab_alone.world.root, "PATH": "/bin"}, start_new_session=True)
    lab_alone.heal()
    eventually(lambda: left.poll() is not None, 5)
    for node in lab_alone.nodes:
        assert lab_alone.supervisor(node, "status").stdout.count("RUNNING") == 3
