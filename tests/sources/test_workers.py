"""Worker programs, from supervisorctl's own words and a real shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.supervisor import parse_status
from console.domain.worker_arguments import read_arguments
from console.domain.worker_processes import HostProcesses, Process
from console.domain.workers import Worker
from console.errors import RemoteError, UnreachableError
from console.ports import Completed
from console.sources import workers
from console.sources.kinds import SourceParams
from tests.fakes import FakeReach, FakeShell, make_environment
from tests.sources.support import context_of, round_trips

STATUS = """\
broken-worker                      FATAL     Exited too quickly (process log may have details)
laravel-redis-worker               RUNNING   pid 191, uptime 0:00:04
laravel-worker:laravel-worker_00   RUNNING   pid 175, uptime 0:00:07
laravel-worker:laravel-worker_01   STOPPED   Nov 21 11:09 PM
other-app                          RUNNING   pid 9, uptime 1 day, 0:00:01
"""


def by_name(status: str, *programs: str) -> dict[str, Worker]:
    found = workers.group("web1", parse_status(status.splitlines()), programs)
    return {worker.name: worker for worker in found}


def test_processes_are_grouped_by_program() -> None:
    found = by_name(STATUS, "laravel-worker", "laravel-redis-worker", "broken-worker", "gone-worker")
    assert list(found) == ["laravel-worker", "laravel-redis-worker", "broken-worker", "gone-worker"]
    grouped = found["laravel-worker"]
    assert (grouped.status, grouped.running, grouped.expected) == ("stopped", 1, 2)
    assert grouped.detail == "STOPPED Nov 21 11:09 PM"
    assert found["laravel-redis-worker"].status == "running"
    assert found["broken-worker"].status == "failed"
    assert (found["gone-worker"].status, found["gone-worker"].expected) == ("missing", 0)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["RUNNING", "RUNNING"], "running"),
        (["RUNNING", "STARTING"], "starting"),
        (["RUNNING", "STOPPED"], "stopped"),
        (["STOPPED", "EXITED"], "failed"),
        (["BACKOFF", "RUNNING"], "failed"),
        (["STOPPING"], "stopped"),
    ],
)
def test_one_word_for_many_processes(states: list[str], status: str) -> None:
    lines = "\n".join(f"p:p_{n:02} {state} x" for n, state in enumerate(states))
    assert by_name(lines, "p")["p"].status == status


def process(*words: str, pid: int = 9, cwd: str | None = "/", scripts: tuple[str, ...] | None = None) -> Process:
    """A PHP process of that command line."""
    argv = ("php", *words)
    invocation = read_arguments(argv)
    assert invocation is not None
    return Process(
        pid=pid, ppid=1, uid=33, start=1, argv=argv, invocation=invocation, cwd=cwd, scripts=scripts, parents=(1,)
    )


def listens(*processes: Process, supervised: str = "", **changes: Any) -> list[tuple[str, tuple[str, ...]]]:
    """What is taken from these processes of one host, whose application is in /srv/app."""
    seen = HostProcesses(
        **{
            "host": "web1", "boot": "b", "now": 9.0, "boot_time": 0.0, "ticks": 100, "uid": 1, "bases": ("/srv/app",),
            "current": "/srv/app/releases/7", "releases": "/srv/app/releases", "linked_at": 1.0,
            "processes": processes, "supervised": parse_status([supervised]), **changes,
        }
    )  # fmt: skip
    return workers.listened(seen, ("laravel-worker",))


OURS = "/srv/app/current/artisan"


def test_queues_that_workers_listen_to() -> None:
    assert listens(
        process(OURS, "queue:work", "database", "--queue=high,default", "--sleep=3"),
        process(OURS, "queue:work", "--queue=media", "--tries=3"),
        process(OURS, "queue:work", "--tries=3", "--queue=late", "redis"),
        process(OURS, "queue:work", "redis", "--queue", "low,,Ready For Import"),
        process(OURS, "queue:work", "redis"),
        process(OURS, "horizon"),
        process(OURS, "horizon:work", "redis", "--queue=mail", "--supervisor=a:b"),
        process(OURS, "schedule:work"),
    ) == [
        ("database", ("high", "default")),
        ("", ("media",)),
        ("redis", ("late",)),
        ("redis", ("low", "Ready For Import")),
        ("redis", ()),
        ("redis", ("mail",)),
    ]


def test_another_applications_worker_gives_no_queue() -> None:
    other = ("queue:work", "redis", "--queue=theirs")
    assert not listens(
        process("/srv/other/current/artisan", *other),
        process("/srv/app2/artisan", *other, cwd="/srv/app2"),
        process("/srv/app/beside/artisan", *other, cwd="/srv/app/beside"),
        process("artisan", *other, cwd="/srv/other"),
        process("artisan", *other, cwd=None),
    )


def test_a_worker_is_ours_by_directory_by_script_or_by_its_program() -> None:
    words = ("queue:work", "redis", "--queue=q")
    line = "laravel-worker:laravel-worker_00 RUNNING pid 9, uptime 0:00:07"
    for one in (
        process("artisan", *words, cwd="/srv/app/releases/6 (deleted)"),
        process("/var/www/html/artisan", *words, scripts=("/srv/app/releases/7/artisan",)),
        process("/elsewhere/artisan", *words, cwd="/srv/app/releases/7"),
        process("../current/artisan", *words, cwd="/srv/app/shared"),
    ):
        assert listens(one) == [("redis", ("q",))]
    assert listens(process("artisan", *words, cwd=None), supervised=line) == [("redis", ("q",))]
    assert not listens(process("artisan", *words, cwd=None), supervised=line.replace("laravel", "other"))


def test_a_tree_without_releases_is_the_applications_whole() -> None:
    at_work = process("artisan", "queue:work", "redis", cwd="/srv/app/main")
    assert listens(at_work, current="/srv/app") == [("redis", ())]


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_parser(text: str) -> None:
    for each in parse_status(text.splitlines()):
        assert each.detail.isprintable()
    read_arguments(["php", "artisan", "queue:work", *text.split()])


def fake_host(tmp_path: Path, name: str, *, status: int = 3, text: str = STATUS, sudo: bool = False) -> FakeShell:
    """A host whose PATH holds our supervisorctl, run by a real sh."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "status.txt").write_text(text)
    allowed = '[ "$VIA_SUDO" = 1 ] || { echo "error: <class PermissionError>, [Errno 13]"; exit 4; }' if sudo else ":"
    for program, body in {
        "supervisorctl": f"{allowed}\ncat {folder}/status.txt\nexit {status}",
        "sudo": '[ "$1" = -n ] && shift; [ "$1" = -- ] && shift; VIA_SUDO=1 exec "$@"' if sudo else "exit 1",
    }.items():
        (folder / program).write_text(f"#!/bin/sh\n{body}\n")
        (folder / program).chmod(0o755)
    return PathShell(name, folder)


