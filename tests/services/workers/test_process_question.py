"""The look at one host's processes and programs, on this machine and through several shells. Processes are copies of
a shell under PHP's name, which keep their script open as PHP does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.environment import AppSpec, Environment, Host, SshTarget
from console.domain.worker_arguments import Role
from console.domain.worker_processes import Evidence, HostProcesses, Process, belongs, prove, started_here
from console.domain.worker_verdicts import own_workers
from console.errors import RemoteError
from console.ports import Completed
from console.services.workers.process_question import ProcessQuestion
from tests.fakes.reach import make_environment
from tests.services.hosts import SHELLS, LocalHost
from tests.waiting import eventually

STATUS = """\
work:work_00                     RUNNING   pid {pid}, uptime 0:00:07
work:work_01                     EXITED    Nov 21 11:09 PM
mail                             STOPPED   Not started
"""
CONF = """\
[unix_http_server]
password=hidden
[include]
files = conf.d/*.conf
  %(here)s/more/*.ini ; both are read
[program:mail]
environment=TOKEN="hidden"
command=mail --password=hidden
autorestart=false
"""


class Place:
    """An application in two releases, and a host whose shell is the one under test."""

    def __init__(self, directory: Path, shell: str) -> None:
        self.host = LocalHost(directory, shell)
        self.app = directory / "app"
        for name in ("1", "2"):
            (self.app / "releases" / name).mkdir(parents=True)
            (self.app / "releases" / name / "artisan").write_text("sleep 60 & wait\n")
        (self.app / "current").symlink_to("releases/1")
        self.php = directory / "php8.2"
        shutil.copy("/bin/dash", self.php)
        self.children: list[subprocess.Popen[bytes]] = []

    def run(self, *words: str, cwd: Path | None = None, shell: bool = False) -> int:
        """Starts a process of the application and waits until its script is open."""
        argv = [str(self.php), *words] if not shell else ["sh", "-c", f"{self.php} {' '.join(words)}; :"]
        child = subprocess.Popen(argv, cwd=cwd or "/", start_new_session=True)
        self.children.append(child)
        eventually(
            lambda: any("artisan" in name for name in opened(child.pid, deep=shell)), otherwise="no script is open"
        )
        return child.pid

    def link(self, name: str) -> None:
        """Switches the link."""
        (self.app / "new").symlink_to(f"releases/{name}")
        (self.app / "new").rename(self.app / "current")

    def supervisorctl(self, text: str) -> None:
        """Puts a supervisorctl into the host that says this, and ends with 0 like version 3."""
        target = self.host.bin / "supervisorctl"
        # A link to a program elsewhere would be written through.
        target.unlink(missing_ok=True)
        target.write_text(f"#!/bin/sh\ncase $1 in pid) echo {os.getpid()};; status) cat <<'T'\n{text}\nT\n;; esac\n")
        target.chmod(0o755)

    def environment(self) -> Environment:
        host = Host(name="web1", ssh=SshTarget(alias="web1"), path=str(self.app))
        return make_environment(hosts=(host,), app=AppSpec(path=str(self.app)))

    def look(self) -> HostProcesses:
        environment = self.environment()
        look = ProcessQuestion(environment=environment, host=environment.hosts[0])
        done = self.host.run(look.script)
        return look.read(Completed(status=done.status, stdout=done.stdout, stderr=done.stderr, seconds=0))

    def process(self, pid: int) -> tuple[HostProcesses, Process]:
        seen = self.look()
        return seen, next(each for each in seen.processes if each.pid == pid)


def opened(pid: int, *, deep: bool) -> list[str]:
    """What a process holds open, or with `deep` its children."""
    pids = [pid]
    if deep:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pids = [int(each) for each in listed]
    found = []
    for each in pids:
        try:
            found += [str(one.readlink()) for one in Path(f"/proc/{each}/fd").iterdir()]
        except OSError:
            continue
    return found


@pytest.fixture(params=SHELLS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path, request.param)
    yield found
    for child in found.children:
        os.killpg(child.pid, 9)
        child.wait()


def test_the_script_that_is_open_proves_the_release(place: Place) -> None:
    old = place.run(
        f"{place.app}/current/artisan", "queue:work", "redis", "--queue=Ready For Import,plain", "--sleep=0.5"
    )
    place.link("2")
    new = place.run(f"{place.app}/current/artisan", "horizon")
    seen, first = place.process(old)
    assert (prove(first, seen).release, prove(first, seen).evidence) == ("1", Evidence.SCRIPT)
    assert first.invocation.queues == ("Ready For Import", "plain") and first.invocation.connection == "redis"
    second = next(each for each in seen.processes if each.pid == new)
    assert prove(second, seen).release == "2" and second.invocation.role is Role.HORIZON
    assert seen.release == "2" and seen.now - 60 < seen.began(first) <= seen.now + 1
    assert seen.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_removed_release_is_still_named(place: Place) -> None:
    pid = place.run("artisan", "queue:work", cwd=place.app / "releases/1")
    place.link("2")
    shutil.rmtree(place.app / "releases/1")
    seen, process = place.process(pid)
    assert process.cwd is not None and process.cwd.endswith(" (deleted)")
    assert prove(process, seen).release == "1" and belongs(process, seen) is True


def test_another_application_is_not_ours(place: Place) -> None:
    other = place.app.parent / "other"
    other.mkdir()
    (other / "artisan").write_text("sleep 60 & wait\n")
    pid = place.run("artisan", "queue:work", "redis", cwd=other)
    ours = place.run(f"{place.app}/current/artisan", "queue:work")
    seen, process = place.process(pid)
    assert prove(process, seen).foreign and belongs(process, seen) is False
    assert [each.pid for each in own_workers(seen)] == [ours]


def test_odd_arguments_come_whole(place: Place) -> None:
    words = ("queue:work", "--name=a\nb \\ 'c'", "--queue=ä,b c", "")
    pid = place.run(f"{place.app}/current/artisan", *words)
    _, process = place.process(pid)
    assert process.argv[2:] == words and process.invocation.queues == ("ä", "b c")


def test_programs_and_the_processes_below_them(place: Place) -> None:
    pid = place.run(f"{place.app}/current/artisan", "queue:work", shell=True)
    place.supervisorctl(STATUS.format(pid=pid).rstrip())
    seen = place.look()
    assert seen.supervised is not None and [each.name for each in seen.supervised] == [
        "work:work_00", "work:work_01", "mail",
    ]  # fmt: skip
    worker = own_workers(seen)[0]
    assert worker.pid != pid and worker.parents[0] == pid
    program = seen.program(worker)
    assert program is not None and program.name == "work:work_00" and seen.of_program(program) == (worker,)


@pytest.mark.parametrize(
    "text",
    [
        "unix:///var/run/supervisor.sock no such file",
        "error: <class 'socket.error'>, [Errno 13] Permission denied: file: /usr/lib64/python2.7/socket.py line: 224",
        "Server requires authentication\nerror: 401 Unauthorized",
    ],
)
def test_a_refusal_is_no_empty_list(place: Place, text: str) -> None:
    place.supervisorctl(text)
    seen = place.look()
    assert seen.supervised is None and text.splitlines()[0] in seen.refusal


def test_without_supervisorctl_it_says_so(place: Place) -> None:
    if place.host.path == str(place.host.bin):
        seen = place.look()
        assert seen.supervised is None and seen.refusal == "there is no command supervisorctl"


def test_a_supervisord_without_programs_answers(place: Place) -> None:
    place.supervisorctl("")
    assert place.look().supervised == ()


def test_a_host_without_any_php_process_has_none(place: Place) -> None:
    """The real answer, without the processes that happen to run on this machine."""
    environment = place.environment()
    look = ProcessQuestion(environment=environment, host=environment.hosts[0])
    of_a_process = {"process", "argument", "readable", "cwd", "open", "parents", "ended"}
    lines = place.host.run(look.script).stdout.decode().split("\n")
    left = "\n".join(line for line in lines if (line.split() + [""] * 2)[1] not in of_a_process)
    seen = look.read(Completed(status=0, stdout=left.encode(), stderr=b"", seconds=0))
    assert seen.processes == ()
    assert seen.boot


def test_an_answer_cut_short_is_no_answer(place: Place) -> None:
    environment = place.environment()
    look = ProcessQuestion(environment=environment, host=environment.hosts[0])
    done = place.host.run(look.script)
    with pytest.raises(RemoteError, match="could not be looked at"):
        look.read(Completed(status=0, stdout=done.stdout[:-20], stderr=b"", seconds=0))


def test_settings_are_read_from_every_included_file(place: Place) -> None:
    home = place.app.parent / "supervisor"
    for name in ("conf.d", "more"):
        (home / name).mkdir(parents=True)
    (home / "supervisord.conf").write_text(CONF)
    (home / "conf.d/work.conf").write_text(
        "[program:work]\nprocess_name=%(program_name)s_%(process_num)02d\nautorestart=true\nstopwaitsecs=3600 ; long\n"
        f"command = env TOKEN=hidden php {place.app}/current/artisan queue:work --queue='a b' redis\n"
    )
    (home / "more/broken.ini").write_text("no section\n")
    # Whoever answers as supervisord's pid has its configuration on the command line.
    (home / "supervisord").write_text("sleep 60 & wait\n")
    words = [str(place.php), str(home / "supervisord"), "-c", str(home / "supervisord.conf")]
    keeper = subprocess.Popen(words, start_new_session=True)
    place.children.append(keeper)
    target = place.host.bin / "supervisorctl"
    target.unlink(missing_ok=True)
    listed = STATUS.format(pid=1).rstrip()
    target.write_text(f"#!/bin/sh\ncase $1 in pid) echo {keeper.pid};; status) cat <<'T'\n{listed}\nT\n;; esac\n")
    target.chmod(0o755)
    environment = place.environment()
    look = ProcessQuestion(environment=environment, host=environment.hosts[0], settings=True)
    done = place.host.run(look.script)
    assert b"hidden" not in done.stdout, "nothing that may be a secret leaves the host"
    seen = look.read(done)
    assert seen.settings["work:work_01"].stopwaitsecs == 3600 and seen.settings["work:work_00"].autorestart == "true"
    assert [(told.connection, told.queues) for told in started_here(seen)] == [("redis", ("a b",))] * 2
    assert seen.settings["mail"].autorestart == "false" and seen.settings["mail"].command == ""
