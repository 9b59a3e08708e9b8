"""The test world itself: what it promises to the other tests holds."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.lab.processes import marked, wait_until
from tests.lab.values import FIRST_RELEASE, MARK, OLD_RELEASE, World
from tests.lab.world import Lab


def ask(url: str, seconds: float = 5.0) -> tuple[int, str]:
    """One request: status and body."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_both_hosts_answer_with_the_first_version(lab: Lab) -> None:
    for node in lab.nodes:
        status, body = ask(f"{node.url}/health")
        found = json.loads(body)
        assert (status, found["status"], found["version"], found["host"]) == (200, "ok", "1.0.0", node.name)


def test_each_host_sees_its_own_programs_over_ssh(lab: Lab) -> None:
    pids = set()
    for node in lab.nodes:
        done = lab.ssh(node, "hostname; supervisorctl pid; sudo -n supervisorctl pid")
        name, plain, as_root = done.stdout.split()
        assert name == node.name and plain == as_root
        pids.add(plain)
    assert len(pids) == 2


def test_the_busybox_account_has_a_busybox_shell(lab: Lab) -> None:
    done = lab.ssh(
        lab.node1, "for name in sh setsid; do readlink -f $(command -v $name); done; command -v perl", user="opsbusy"
    )
    assert done.stdout.split() == ["/usr/bin/busybox", "/usr/bin/busybox"], done


@pytest.mark.parametrize("connection", ["database", "redis"])
def test_jobs_fail_and_a_retried_one_succeeds(still: Lab, connection: str) -> None:
    lab = still
    lab.set_flaky(True)
    lab.artisan(lab.node1, "lab:dispatch", "flaky", "--count=3", f"--connection={connection}", "--queue=reports")
    lab.artisan(lab.node1, "queue:work", connection, "--queue=reports", "--stop-when-empty", "--sleep=0")
    rows = lab.sql("select uuid, connection, queue from failed_jobs")
    assert [row[1:] for row in rows] == [(connection, "reports")] * 3
    lab.set_flaky(False)
    lab.artisan(lab.node1, "queue:retry", rows[0][0])
    lab.artisan(lab.node1, "queue:work", connection, "--queue=reports", "--stop-when-empty", "--sleep=0")
    assert lab.sql("select count(*) from failed_jobs") == [(2,)]
    listed = lab.artisan(lab.node1, "queue:failed")
    assert rows[0][0] not in listed and rows[1][0] in listed


def test_web_modes(lab_alone: Lab) -> None:
    lab, url = lab_alone, f"{lab_alone.node2.url}/up"
    for mode, status, body in (("503", 503, "<h1>503</h1>"), ("empty", 200, ""), ("badjson", 200, '{"status": "ok"')):
        lab.set_web_mode(lab.node2, mode)
        found = ask(url)
        assert found[0] == status and found[1].startswith(body)
    lab.set_web_mode(lab.node2, "slow:0.3")
    began = time.monotonic()
    assert ask(url)[0] == 200 and time.monotonic() - began >= 0.3
    lab.set_web_mode(lab.node2, "hang")
    with pytest.raises(TimeoutError):
        ask(url, 0.3)


def test_a_stopped_server_comes_back(lab_alone: Lab) -> None:
    lab_alone.stop("redis")
    assert json.loads(ask(f"{lab_alone.node1.url}/health")[1])["status"] == "fail"
    lab_alone.start("redis")
    assert json.loads(ask(f"{lab_alone.node1.url}/health")[1])["status"] == "ok"


def test_a_frozen_host_says_nothing_until_it_thaws(lab_alone: Lab) -> None:
    lab_alone.pause("web1")
    with pytest.raises(TimeoutError):
        ask(f"{lab_alone.node1.url}/up", 0.3)
    lab_alone.resume("web1")
    assert ask(f"{lab_alone.node1.url}/up")[0] == 200


def test_a_broken_program_ends_fatal(lab: Lab) -> None:
    lab.supervisor(lab.node1, "start", "laravel-broken")
    wait_until(lambda: "FATAL" in lab.supervisor(lab.node1, "status", "laravel-broken").stdout, "FATAL")
    assert lab.supervisor(lab.node1, "status").returncode == 3


