"""What is said of a step that migrates: the migrations that were recorded meanwhile, or that nobody counted them."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.domain.actions import StepSpec
from console.domain.performed import Performed
from console.domain.runs import Outcome, RunView
from console.present.aftermath import aftermath, migrated
from console.present.run_end import ending_lines
from console.steps.migrations import COUNTS, counted, migrations_after, migrations_before
from tests.fakes import FakeReach, FakeShell
from tests.services.running.stage import HOSTS, Stage, action, step

# An artisan whose database is a file: `migrate` records each line of `pending`, and fails at the word `broken`.
ARTISAN = """<?php
[$ran, $pending] = [@file('ran') ?: [], @file('pending') ?: []];
if ($argv[1] === 'migrate:status') {
    if (file_exists('mute')) { fwrite(STDERR, "could not find driver\\n"); exit(1); }
    if (file_exists('fresh')) { echo "   ERROR  Migration table not found.\\n"; exit(1); }
    OLD
    foreach ($ran as $name) echo "  ".trim($name)." ........ [1] Ran\\n";
    foreach ($pending as $name) echo "  ".trim($name)." ........ Pending\\n";
    if (!$ran && !$pending) echo "   INFO  No migrations found.\\n";
    exit(0);
}
if ($argv[1] !== 'migrate') exit(1);
@unlink('fresh');
if (!$pending) { echo "   INFO  Nothing to migrate.\\n"; exit(0); }
foreach ($pending as $at => $name) {
    if (trim($name) === 'broken') exit(1);
    file_put_contents('ran', $name, FILE_APPEND);
    file_put_contents('pending', implode('', array_slice($pending, $at + 1)));
}
"""
OLD = """
    echo "+------+-----------+-------+\\n| Ran? | Migration | Batch |\\n";
    foreach ($ran as $name) echo "| Yes  | ".trim($name)." | 1     |\\n";
    foreach ($pending as $name) echo "| No   | ".trim($name)." |       |\\n";
    exit(0);
"""
MIGRATE = StepSpec(name="migrate", kind="artisan", params={"run": ["migrate", "--force"]}, on="primary")
FAILING = step("bad", "exit 3")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "php").symlink_to(shutil.which("php") or "php")
    built = Stage(tmp_path)
    write(built, ARTISAN.replace("OLD", ""))
    yield built
    built.close()


def write(stage: Stage, artisan: str) -> None:
    (stage.directory / "artisan").write_text(artisan)
    with tarfile.open(stage.directory / "code.tar", "w") as tar:
        tar.add(stage.directory / "artisan", "artisan")
    for host in HOSTS:
        (stage.directory / host / "releases/2/artisan").write_text(artisan)


def files(stage: Stage, **names: str) -> None:
    for name, text in names.items():
        (stage.directory / "web1/releases/2" / name).write_text(text)


def told(stage: Stage) -> tuple[RunView, str, str]:
    """The run, what is said of the database after its bad end, and what the drawer says."""
    _, view = stage.run(stage.plan(action(MIGRATE, FAILING)))
    assert view.outcome is Outcome.FAILED
    lines = aftermath(stage.store.run(view.run), view, stage.store.events(view.run))
    database = next((line for line in lines if "database" in line), "")
    drawer = ["".join(text for text, _ in line) for line in ending_lines(view, (), {})]
    return view, database.strip(), next((line for line in drawer if "migrat" in line), "")


def test_nothing_to_migrate_is_not_said_to_have_migrated(stage: Stage) -> None:
    files(stage, ran="one\ntwo\n", pending="")
    view, database, drawer = told(stage)
    assert "Nothing to migrate" in stage.output(view.run, "migrate", "web1")
    assert database == "database   no migration ran"
    assert drawer == "no migration ran: step migrate ended ok"


@pytest.mark.parametrize("old", ["", OLD])
def test_migrations_that_ran_are_counted(stage: Stage, old: str) -> None:
    write(stage, ARTISAN.replace("OLD", old))
    files(stage, ran="one\n", pending="two\nthree\n")
    _, database, drawer = told(stage)
    assert database == "database   2 migrations ran; going back to an older release does not undo them"
    assert drawer == "2 migrations ran: step migrate ended ok; nothing takes them back"


def test_a_database_without_a_table_of_migrations_had_none(stage: Stage) -> None:
    files(stage, fresh="", pending="one\n")
    assert told(stage)[1].startswith("database   1 migration ran;")


def test_what_cannot_be_counted_is_not_claimed(stage: Stage) -> None:
    files(stage, mute="", pending="one\n")
    view, database, drawer = told(stage)
    assert database.startswith("database   migrations may have run, they were not counted;")
    assert drawer.startswith("migrations may have run, they were not counted: step migrate")
    detail = view.steps[0].hosts["web1"].detail
    assert detail == "how many migrations ran is not known: migrate:status ended 1: could not find driver"


def test_a_migration_that_failed_behind_others_is_told(stage: Stage) -> None:
    files(stage, ran="", pending="one\nbroken\n")
    _, view = stage.run(stage.plan(action(MIGRATE)))
    assert migrated(view.steps[0]) == ("1 migration ran, another may have run in part", True)


@pytest.mark.parametrize(("attempt", "data"), [(1, {"migrated": 0}), (2, {})])
def test_what_an_earlier_attempt_ran_is_not_left_out_of_a_number(attempt: int, data: dict[str, int]) -> None:
    shell = FakeShell("web1", lambda _: b"  one ........ [1] Ran\n")
    shell.connect()
    planned = SimpleNamespace(params={COUNTS: {"web1": "php artisan migrate:status"}})
    context: Any = SimpleNamespace(step=planned, reach=FakeReach(shells={"web1": shell}))
    noted = {**migrations_before(context, "web1"), "attempt": attempt}
    ended = migrations_after(context, "web1", noted, Performed(outcome=Outcome.OK))
    assert ended.data == data and ("several attempts" in ended.detail) == (attempt > 1)


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        (["migrate", "--force"], []),
        (["migrate", "--force", "--path=database/x", "--realpath"], ["--path=database/x", "--realpath"]),
        (["migrate", "--database", "audit", "--step"], ["--database", "audit"]),
        (["migrate:fresh", "--force"], None),
        (["migr"], None),
        (["--env=x", "migrate"], None),
    ],
)
def test_the_same_migrations_are_counted_that_the_command_runs(argv: list[str], options: list[str] | None) -> None:
    assert counted(argv) == options
