"""What a plan says of workers, sentence by sentence, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from console.domain.supervisor import Settings, Supervised
from console.domain.worker_advice import headline, idle_line, refusals, warnings
from console.domain.worker_arguments import read_arguments
from console.domain.worker_broadcasts import broadcast_warnings
from console.domain.worker_cache import Cache, ReleaseAnswer, signal_places
from console.domain.worker_cuts import hard_headline, hard_warnings
from console.domain.worker_found import Found, limits
from console.domain.worker_processes import HostProcesses, Process
from console.domain.worker_queues import Connection, FlightJob, QueueJobs, Reserved, WorkerQueues

BASE = "/srv/app"
REDIS = Cache(store="redis", driver="redis", prefix="app_", place="a")
QUEUES = WorkerQueues(default="redis", connections={"redis": Connection(name="redis", driver="redis", retry_after=90)})
JOB = FlightJob(name="App\\Jobs\\Import", age=41, timeout=120, tries=1)


def process(
    pid: int, *words: str, scripts: tuple[str, ...] | None = (f"{BASE}/releases/41/artisan",), **more: Any
) -> Process:
    argv = ("php", f"{BASE}/current/artisan", *words)
    invocation = read_arguments(argv)
    assert invocation is not None
    base: dict[str, Any] = {"ppid": 1, "uid": 1000, "start": 200_000}
    return Process(pid=pid, argv=argv, invocation=invocation, scripts=scripts, **(base | more))


def host(*processes: Process, name: str = "web1", **more: Any) -> HostProcesses:
    programs = tuple(
        Supervised(f"work:work_{at:02}", "RUNNING", "", each.parents[0] if each.parents else each.pid)
        for at, each in enumerate(processes)
    )
    settings = {each.name: Settings(program="work", autorestart="true", stopwaitsecs=3600) for each in programs}
    base: dict[str, Any] = {
        "boot": "b", "now": 5000.0, "boot_time": 0.0, "ticks": 100, "uid": 1000, "bases": (BASE,),
        "current": f"{BASE}/releases/41", "releases": f"{BASE}/releases", "linked_at": 1000.0,
        "processes": processes, "supervised": programs, "settings": settings,
        "visible": frozenset(pid for each in processes for pid in (each.pid, *each.parents)),
    }  # fmt: skip
    return HostProcesses(host=name, **(base | more))


def answer(**more: Any) -> ReleaseAnswer:
    base: dict[str, Any] = {
        "host": "web1", "release": "41", "directory": BASE, "cache": REDIS, "queues": QUEUES, "pcntl": True,
        "laravel": "8.83.0",
    }  # fmt: skip
    return ReleaseAnswer(**(base | more))


def found(*processes: Process, seen: HostProcesses | None = None, **more: Any) -> Found:
    base: dict[str, Any] = {
        "wanted": ("work",), "must": ("web1",), "hosts": {"web1": seen or host(*processes)}, "answers": (answer(),),
        "queues": QUEUES, "reserved": Reserved(queues=(QueueJobs(connection="redis", queue="default", reserved=0),)),
    }  # fmt: skip
    return Found(**(base | more))


WORKER = process(11, "queue:work", "redis", "--timeout=60")


def test_the_headline_counts_says_who_is_at_work_and_how_long() -> None:
    jobs = QueueJobs(connection="redis", queue="default", reserved=4, stuck=1, jobs=(JOB, replace(JOB, age=3)))
    said = headline(found(WORKER, process(12, "queue:work"), reserved=Reserved(queues=(jobs,))))
    assert said == (
        "Restart workers gently: work (2) · at most 3 jobs in flight, oldest 41 s (App\\Jobs\\Import ×2); 1 stuck past "
        "retry_after not counted · wait at most 2 min, then ask · nothing is killed."
    )
    unread = Reserved(unread={"sqs:default": "its driver is not one this console reads"})
    assert "jobs in flight on sqs:default are not known" in headline(found(WORKER, reserved=unread))


def test_an_ordinary_worker_needs_no_word() -> None:
    assert warnings(found(WORKER)) == () and refusals(found(WORKER)) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (found(process(11, "queue:listen")), "work is queue:listen, which never hears the signal"),
        (found(process(11, "queue:work", "--once")), "works one job at a time (--once)"),
        (found(process(11, "queue:work", "--timeout=90")), "--timeout (90) is not below retry_after 90"),
        (found(process(11, "queue:work", "--timeout=0")), "--timeout (none) is not below retry_after 90"),
        (found(process(11, "queue:work", parents=(10,))), "runs its worker under a shell without stopasgroup"),
        (found(process(11, "queue:work", scripts=None, uid=33)), "another account (uid 33) may not be looked into"),
        (found(WORKER, seen=host(WORKER, supervised=(), settings={})), "pid 11 (queue:work, release 41) is not known"),
        (found(WORKER, wanted=("mail",), must=()), "is not under `workers:`"),
        (found(WORKER, left=("web3",)), "web3: not among this step's hosts"),
        (found(WORKER, answers=(answer(changed_at=4000.0),)), "was written after some of its workers began"),
        (found(WORKER, answers=(answer(cache=None, why="no PHP"),)), "cache of release 41 could not be read: no PHP"),
        (
            found(WORKER, coming=(answer(cache=replace(REDIS, prefix="shop_")),)),
            "the cache changes from redis with prefix app_ to redis with prefix shop_: the signal is also written by",
        ),
        (found(WORKER, coming=(answer(cache=replace(REDIS, place="b")),)), "the cache moves to another server"),
        (found(WORKER, seen=host(WORKER, settings={})), "autorestart of work could not be read"),
        (found(WORKER, seen=host(WORKER, visible=frozenset())), "could not be seen (pid 11)"),
        (found(WORKER, unread={"web2": "the link is down"}), "web2: its workers could not be looked at"),
    ],
)  # fmt: skip
def test_what_will_not_go_as_hoped_is_said(given: Found, said: str) -> None:
    assert any(said in sentence for sentence in warnings(given)), warnings(given)


def test_states_and_settings_of_programs() -> None:
    programs = (
        Supervised("work:work_00", "RUNNING", "", 11),
        Supervised("work:work_01", "STOPPED"),
        Supervised("work:work_02", "FATAL"),
        Supervised("horizon", "RUNNING", "", 12),
    )
    horizon = process(12, "horizon")
    settings = {
        "work:work_00": Settings(program="work", autorestart="unexpected"),
        "horizon": Settings(program="horizon", autorestart="true", killasgroup=True, stopwaitsecs=10),
    }
    seen = host(WORKER, horizon, supervised=programs, settings=settings)
    said = "\n".join(warnings(found(seen=seen, wanted=("work", "horizon"))))
    assert "work:work_01 is stopped, and is left so." in said
    assert "work:work_02 is FATAL now; this step starts it." in said
    assert 'work: autorestart is "unexpected": workers that leave are started by this step.' in said
    assert "horizon is Horizon with killasgroup" in said


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (found(WORKER, clears=("clear",)), "The step clear clears a cache after"),
        (found(WORKER, links=("link",)), "The step link switches the link after"),
        (
            found(WORKER, answers=(answer(cache=replace(REDIS, driver="array", store="array")),)),
            "cannot reach the workers",
        ),
        (
            found(WORKER, coming=(answer(cache=replace(REDIS, driver="null", store="null")),)),
            "cannot reach the workers",
        ),
        (found(WORKER, term=True, answers=(answer(pcntl=False),)), "PHP has no pcntl"),
        (found(WORKER, wanted=("wrk",)), "does not know the program wrk; it knows work"),
        (found(WORKER, seen=host(WORKER, supervised=None, refusal="no such file")), "does not answer: no such file"),
    ],
)
def test_what_must_not_be_done_is_refused_with_a_cure(given: Found, what: str) -> None:
    (refusal,) = refusals(given)
    assert what in refusal.what and refusal.fix


@pytest.mark.parametrize(
    "given",
    [
        found(process(11, "horizon"), answers=(answer(cache=replace(REDIS, driver="array")),)),
        found(WORKER, term=True, answers=(answer(cache=replace(REDIS, driver="array")),)),
        found(WORKER, hard=True, clears=("clear",)),
        found(WORKER, wanted=(), must=("web1",), answers=(answer(cache=replace(REDIS, driver="array")),)),
    ],
)
def test_what_another_means_reaches_is_not_refused(given: Found) -> None:
    assert refusals(given) == ()


def test_limits_follow_the_longest_job_and_the_slowest_worker() -> None:
    slow = process(12, "queue:work", "--sleep=30", "--timeout=45")
    assert limits(found(WORKER, slow)) == (40.0, 90.0)
    jobs = Reserved(queues=(QueueJobs(connection="redis", queue="default", reserved=1, jobs=(JOB,)),))
    assert limits(found(WORKER, reserved=jobs)) == (13.0, 150.0)
    assert limits(found(process(11, "queue:work", "--timeout=0"))) == (13.0, 600.0)
    assert limits(found(WORKER, drain=30.0)) == (13.0, 30.0)


def test_a_hard_restart_says_whom_it_cuts() -> None:
    seen = host(WORKER, settings={"work:work_00": Settings(stopwaitsecs=10, stopsignal="QUIT")})
    jobs = Reserved(queues=(QueueJobs(connection="redis", queue="default", reserved=1, jobs=(JOB,)),))
    given = found(seen=seen, reserved=jobs)
    said = "\n".join(hard_warnings(given))
    assert hard_headline(given).startswith("Restart workers hard: work (1) · at most 1 job in flight, oldest 41 s")
    assert "web1: work: would kill jobs after 10 s (stopwaitsecs); they may take up to 60 s." in said
    assert "stopsignal is QUIT, which Laravel 8 does not handle" in said
    assert "App\\Jobs\\Import since 41 s: killed, it fails without running again (tries 1)." in said
    assert "retry_after (90 s)" in said
    calm = "\n".join(hard_warnings(found(WORKER)))
    assert "stopwaitsecs 3600 is long enough" in calm and "QUIT" not in calm


def test_a_step_that_only_broadcasts_is_told_who_does_not_hear_it() -> None:
    listening, horizon = process(11, "queue:listen"), process(12, "horizon")
    seen = host(listening, horizon, settings={"work:work_00": Settings(autorestart="unexpected")})
    said = "\n".join(broadcast_warnings(found(seen=seen, clears=("clear",)), horizon=False))
    assert "web1: work is queue:listen, which never hears it" in said
    assert "is Horizon, whose master does not hear it" in said and "nobody starts it again" in said
    assert "The step clear clears a cache after it" in said and "`service: {restart: workers}` waits" in said
    assert broadcast_warnings(found(WORKER), horizon=False) == ()
    assert not any("Horizon" in each for each in broadcast_warnings(found(seen=seen), horizon=True))


def test_without_programs_those_who_go_on_are_named() -> None:
    assert idle_line(found(WORKER, wanted=())).endswith("web1 pid 11 (queue:work).")
    assert idle_line(found(wanted=())).endswith("No worker runs here.")


def test_the_signal_is_written_once_for_each_cache() -> None:
    other = replace(REDIS, prefix="shop_")
    local = replace(REDIS, driver="file", store="file")
    places = signal_places(
        [
            answer(release="42"),
            answer(release="41"),
            answer(host="web2", release="42"),
            answer(release="40", cache=other),
            answer(release="39", cache=local),
            answer(host="web2", release="39", cache=local),
            answer(release="38", cache=None),
            answer(release="37", cache=replace(REDIS, driver="array")),
        ]
    )
    assert [(each.host, each.release) for each in places] == [
        ("web1", "42"), ("web1", "40"), ("web1", "39"), ("web2", "39"), ("web1", "38"),
    ]  # fmt: skip