class PathShell(FakeShell):
    """A host whose PATH begins with a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.folder = folder

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        return super().run(f"PATH={self.folder}:$PATH; export PATH\n{script}", deadline=deadline, limit=limit)


def source_for(*shells: FakeShell) -> tuple[workers.WorkersSource, FakeReach]:
    reach = FakeReach(
        make_environment(supervisor=("laravel-worker", "laravel-redis-worker")),
        shells={shell.host: shell for shell in shells},
    )
    [source] = workers.build(context_of(reach), SourceParams())
    return source, reach


def test_exit_status_3_is_data(tmp_path: Path) -> None:
    source, _ = source_for(fake_host(tmp_path, "web1"), fake_host(tmp_path, "web2", status=0))
    reading = source.read()
    assert [(w.host, w.name, w.running, w.expected) for w in reading.workers] == [
        ("web1", "laravel-worker", 1, 2),
        ("web1", "laravel-redis-worker", 1, 1),
        ("web2", "laravel-worker", 1, 2),
        ("web2", "laravel-redis-worker", 1, 1),
    ]
    assert reading.errors == ()
    round_trips(source, reading)


def test_sudo_is_tried_where_the_login_may_not(tmp_path: Path) -> None:
    source, _ = source_for(fake_host(tmp_path, "web1", sudo=True), fake_host(tmp_path, "web2"))
    assert len(source.read().workers) == 4


def test_one_host_that_is_gone_does_not_hide_the_other(tmp_path: Path) -> None:
    gone = FakeShell("web2")
    gone.down = True
    source, _ = source_for(fake_host(tmp_path, "web1"), gone)
    reading = source.read()
    assert {worker.host for worker in reading.workers} == {"web1"}
    assert reading.errors == ("web2: web2 cannot be reached",)


def test_all_hosts_gone_is_an_error(tmp_path: Path) -> None:
    shells = [FakeShell("web1"), FakeShell("web2")]
    for shell in shells:
        shell.down = True
    with pytest.raises(UnreachableError):
        source_for(*shells)[0].read()


def test_a_supervisord_that_refuses_says_why(tmp_path: Path) -> None:
    text = "unix:///var/run/supervisor.sock no such file\n"
    source, _ = source_for(*(fake_host(tmp_path, name, status=4, text=text) for name in ("web1", "web2")))
    with pytest.raises(RemoteError, match=r"web1: supervisorctl does not answer: unix:///var/run/supervisor\.sock"):
        source.read()


@pytest.mark.parametrize(
    "text",
    [
        "unix:///var/run/supervisor.sock no such file\n",
        "error: <class 'socket.error'>, [Errno 13] Permission denied: file: /usr/lib64/python2.7/socket.py line: 224\n",
        "Server requires authentication\nerror: <ProtocolError for 127.0.0.1/RPC2: 401 Unauthorized>\n",
    ],
)
def test_version_3_which_ends_with_0_whatever_it_says(tmp_path: Path, text: str) -> None:
    source, _ = source_for(*(fake_host(tmp_path, name, status=0, text=text) for name in ("web1", "web2")))
    with pytest.raises(RemoteError, match="web1: supervisorctl does not answer"):
        source.read()


def test_groups_and_single_processes_may_be_configured() -> None:
    found = by_name(STATUS, "laravel-worker:*", "laravel-worker:laravel-worker_01", "other-app:other-app")
    assert [(each.running, each.expected) for each in found.values()] == [(1, 2), (0, 1), (1, 1)]


def test_without_the_role_worker_every_host_is_asked() -> None:
    from dataclasses import replace

    environment = make_environment()
    assert workers.worker_hosts(environment) == ("web1", "web2")
    plain = replace(environment, hosts=tuple(replace(host, roles=()) for host in environment.hosts))
    assert workers.worker_hosts(plain) == ("web1", "web2")
    one = replace(environment, hosts=(environment.hosts[0], replace(environment.hosts[1], roles=("web",))))
    assert workers.worker_hosts(one) == ("web1",)
    assert workers.build(context_of(FakeReach(make_environment(supervisor=()))), SourceParams()) == ()
