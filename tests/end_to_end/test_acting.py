"""Deploy, rollback, retry and forget by the installed command on two real hosts, and what must not happen."""

from __future__ import annotations

import gzip
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Command, Ended
from tests.end_to_end.conftest import quick
from tests.end_to_end.watch import Watch
from tests.lab import seeding
from tests.lab.values import FIRST_RELEASE, OLD_RELEASE, Node
from tests.lab.world import Lab

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def fresh(lab_alone: Lab) -> Iterator[Lab]:
    """The world as it came up, put back afterwards."""
    lab_alone.heal()
    yield lab_alone


def version(node: Node) -> str:
    """The version that one host's web server answers with."""
    with urllib.request.urlopen(f"{node.url}/up", timeout=10) as answer:
        return str(json.load(answer)["version"])


def releases(lab: Lab) -> list[str]:
    return [lab.release(node) for node in lab.nodes]


def worker_pids(lab: Lab) -> set[str]:
    return {word for node in lab.nodes for word in lab.supervisor(node, "pid", "all").stdout.split() if word != "0"}


def finished(ended: Ended) -> dict[str, Any]:
    """The last event of a run that was followed as JSON lines."""
    last: dict[str, Any] = ended.events[-1]
    assert last["kind"] == "run_finished", ended.out + ended.err
    return last


def is_free(console: Command) -> bool:
    found = console("lock", "status", "-e", "lab", "--json")
    assert found.code == 0, found.err
    return not found.json.get("held") and "token" not in found.out


def test_deploy_and_rollback(fresh: Lab, console: Command, watch: Watch) -> None:
    before = worker_pids(fresh)
    done = console("run", "deploy", "-e", "lab", "--yes", "--json")
    assert done.code == 0, done.out[-2000:] + done.err
    assert finished(done)["outcome"] == "ok"
    new = releases(fresh)
    assert new[0] == new[1] != FIRST_RELEASE and [version(node) for node in fresh.nodes] == ["1.1.0"] * 2
    assert fresh.sql("select count(*) from migrations where migration like '%%gift_cards%%'") == [(1,)]
    assert not before & worker_pids(fresh), "every worker was restarted"
    assert is_free(console)

    back = console("run", "rollback", "-e", "lab", "--yes", "--json")
    assert back.code == 0, back.out[-2000:] + back.err
    assert releases(fresh) == [FIRST_RELEASE] * 2 and [version(node) for node in fresh.nodes] == ["1.0.0"] * 2
    assert fresh.sql("select count(*) from migrations where migration like '%%gift_cards%%'") == [(1,)]
    listed = console("runs", "list", "--json").json["runs"]
    assert [(each["action"], each["outcome"]) for each in listed] == [("rollback", "ok"), ("deploy", "ok")]
    verified = console("audit", "verify")
    assert verified.code == 0 and "sound" in verified.out
    assert any(" _runner " in words for words in watch.watched), "the runner's sockets were looked at"
    assert {(node.ip, node.ssh_port) for node in fresh.nodes} <= set(watch.remotes)
    again = console("plan", "rollback", "-e", "lab")
    assert OLD_RELEASE in again.out and new[0] not in again.out, "what was left behind is no candidate"


def test_a_failing_gate_ends_failed_and_offers_rollback(fresh: Lab, console: Command) -> None:
    with console.start("run", "deploy", "-e", "lab", "--yes", "--json") as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if event["kind"] == "step_finished" and event.get("step") == "link":
                for node in fresh.nodes:
                    fresh.set_web_mode(node, "500")
        assert process.wait() == 1
        assert process.stderr and "rollback" in process.stderr.read()
    assert event["kind"] == "run_finished" and event["outcome"] == "failed" and "rollback" in event["offers"]
    assert is_free(console) and releases(fresh)[0] != FIRST_RELEASE
    for node in fresh.nodes:
        fresh.set_web_mode(node, "normal")
    assert console("run", "rollback", "-e", "lab", "--yes").code == 0
    assert releases(fresh) == [FIRST_RELEASE] * 2


def test_probes_that_fail_already_refuse_the_plan(fresh: Lab, console: Command) -> None:
    fresh.set_web_mode(fresh.node1, "500")
    refused = console("run", "deploy", "-e", "lab", "--yes", "--json")
    assert refused.code == 7 and "/up" in refused.err
    assert releases(fresh) == [FIRST_RELEASE] * 2 and not (Path(fresh.node1.path) / ".opsconsole/lock").exists()


def test_a_protected_environment_wants_its_name(fresh: Lab, console: Command) -> None:
    for words in (["--yes"], ["--yes", "--confirm", "lab"], []):
        assert console("run", "deploy", "-e", "labprod", *words).code == 7
    assert releases(fresh) == [FIRST_RELEASE] * 2
    assert console("run", "deploy", "-e", "labprod", "--yes", "--confirm", "labprod").code == 0
    assert version(fresh.node2) == "1.1.0"


