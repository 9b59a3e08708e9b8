"""Worker programs, from supervisorctl's own words and a real shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    found = workers.group("web1", workers.parse_status(status.splitlines()), programs)
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


def test_queues_that_workers_listen_to() -> None:
    lines = [
        "php /srv/app/current/artisan queue:work database --queue=high,default --sleep=3",
        "php artisan queue:work --queue=media --tries=3",
        "php artisan queue:work redis --sleep 3 --queue 'mail'",
        "php artisan queue:work redis",
    ]
    assert workers.listened(lines) == [("database", ("high", "default")), ("", ("media",)), ("redis", ("mail",))]


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_parser(text: str) -> None:
    for process in workers.parse_status(text.splitlines()):
        assert process.detail.isprintable()
    workers.listened(text.splitlines())


def fake_host(tmp_path: Path, name: str, *, status: int = 3, text: str = STATUS, sudo: bool = False) -> FakeShell:
    """A host whose PATH holds our supervisorctl, run by a real sh."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "status.txt").write_text(text)
    allowed = '[ "$VIA_SUDO" = 1 ] || { echo "error: <class PermissionError>, [Errno 13]"; exit 4; }' if sudo else ":"
    for program, body in {
        "supervisorctl": f"{allowed}\ncat {folder}/status.txt\nexit {status}",
        "sudo": '[ "$1" = -n ] && shift; [ "$1" = -- ] && shift; VIA_SUDO=1 exec "$@"' if sudo else "exit 1",
        "ps": "echo 'php artisan queue:work redis --queue=high'",
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
    assert (reading.errors, reading.listens) == ((), {"redis": ("high",)})
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


def test_without_the_role_worker_every_host_is_asked() -> None:
    from dataclasses import replace

    environment = make_environment()
    assert workers.worker_hosts(environment) == ("web1", "web2")
    plain = replace(environment, hosts=tuple(replace(host, roles=()) for host in environment.hosts))
    assert workers.worker_hosts(plain) == ("web1", "web2")
    one = replace(environment, hosts=(environment.hosts[0], replace(environment.hosts[1], roles=("web",))))
    assert workers.worker_hosts(one) == ("web1",)
    assert workers.build(context_of(FakeReach(make_environment(supervisor=()))), SourceParams()) == ()
