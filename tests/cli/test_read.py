"""The reading commands over fake clients: documents, tables, exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from console.domain.health import Status
from console.errors import AuthenticationError, HostKeyError, OpsconsoleError, UnreachableError, UsageError
from tests.cli.conftest import Run, World
from tests.fakes import FakeShell, make_environment
from tests.fakes.http import answered
from tests.services.failed_jobs.test_table import add
from tests.sources.test_redis_queues import PREFIX


def test_queues(world: World, run: Run) -> None:
    code, document = run("queues", "-e", "lab", "--json")
    assert code == 0
    rows = {(row["connection"], row["queue"]): row for row in document["queues"]}
    assert rows["database", "default"]["ready"] == 1
    assert rows["database", "default"]["stuck"] == 1
    assert rows["redis", "mail"]["ready"] == 4
    assert rows["redis", "idle"]["ready"] == 0, "a queue only workers name"
    assert document["schema_version"] == 1
    assert world.closed == 1
    code, text = run("queues", "-e", "lab")
    assert "mail" in text


def test_a_stuck_job_is_a_warning(world: World, run: Run) -> None:
    assert run("queues", "-e", "lab", "--json", "--fail-on", "warning")[0] == 1
    assert run("queues", "-e", "lab", "--json", "--fail-on", "failed")[0] == 0


def test_one_connection_that_is_down_is_partial(world: World, run: Run) -> None:
    world.store.error = UnreachableError("redis is gone")
    code, document = run("queues", "-e", "lab", "--json")
    assert code == 3
    assert document["errors"] == [{"source": "queues:redis", "error": "redis is gone"}]
    assert {row["connection"] for row in document["queues"]} == {"database"}
    code, text = run("queues", "-e", "lab", "--fail-on", "warning")
    assert (code, "redis is gone" in text) == (3, True), "what could not be read outranks what was"


@pytest.mark.parametrize(("error", "code"), [(UnreachableError("no host"), 6), (AuthenticationError("no key"), 4)])
def test_an_application_that_cannot_be_found_ends_with_the_cause(
    world: World, run: Run, error: Exception, code: int
) -> None:
    world.facts_error = error
    for shell in world.shells.values():
        shell.down = True
    ended, document = run("queues", "-e", "lab", "--json")
    assert ended == code
    assert document["error"]["message"] == str(error)
    assert run("failed", "list", "-e", "lab", "--json")[0] == code


def test_workers(world: World, run: Run) -> None:
    code, document = run("workers", "-e", "lab", "--json")
    assert code == 0
    assert [(w["host"], w["name"], w["status"]) for w in document["workers"]] == [
        ("web1", "laravel-worker", "stopped"),
        ("web1", "laravel-redis-worker", "running"),
        ("web2", "laravel-worker", "stopped"),
        ("web2", "laravel-redis-worker", "running"),
    ]
    assert run("workers", "-e", "lab", "--fail-on", "warning")[0] == 1
    world.shells["web2"].down = True
    code, document = run("workers", "-e", "lab", "--json")
    assert (code, len(document["workers"]), len(document["errors"])) == (3, 2, 1)
    world.shells["web1"].down = True
    assert run("workers", "-e", "lab", "--json")[0] == 6


def test_health(world: World, run: Run) -> None:
    world.http.answer = lambda spec: answered(spec, Status.FAILED if spec.name == "/up" else Status.WARNING, 503)
    code, document = run("health", "-e", "lab", "--json")
    assert (code, [probe["status"] for probe in document["probes"]]) == (0, ["failed", "warning"])
    assert run("health", "-e", "lab", "--fail-on", "failed")[0] == 1
    world.http.answer = lambda spec: answered(spec, Status.WARNING)
    assert run("health", "-e", "lab", "--fail-on", "failed")[0] == 0
    assert run("health", "-e", "lab", "--fail-on", "warning")[0] == 1


def test_what_is_not_configured_is_a_usage_error(world: World, run: Run) -> None:
    for command in ("workers", "health"):
        code, document = run(command, "-e", "bare", "--json")
        assert (code, bool(document["error"]["fix"])) == (2, True)
    code, document = run("queues", "-e", "lap", "--json")
    assert (code, "lab" in document["error"]["fix"]) == (2, True)
    assert run("queues", "--json")[0] == 2


def test_status_of_all_and_of_one(world: World, run: Run) -> None:
    code, document = run("status", "--json")
    assert [environment["name"] for environment in document["environments"]] == ["lab", "bare"]
    assert code == 0
    lab = document["environments"][0]
    assert lab["queues"]["ready"] == 5
    assert lab["failed"]["total"] == 2
    assert lab["release"] == "2"
    assert lab["workers"] == lab["workers"] | {"running": 4, "expected": 6}
    assert set(lab["sources"]) == {
        "app", "failed", "queues:database", "queues:redis", "workers", "releases", "probes", "hosts",
            "maintenance",
    }  # fmt: skip
    assert all(source["error"] is None for source in lab["sources"].values())
    code, document = run("status", "-e", "bare", "--json")
    assert [environment["name"] for environment in document["environments"]] == ["bare"]
    code, text = run("status", "-e", "lab")
    assert "lab  normal  warning" in text
    assert "laravel-worker stopped on web1" in text


def test_status_is_printed_though_parts_are_down(world: World, run: Run) -> None:
    world.sql.error = UnreachableError("database is gone")
    code, document = run("status", "-e", "lab", "--json")
    lab = document["environments"][0]
    assert code == 3
    unread = {"is_complete": False, "bound": "database is gone", "taken_at": None, "error": "database is gone"}
    assert lab["failed"] == {"total": None, "since_hour": None, **unread}
    assert lab["queues"]["error"] == "database is gone"
    assert lab["queues"]["ready"] == 4
    assert run("status", "-e", "lab", "--fail-on", "failed")[0] == 3


def test_status_with_nothing_readable_is_printed_and_ends_with_the_cause(world: World, run: Run) -> None:
    world.facts_error = UnreachableError("no host")
    for shell in world.shells.values():
        shell.down = True
    code, document = run("status", "-e", "bare", "--json")
    assert (code, document["environments"][0]["status"]) == (6, "lost")


def test_status_names_a_lost_host_once_and_is_partial(world: World, run: Run) -> None:
    world.shells["web2"].down = True
    code, text = run("status", "-e", "lab")
    assert code == 3
    assert "lab  normal  failed" in text
    assert "✗ web2: web2 cannot be reached" in text
    assert text.count("cannot be reached") == 1
    [workers] = [line for line in text.splitlines() if line.lstrip().startswith("workers")]
    assert workers.endswith("2/3 worker processes, without web2")


@pytest.mark.parametrize(
    ("error", "code"),
    [(UnreachableError("no route", fix="look at the cable"), 6), (HostKeyError("another key", fix="ask web1"), 4)],
)
def test_status_with_every_host_lost_ends_with_the_cause_though_probes_answer(
    world: World, run: Run, error: OpsconsoleError, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_self: FakeShell) -> None:
        raise error

    monkeypatch.setattr(FakeShell, "_up", lost)
    for shell in world.shells.values():
        shell.down = True
    world.facts_error = error
    found, text = run("status", "-e", "lab")
    assert (found, text.splitlines()[0]) == (code, "lab  normal  lost")
    assert text.count(error.what) == 2, "one line for each host"
    assert text.count(f"→ {error.fix}") == 2


@pytest.mark.parametrize("words", [("status",), ("runs", "list"), ("queues",)])
def test_an_environment_that_is_not_there_is_a_usage_error(world: World, run: Run, words: tuple[str, ...]) -> None:
    code, text = run(*words, "-e", "labb")
    assert code == 2 and "lab" in text


def test_failed_list_and_show(world: World, run: Run) -> None:
    code, document = run("failed", "list", "-e", "lab", "--json")
    assert (code, document["total"], [each["id"] for each in document["jobs"]]) == (0, 2, [2, 1])
    uuid = document["jobs"][0]["uuid"]
    assert run("failed", "list", "-e", "lab", "--json", "--below", "2")[1]["jobs"][0]["id"] == 1
    assert run("failed", "list", "-e", "lab", "--json", "--queue", "none")[1]["jobs"] == []
    code, document = run("failed", "show", uuid, "-e", "lab", "--json")
    assert (code, document["payload"]["displayName"]) == (0, "App\\Jobs\\Sync")
    assert [each["exception_class"] for each in document["exception"]] == [
        "App\\Exceptions\\SyncFailed",
        "PDOException",
    ]
    code, text = run("failed", "show", uuid, "-e", "lab")
    assert "caused by PDOException" in text
    assert run("failed", "show", "gone", "-e", "lab")[0] == 2
    code, text = run("failed", "list", "-e", "lab")
    assert "2 in all" in text


def test_a_failed_job_is_found_by_the_beginning_of_its_id(world: World, run: Run) -> None:
    add(world.connection, 3, uuid="3fca83f8-1111-4000-8000-000000000003")
    add(world.connection, 4, uuid="3fca83f8-2222-4000-8000-000000000004")
    code, document = run("failed", "show", "3fca83f8-1", "-e", "lab", "--json")
    assert (code, document["uuid"]) == (0, "3fca83f8-1111-4000-8000-000000000003")
    code, text = run("failed", "show", "3fca83f8", "-e", "lab")
    assert code == 2 and "several" in text
    assert "3fca83f8-1111-4000-8000-000000000003" in text and "3fca83f8-2222-4000-8000-000000000004" in text
    assert run("failed", "show", "3fca", "-e", "lab")[0] == 2, "too short to mean one"
    assert run("failed", "show", "abcdef", "-e", "lab")[0] == 2


def test_retry_and_forget_take_the_beginning_of_an_id(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uuid = "3fca83f8-1111-4000-8000-000000000003"
    add(world.connection, 3, uuid=uuid)
    planned: list[Any] = []

    def plan(_control: object, _environment: str, action: str, params: Any) -> Any:
        planned.append((action, params))
        raise UsageError("enough seen")

    monkeypatch.setattr("console.services.runs.control.RunControl.plan", plan)
    for action in ("retry", "forget"):
        assert run("failed", action, "3fca83f8", "-e", "lab", "--yes")[0] == 2
    assert planned == [(action, {"ids": [uuid]}) for action in ("retry", "forget")]


def test_environments_of_the_fakes_and_of_the_file_agree(world: World) -> None:
    from console.wiring.configuration import load_environments

    [lab, _] = load_environments(None).environments
    assert [host.name for host in lab.hosts] == [host.name for host in make_environment().hosts]
    assert f"{PREFIX}queues:mail" in world.store.lists


def test_plan_without_an_action_lists_them_with_their_parameters(world: World, run: Run) -> None:
    code, text = run("plan", "-e", "lab")
    assert code == 0
    assert "rollback" in text and "--param to=" in text
    [deploy] = [line for line in text.splitlines() if line.startswith("deploy")]
    assert "not here" in deploy, "it has no source"
    assert "--param allow_failing=… (text)  Probes that may fail before step 1, separated by commas" in text
    code, document = run("plan", "-e", "lab", "--json")
    assert code == 0
    retry = next(each for each in document["actions"] if each["name"] == "retry")
    assert [(param["name"], param["required"]) for param in retry["params"]] == [
        ("ids", True),
        ("allow_attached", False),
    ]
    assert all(shell.scripts == [] for shell in world.shells.values()), "nothing is asked of a host"


def test_an_interrupted_plan_says_that_nothing_was_changed(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("console.services.runs.control.RunControl.plan", interrupted)
    for words in (("plan", "rollback"), ("run", "rollback"), ("failed", "retry", "0" * 36)):
        code, text = run(*words, "-e", "lab")
        assert code == 130 and "Nothing was changed." in text


def test_help_is_not_cut_off_and_names_the_exit_codes(run: Run) -> None:
    _, text = run("runs", "--help")
    assert "no step is done twice." in " ".join(text.split())
    _, text = run("--help")
    assert "8 outcome unknown" in " ".join(text.split())
    assert "opsconsole plan -e NAME" in " ".join(run("run", "--help")[1].split())