def test_another_application_than_the_pinned_one_is_refused(fresh: Lab, tmp_path: Path) -> None:
    pinned = {"app_env": "production", "app_key": "0123456789ab", "database": "other@db.internal:3306"}
    config = fresh.write_config(tmp_path / "config", identity=pinned)
    console = Command(config, tmp_path / "home", mark=fresh.world.root)
    done = console("run", "deploy", "-e", "labprod", "--yes", "--confirm", "labprod")
    assert done.code == 7
    assert f"{fresh.db.name}@{fresh.db.host}:{fresh.db.port}" in done.out + done.err, "the block to check and paste"


def test_the_second_of_two_learns_who_holds_the_lock(fresh: Lab, console: Command) -> None:
    fresh.set_environment(LAB_MIGRATION_SECONDS="4")
    with console.start("run", "deploy", "-e", "lab", "--yes", "--json") as first:
        assert first.stdout
        for line in first.stdout:
            if json.loads(line)["kind"] == "lock_taken":
                break
        second = console("run", "deploy", "-e", "lab", "--yes", "--json")
        assert second.code == 5
        # While a step runs the plan says so; between two steps the run does.
        said = finished(second)["detail"] if second.out else json.loads(second.err)["error"]["message"]
        assert "held by root" in said and " since " in said
        for _ in first.stdout:
            pass
        assert first.wait() == 0
    assert is_free(console)


def test_a_plan_of_yesterday_is_refused(fresh: Lab, console: Command, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert console("plan", "deploy", "-e", "lab", "-o", str(plan)).code == 0
    fresh.commit({"config/note.php": "<?php\n\nreturn [];\n"})
    assert console("run", "deploy", "-e", "lab", "--yes").code == 0
    live = releases(fresh)
    stale = console("run", "deploy", "-e", "lab", "--plan", str(plan), "--yes")
    assert stale.code == 7 and releases(fresh) == live


def test_an_own_copy_of_deploy_with_one_more_step(fresh: Lab, tmp_path: Path) -> None:
    mark = f"{fresh.node1.directory}/marked"
    Path(mark).parent.chmod(0o777)
    text = quick("deploy").replace("gate:", f"  - {{name: mark, shell: [touch, {mark}], effect: idempotent}}\ngate:")
    config = fresh.write_config(tmp_path / "config", actions={"ship": text})
    console = Command(config, tmp_path / "home", mark=fresh.world.root)
    assert console("run", "ship", "-e", "lab", "--yes").code == 0
    assert Path(mark).exists() and [version(node) for node in fresh.nodes] == ["1.1.0"] * 2
    assert len(console("runs", "show", "1", "--json").json["steps"]) == 11


@pytest.mark.parametrize("connection", seeding.CONNECTIONS)
def test_retry_tells_what_became_of_each(still: Lab, console: Command, connection: str) -> None:
    still.set_flaky(True)
    seeding.fail(still, "flaky", count=3, connections=(connection,))
    ids = [row[0] for row in still.sql("select uuid from failed_jobs order by id")]
    done = console("failed", "retry", *ids[:2], "-e", "lab", "--yes", "--json")
    assert done.code == 0, done.err
    assert {(each["uuid"], each["outcome"]) for each in done.json["results"]} == {(each, "ok") for each in ids[:2]}
    assert still.sql("select uuid from failed_jobs") == [(ids[2],)]
    still.set_flaky(False)
    seeding.work_off(still, connection, "seeding")
    assert still.sql("select uuid from failed_jobs") == [(ids[2],)], "both succeeded"
    unknown = console("failed", "retry", "00000000-0000-4000-8000-000000000000", "-e", "lab", "--yes", "--json")
    assert unknown.code != 0 and "ok" not in {each["outcome"] for each in unknown.json.get("results", [])}


def test_forget_archives_the_whole_row_first(still: Lab, console: Command) -> None:
    seeding.fail(still, "refused", connections=("database",))
    uuid, exception = still.sql("select uuid, exception from failed_jobs")[0]
    done = console("failed", "forget", uuid, "-e", "lab", "--yes", "--json")
    assert done.code == 0, done.err
    assert still.sql("select count(*) from failed_jobs") == [(0,)]
    archives = list(console.config.parent.rglob("*.gz"))
    assert len(archives) == 1 and archives[0].stat().st_mode & 0o077 == 0
    kept = gzip.decompress(archives[0].read_bytes()).decode()
    assert uuid in kept and json.dumps(exception)[1:200] in kept
