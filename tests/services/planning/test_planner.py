"""Plans: what they pin, what they say, what they refuse; and that making one changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.actions import Effect, Param, ParamType, StepSpec
from console.domain.environment import CodeSource, QueueConnection, RedisTarget, SqlTarget
from console.domain.events import StepStarted
from console.domain.git import Named, named
from console.domain.origins import Origin, Origins
from console.domain.plan_codec import decode_plan, encode_plan, plan_hash
from console.domain.runs import Outcome
from console.errors import RefusedError, RemoteError, UnreachableError, UsageError
from console.ports import Completed
from console.services.planning.advice import key_advice, shared_cache
from console.services.planning.planner import check_needs
from tests.fakes.reach import FakeReach, make_facts
from tests.fakes.shell import FakeShell
from tests.fakes.sql import FakeSql
from tests.services.planning.planned import planner, reach, shipped
from tests.services.running.stage import HOSTS, OPERATOR, Stage, action, protected, release, step

COMMIT = "a" * 40


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


def listing(directory: Path) -> list[tuple[str, int]]:
    found = subprocess.run(["find", str(directory), "-printf", "%P %T@ %y\n"], capture_output=True, check=True)
    return sorted((line, 0) for line in found.stdout.decode().splitlines() if not line.startswith(("state", " ")))


def test_the_shipped_actions_are_there() -> None:
    assert sorted(shipped()) == ["cleanup", "deploy", "forget", "maintenance", "retry", "rollback", "workers"]
    assert [one.name for one in shipped()["deploy"].steps if one.effect is Effect.ONCE] == ["code", "migrate"]
    assert not shipped()["retry"].lock


def test_a_plan_pins_and_changes_nothing(stage: Stage) -> None:
    before = listing(stage.directory)
    plan = stage.plan(shipped()["deploy"])
    assert listing(stage.directory) == before
    assert (plan.release, plan.rollback_target) == ("3", "2")
    assert len(plan.commit) == 64
    assert [host.current for host in plan.hosts] == ["2", "2"]
    assert all(host.host_key.startswith("SHA256:") for host in plan.hosts)
    assert "cd -- " + str(stage.directory / "web2/releases/3") in plan.steps[3].scripts[1].script
    assert plan_hash(stage.plan(shipped()["deploy"])) == plan_hash(plan)
    assert decode_plan(encode_plan(plan)) == plan


def test_rollback_names_its_target_and_the_migrations_that_stay(stage: Stage) -> None:
    for name in ("1", "2"):
        folder = stage.directory / "web1/releases" / name / "database/migrations"
        folder.mkdir(parents=True)
        (folder / "2026_01_01_a.php").touch()
    (folder / "2026_02_01_b.php").touch()
    plan = stage.plan(shipped()["rollback"])
    assert plan.release == "1"
    assert "Migrations of 2 that stay in the database: 2026_02_01_b." in plan.notes
    assert plan.steps[1].scripts[0].text == "mark 2 bad"


@pytest.mark.parametrize(("to", "error"), [("9", UsageError), ("2", RefusedError), ("../x", UsageError)])
def test_rollback_to_a_release_that_cannot_be(stage: Stage, to: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        stage.plan(shipped()["rollback"], to=to)


def test_no_rollback_to_a_bad_release(stage: Stage) -> None:
    for host in HOSTS:
        (stage.directory / host / "releases/1/BAD_RELEASE").touch()
    with pytest.raises(RefusedError, match="no release to go back to"):
        stage.plan(shipped()["rollback"])
    with pytest.raises(RefusedError, match="marked bad"):
        stage.plan(shipped()["rollback"], to="1")


def test_a_deploy_from_git_resolves_its_ref(stage: Stage, tmp_path: Path) -> None:
    def git(*words: str) -> str:
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "init.defaultBranch=main"]
        done = subprocess.run(["git", *settings, *words], cwd=tmp_path / "origin", capture_output=True, check=True)
        return done.stdout.decode().strip()

    (tmp_path / "origin").mkdir()
    git("init", "-q")
    (tmp_path / "origin/artisan").touch()
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "-a", "v1", "-m", "v1")
    commit = git("rev-parse", "HEAD")
    source = CodeSource(git=str(tmp_path / "origin"), ref="main")
    target = reach(stage, app=replace(stage.environment.app, source=source))
    deploy = shipped()["deploy"]
    for given in ({}, {"ref": "v1"}, {"ref": commit}):
        assert planner(stage).plan(deploy, given, target, OPERATOR).commit == commit
    with pytest.raises(UsageError, match="no branch or tag nope"):
        planner(stage).plan(deploy, {"ref": "nope"}, target, OPERATOR)
    away = reach(stage, app=replace(stage.environment.app, source=replace(source, git="/nonexistent/x")))
    with pytest.raises(RemoteError, match="cannot read the repository"):
        planner(stage).plan(deploy, {}, away, OPERATOR)


def test_a_ref_for_an_archive_is_refused_and_not_passed_over(stage: Stage) -> None:
    with pytest.raises(UsageError, match="--param ref names a git ref") as caught:
        stage.plan(shipped()["deploy"], ref="v1")
    assert caught.value.exit_code == 2
    assert stage.plan(shipped()["deploy"]).release == "3"


def test_pruning_says_how_many_rows_it_looks_at(stage: Stage) -> None:
    def notes(rows: int) -> str:
        with closing(sqlite3.connect(":memory:", check_same_thread=False)) as link:
            link.execute("create table failed_jobs (id integer primary key)")
            link.executemany("insert into failed_jobs values (?)", [(number + 1,) for number in range(rows)])
            made = FakeReach(stage.environment, shells=stage.shells, sql={"mysql": FakeSql.on(link)})
            return " ".join(planner(stage).plan(shipped()["cleanup"], {}, made, OPERATOR).notes)

    assert "Failed jobs: 0 rows to look at" in notes(0)
    assert "Failed jobs: 400 rows to look at" in notes(400)
    assert "Failed jobs: ~5,000 rows to look at" in notes(5000)
    away = FakeSql()
    away.error = UnreachableError("the database is away")
    made = FakeReach(stage.environment, shells=stage.shells, sql={"mysql": away})
    assert "could not be read: the database is away" in " ".join(
        planner(stage).plan(shipped()["cleanup"], {}, made, OPERATOR).notes
    )
    assert "Failed jobs" not in " ".join(stage.plan(shipped()["rollback"]).notes)


def test_a_host_that_cannot_detach_wants_consent_for_once_steps(stage: Stage, tmp_path: Path) -> None:
    # A PATH with the applets a step needs, and nothing that makes a session of its own.
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in (
        "sh",
        "cat",
        "mkdir",
        "mv",
        "rm",
        "rmdir",
        "ls",
        "sleep",
        "date",
        "tail",
        "head",
        "wc",
        "find",
        "sort",
        "ln",
        "stat",
        "tr",
    ):
        (bare / name).symlink_to(shutil.which(name) or name)
    tried = action(step("one", "echo done >>done; echo here"))

    class BareShell(FakeShell):
        def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
            text = f"PATH={bare}\n{script}" if "oc_choose" in script else script
            return super().run(text, deadline=deadline, limit=limit)

    stage.shells["web2"] = stage.reach.shells["web2"] = BareShell("web2")
    with pytest.raises(RefusedError, match="Nothing on web2 can detach a command") as caught:
        stage.plan(tried)
    assert "--param allow_attached=web2" in caught.value.fix
    with pytest.raises(RefusedError):
        stage.plan(tried, allow_attached="web1")
    plan = stage.plan(tried, allow_attached="web2")
    assert "Steps on web2 may die with the link" in " ".join(plan.notes)
    assert plan_hash(plan) != plan_hash(replace(plan, params={}))
    code, view = stage.run(plan)
    assert (code, view.outcome) == (0, Outcome.OK), view.detail
    assert [(stage.directory / name / "done").read_text() for name in HOSTS] == ["done\n", "done\n"]
    detached = {
        event.host: event.payload.detached
        for event in stage.store.events(view.run)
        if isinstance(event.payload, StepStarted)
    }
    assert detached == {"web1": True, "web2": False}
    # A step that may be repeated asks for nothing.
    assert stage.plan(action(step("two", "true", effect=Effect.IDEMPOTENT))).params == {}


def test_refs_are_never_guessed() -> None:
    heads = f"{'b' * 40}\trefs/heads/feature/main\n{COMMIT}\trefs/heads/main\n"
    text = heads + f"{'c' * 40}\trefs/tags/v1\n{COMMIT}\trefs/tags/v1^{{}}\n"
    assert named(text.encode(), "main") == Named(commit=COMMIT, listed=True)
    assert named(text.encode(), "v1") == Named(commit=COMMIT, listed=True)
    assert named(text.encode(), "refs/tags/v1").commit == named(text.encode(), "tags/v1").commit == COMMIT
    assert named(b"", "D" * 40) == Named(commit="d" * 40)
    assert named(b"", "DEAD" * 2) == Named(commit="deaddead", short=True)
    with pytest.raises(UsageError):
        named(text.encode(), "feature")


def test_a_host_that_is_away_stops_the_plan(stage: Stage) -> None:
    stage.shells["web2"].down = True
    with pytest.raises(UnreachableError):
        stage.plan(shipped()["rollback"])


def test_needs_are_checked_before_any_host_is_asked(stage: Stage) -> None:
    stage.shells["web1"].down = True
    bare = reach(stage, app=replace(stage.environment.app, source=None))
    with pytest.raises(RefusedError, match="needs source"):
        planner(stage).plan(shipped()["deploy"], {}, bare, OPERATOR)
    check_needs(replace(shipped()["deploy"], needs={"source": "archive"}), stage.environment)
    for needs in ({"source": "git"}, {"layout": "in-place"}, {"workers": True}, {"health": False}):
        with pytest.raises(RefusedError):
            check_needs(replace(shipped()["deploy"], needs=needs), stage.environment)


def test_a_value_from_outside_never_becomes_an_option(stage: Stage) -> None:
    spec = StepSpec(
        name="q", kind="artisan", params={"run": ["queue:clear", "{param.name}"], "in": "current"}, on="all"
    )
    asked = replace(action(spec), params=(Param(name="name", type=ParamType.TEXT),))
    with pytest.raises(RefusedError, match="dash"):
        stage.plan(asked, name="--force")
    plan = stage.plan(asked, name="a b;c")
    assert "queue:clear --no-interaction --no-ansi 'a b;c'" in plan.steps[0].scripts[0].script


def test_a_role_nobody_has_is_named(stage: Stage) -> None:
    plan = stage.plan(action(step("x", "true"), step("y", "true", on="backup")))
    assert [one.name for one in plan.steps] == ["x"]
    assert "No host has the role backup: the step y is left out." in plan.notes


def test_cleanup_spares_current_and_candidate(stage: Stage) -> None:
    for host in HOSTS:
        for name in range(3, 12):
            (stage.directory / host / "releases" / str(name)).mkdir()
    plan = stage.plan(shipped()["cleanup"])
    assert plan.steps[2].text == "remove releases: 3, 4, 5, 6"


def test_clearing_a_cache_that_shares_redis_with_queues(stage: Stage) -> None:
    one = RedisTarget(host="redis", database=0)
    facts = make_facts(
        redis={"default": one, "cache": one, "other": replace(one, database=1)},
        queues=(QueueConnection(name="redis", driver="redis", target="default"),),
        cache_store="redis",
        cache_redis="cache",
        sql={"mysql": SqlTarget(driver="mysql")},
    )
    assert shared_cache(facts) == "redis"
    assert shared_cache(replace(facts, cache_redis="other")) == ""
    assert shared_cache(replace(facts, cache_store="shop")) == "redis", "a store may have any name"
    assert shared_cache(replace(facts, cache_store="file", cache_redis="")) == ""
    clear = action(StepSpec(name="c", kind="artisan", params={"run": ["cache:clear"], "in": "current"}, on="primary"))
    shared = FakeReach(stage.environment, facts=facts, shells=stage.shells, http=stage.http)
    unread = replace(facts, cache_redis="", origins=Origins(Origin.DEFAULT), problem="there is no PHP")
    blind = FakeReach(stage.environment, facts=unread, shells=stage.shells, http=stage.http)
    notes = " ".join(planner(stage).plan(clear, {}, blind, OPERATOR).notes)
    assert "is not known: where it lies is a default (there is no PHP)" in notes
    assert "loses its jobs" in " ".join(planner(stage).plan(clear, {}, shared, OPERATOR).notes)
    pinned = protected(stage)
    with pytest.raises(RefusedError, match="loses its jobs"):
        planner(stage).plan(clear, {}, FakeReach(pinned, facts=facts, shells=stage.shells, http=stage.http), OPERATOR)
    apart = FakeReach(
        stage.environment, facts=replace(facts, cache_redis="other"), shells=stage.shells, http=stage.http
    )
    assert "un-pauses" in " ".join(planner(stage).plan(clear, {}, apart, OPERATOR).notes)


def test_a_key_that_dies_with_the_login_is_named(stage: Stage, tmp_path: Path) -> None:
    variables = {"SSH_AUTH_SOCK": "/tmp/x", "SSH_CONNECTION": "1.2.3.4 5 6 7", "HOME": str(tmp_path)}
    assert key_advice(stage.environment, variables)
    assert not key_advice(stage.environment, {**variables, "SSH_AUTH_SOCK": ""})
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").touch()
    assert not key_advice(stage.environment, variables)


def test_a_step_without_its_release_is_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match="needs a release"):
        stage.plan(action(release("composer", "composer")))


def test_a_filled_param_that_its_kind_cannot_take_is_a_wrong_call(stage: Stage) -> None:
    spec = StepSpec(name="unit", kind="service", params={"restart": "{param.unit}", "reload": ""}, on="all")
    asked = replace(action(spec), params=(Param(name="unit", type=ParamType.TEXT),))
    with pytest.raises(UsageError, match="step unit cannot be planned"):
        stage.plan(asked, unit="a b")
    with pytest.raises(RefusedError, match=r"nosuchunit|systemctl does not answer"):
        stage.plan(asked, unit="nosuchunit")