def test_the_configuration_names_both_environments(lab: Lab, tmp_path: Path) -> None:
    text = lab.write_config(tmp_path / "c", url=None, top={"ssh_config": lab.ssh_config}).read_text()
    assert "lab:" in text and "labprod:" in text and lab.node2.path in text and "url: http" not in text


def test_cut_sessions_leaves_the_listener_and_the_other_host(lab_alone: Lab) -> None:
    lab = lab_alone
    running = [
        subprocess.Popen(["ssh", "-F", lab.ssh_config, f"lab-{node.name}", "exec sleep 60"], stdin=subprocess.DEVNULL)
        for node in lab.nodes
    ]
    try:
        wait_until(lambda: all(lab.servers.sessions(node) for node in lab.nodes), "both sessions")
        lab.servers.cut_sessions(lab.node1)
        assert running[0].wait(5) == 255
        assert lab.servers.sessions(lab.node2) and running[1].poll() is None
        assert lab.ssh(lab.node1, "echo back").stdout == "back\n"
    finally:
        for each in running:
            each.kill()
            each.wait()


def test_nothing_is_left_of_a_world_that_goes_down(lab: Lab) -> None:
    root = Path(tempfile.mkdtemp(prefix="opslab", dir="/tmp"))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "hold", str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as keeper:
        assert keeper.stdin and keeper.stdout and keeper.stdout.readline() == b"ready\n"
        other = Lab(World.load(root))
        stray = "setsid sleep 300 </dev/null >/dev/null 2>&1 & echo started"
        assert other.ssh(other.node1, stray).stdout == "started\n"
        assert any(b"sleep" in Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in marked(MARK, str(root)))
        keeper.stdin.close()
        keeper.wait(60)
    assert not root.exists() and not marked(MARK, str(root))
    assert not [name for name in Path("/etc/sudoers.d").iterdir() if root.name in name.name]
    assert ask(f"{lab.node1.url}/up")[0] == 200, "another world went on"


@pytest.mark.parametrize(
    "words",
    [
        "config:cache", "route:cache", "view:cache", "event:cache", "optimize:clear", "migrate:status",
        "migrate --force", "queue:prune-failed --hours=1", "queue:prune-batches --hours=1", "queue:restart",
        "schedule:list", "storage:link", "queue:monitor database:default,redis:default",
    ],
)  # fmt: skip
def test_the_commands_operators_run_work(lab: Lab, words: str) -> None:
    lab.artisan(lab.node2, *words.split())


def test_maintenance_shows_on_the_web(lab_alone: Lab) -> None:
    lab_alone.artisan(lab_alone.node1, "down")
    try:
        assert [ask(f"{node.url}/up")[0] for node in lab_alone.nodes] == [503, 200]
    finally:
        lab_alone.artisan(lab_alone.node1, "up")
    assert ask(f"{lab_alone.node1.url}/up")[0] == 200


def test_the_next_version_can_be_deployed_by_hand(lab_alone: Lab) -> None:
    lab, node = lab_alone, lab_alone.node2
    before, base = lab.release(node), node.path
    lines = [
        f"cd {base}/releases && git clone -q {lab.git_url} next && cd next && rm -rf storage",
        "ln -s ../../shared/storage storage && ln -s ../../shared/.env .env",
        "php artisan config:cache && php artisan migrate --force && cd ../..",
        "ln -s releases/next new && mv -T new current",
    ]
    try:
        done = lab.ssh(node, " && ".join(lines))
        assert done.returncode == 0, done
        assert lab.sql("show tables like 'gift_cards'") and lab.release(node) == "next"
        found = json.loads(ask(f"{node.url}/health")[1])
        assert (found["version"], found["release"]) == ("1.1.0", "next")
        # The other host's code does not know the new migration, and says so rather than break.
        assert json.loads(ask(f"{lab.node1.url}/health")[1])["version"] == "1.0.0"
    finally:
        lab.heal()
    assert lab.release(node) == before and not lab.sql("show tables like 'gift_cards'")
    assert sorted(each.name for each in Path(base, "releases").iterdir()) == [OLD_RELEASE, FIRST_RELEASE]
    assert json.loads(ask(f"{node.url}/health")[1])["version"] == "1.0.0"
