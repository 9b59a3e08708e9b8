"""supervisorctl's words and supervisord's files, as written by hand and by programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.supervisor import Supervised, parse_sections, parse_status, selects, settings_of

STATUS = """\
horizon                            RUNNING   pid 9, uptime 1 day, 0:00:01
laravel-worker:laravel-worker_00   RUNNING   pid 175, uptime 0:00:07
laravel-worker:laravel-worker_01   EXITED    Nov 21 11:09 PM
shop:mail                          STOPPED   Not started
broken                             FATAL     Exited too quickly (process log may have details)
late                               BACKOFF   Exited too quickly (process log may have details)
new                                STARTING
"""
FILE = """\
[supervisord]
nodaemon=true
[program:laravel-worker]
command = php artisan queue:work ; a remark
process_name=%(program_name)s_%(process_num)02d
numprocs=2
autorestart=true
stopasgroup = true
stopwaitsecs=3600   ; longer than the longest job
stopsignal=SIGQUIT
directory=/srv/app/current
  # no value: a remark
[program:horizon]
user=www-data
[group:shop]
programs=mail,
  pictures
[program:mail]
autorestart=unexpected
killasgroup=on
[program:pictures]
stopwaitsecs=%(ENV_PATIENCE)s
"""


def process(name: str) -> Supervised:
    return Supervised(name, "RUNNING")


def test_states_and_pids() -> None:
    found = {each.name: each for each in parse_status(STATUS.splitlines())}
    assert [each.state for each in found.values()] == [
        "RUNNING", "RUNNING", "EXITED", "STOPPED", "FATAL", "BACKOFF", "STARTING",
    ]  # fmt: skip
    assert found["horizon"].pid == 9 and found["laravel-worker:laravel-worker_00"].pid == 175
    assert found["shop:mail"].pid is None and found["new"].pid is None
    assert (found["shop:mail"].group, found["shop:mail"].process) == ("shop", "mail")
    assert (found["horizon"].group, found["horizon"].process) == ("horizon", "horizon")


@pytest.mark.parametrize(
    "text",
    [
        "unix:///var/run/supervisor.sock no such file",
        "error: <class 'socket.error'>, [Errno 13] Permission denied: file: /usr/lib64/python2.7/socket.py line: 224",
        "Server requires authentication",
        "nothing: ERROR (no such process)",
    ],
)
def test_what_is_no_status_is_no_program(text: str) -> None:
    assert parse_status(text.splitlines()) == ()


@pytest.mark.parametrize(
    ("wanted", "name", "program", "meant"),
    [
        ("laravel-worker", "laravel-worker:laravel-worker_00", "", True),
        ("laravel-worker:*", "laravel-worker:laravel-worker_00", "", True),
        ("laravel-worker:laravel-worker_00", "laravel-worker:laravel-worker_00", "", True),
        ("laravel-worker:laravel-worker_00", "laravel-worker:laravel-worker_01", "", False),
        ("horizon", "horizon", "", True),
        ("horizon:*", "horizon", "", True),
        ("mail", "shop:mail", "", True),
        ("mail", "shop:mail_00", "mail", True),
        ("mail", "shop:mail_00", "", False),
        ("shop", "shop:mail_00", "mail", True),
        ("laravel", "laravel-worker:laravel-worker_00", "", False),
        ("laravel-wrker", "laravel-worker:laravel-worker_00", "laravel-worker", False),
        ("*", "horizon", "", False),
    ],
)
def test_which_processes_a_name_means(wanted: str, name: str, program: str, meant: bool) -> None:
    assert selects(wanted, process(name), program) is meant


def test_settings_with_the_defaults_of_supervisord() -> None:
    sections = parse_sections(FILE)
    worker = settings_of(process("laravel-worker:laravel-worker_01"), sections)
    assert worker is not None
    assert (worker.program, worker.autorestart, worker.stopwaitsecs) == ("laravel-worker", "true", 3600)
    assert (worker.stopsignal, worker.stopasgroup, worker.killasgroup) == ("QUIT", True, True)
    assert worker.directory == "/srv/app/current"
    horizon = settings_of(process("horizon"), sections)
    assert horizon is not None
    assert (horizon.autorestart, horizon.stopwaitsecs, horizon.stopsignal) == ("unexpected", 10, "TERM")
    assert (horizon.stopasgroup, horizon.killasgroup, horizon.startsecs) == (False, False, 1)
    assert horizon.user == "www-data"


def test_a_program_in_a_group_is_found_by_the_group() -> None:
    sections = parse_sections(FILE)
    mail, pictures = (settings_of(process(f"shop:{name}"), sections) for name in ("mail", "pictures"))
    assert mail is not None and mail.killasgroup is True and mail.program == "mail"
    assert pictures is not None and pictures.stopwaitsecs is None, "a value that is filled in elsewhere is not known"
    assert settings_of(process("mail"), sections) is None
    assert settings_of(process("other"), sections) is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers(text: str) -> None:
    for each in parse_status(text.splitlines()):
        assert each.detail.isprintable()
        selects(text, each)
    try:
        sections = parse_sections(text)
    except ValueError:
        return
    assert settings_of(process("a:b"), sections) is None or "program:" in text
