"""What each kind's scripts do when they really run, and the exact text of a few."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.environment import CodeSource, Tier
from console.domain.plan_context import Target
from console.domain.runs import Danger
from console.errors import RefusedError, UsageError
from console.services.planning.archives import read_archive
from tests.steps.world import COMMIT, environment_at, plan_step, sh, tool

HEAD = 'set -eu\numask "$(printf %04o "$((0$(umask) & 022))")"\n'


def test_artisan_text_is_exact() -> None:
    step = plan_step(environment_at("/srv/app"), "artisan", ["migrate", "--force"])
    assert step.text == "php artisan migrate --force"
    assert step.scripts[0].script == (
        HEAD + "cd -- /srv/app/releases/7\nexec php artisan migrate --no-interaction --no-ansi --force\n"
    )


def test_artisan_runs_behind_the_link_once_it_is_switched() -> None:
    environment = environment_at("/srv/app")
    after = plan_step(environment, "artisan", ["up"], linked=True)
    forced = plan_step(environment, "artisan", {"run": ["up"], "in": "current"})
    assert "cd -- /srv/app/current\n" in after.scripts[0].script
    assert "cd -- /srv/app/current\n" in forced.scripts[0].script


def test_become_goes_through_sudo_without_asking() -> None:
    step = plan_step(environment_at("/srv/app"), "artisan", ["up"], become="www-data")
    assert "exec sudo -n -u www-data -- php artisan up" in step.scripts[0].script


@pytest.mark.parametrize(
    "argv", [["migrate:fresh"], ["db:wipe", "--force"], ["migrate", "--seed"], ["key:generate"], ["serve"]]
)
def test_artisan_commands_that_destroy_are_refused_where_protected(argv: list[str]) -> None:
    environment = environment_at("/srv/app")
    assert plan_step(environment, "artisan", argv).scripts
    with pytest.raises(RefusedError):
        plan_step(replace(environment, tier=Tier.PROTECTED), "artisan", argv)


@pytest.mark.parametrize(
    ("table", "status"),
    [
        ("| Ran? | Migration | Batch |\n| Yes  | a | 1 |\n| No   | b |   |", 1),
        ("| Ran? | Migration | Batch |\n| Yes  | a | 1 |", 0),
        ("  2026_a ........ [1] Ran\n  2026_b ........ Pending", 1),
        ("  2026_a ........ [1] Ran", 0),
        ("Migration table not found.", 2),
    ],
)
def test_migrate_status_reads_both_forms(tmp_path: Path, table: str, status: int) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    tool(tmp_path / "bin", "php", f"cat <<'END'\n{table}\nEND")
    step = plan_step(environment_at(tmp_path), "artisan", ["migrate", "--force"], check="migrate-status")
    assert sh(step.check[0].script, path=tmp_path / "bin")[0] == status


def test_shell_quotes_every_word(tmp_path: Path) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    hostile = 'a\'b "c" $(touch pwned) `id` ; *'
    step = plan_step(environment_at(tmp_path), "shell", ["printf", "%s", hostile])
    assert sh(step.scripts[0].script) == (0, hostile)
    assert not list(tmp_path.rglob("pwned"))


def test_shell_stops_at_the_first_command_that_fails(tmp_path: Path) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    step = plan_step(environment_at(tmp_path), "shell", [["echo", "one"], ["false"], ["echo", "two"]])
    assert sh(step.scripts[0].script) == (1, "one\n")


def test_a_script_sees_its_secrets_unexported(tmp_path: Path) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    params = {"script": 'echo "$TOKEN"; env | grep -c s3cret || true', "secrets": {"TOKEN": "env:TOKEN"}}
    step = plan_step(environment_at(tmp_path), "shell", params)
    assert step.secrets == ("env:TOKEN",)
    script = "OPSCONSOLE_SECRET_1=s3cret\n" + step.scripts[0].script
    assert sh(script) == (0, "s3cret\n0\n")
    assert sh(script, variables={"TOKEN": "exported by the login"}) == (0, "s3cret\n0\n")


def test_a_template_in_a_script_may_not_become_syntax() -> None:
    environment = environment_at("/srv/app")
    scope = {"param": {"name": "x; rm -rf /"}}
    with pytest.raises(RefusedError):
        plan_step(environment, "shell", {"script": "echo {param.name}"}, scope=scope)
    fine = plan_step(environment, "shell", {"script": "echo {param.name}"}, scope={"param": {"name": "x-1.2"}})
    assert "echo x-1.2\n" in fine.scripts[0].script


def _repository(folder: Path) -> tuple[str, str]:
    def git(*argv: str) -> str:
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "init.defaultBranch=main"]
        done = subprocess.run(["git", *settings, *argv], cwd=folder, capture_output=True, check=True)
        return done.stdout.decode().strip()

    folder.mkdir()
    git("init", "-q")
    (folder / "artisan").write_text("#!/usr/bin/env php\n")
    (folder / "storage").mkdir()
    (folder / "storage/keep").write_text("")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return str(folder), git("rev-parse", "HEAD")


def test_create_from_git_and_again(tmp_path: Path) -> None:
    url, commit = _repository(tmp_path / "origin")
    base = tmp_path / "app"
    (base / ".opsconsole").mkdir(parents=True)
    environment = environment_at(base)
    environment = replace(environment, app=replace(environment.app, source=CodeSource(git=url, ref="main")))
    target = Target(release="7", creates=True, commit=commit, ref="main")
    step = plan_step(environment, "release", "create", check="release-exists", target=target)
    assert sh(step.check[0].script)[0] == 1
    status, output = sh(step.scripts[0].script)
    assert status == 0, output
    assert (base / "releases/7/artisan").exists()
    assert (base / "releases/7/REVISION").read_text() == commit + "\n"
    assert (base / "releases/7/bootstrap/cache").is_dir()
    assert sh(step.check[0].script)[0] == 0
    status, output = sh(step.scripts[0].script)
    assert status == 1
    assert "already there" in output
    assert sorted(path.name for path in (base / "releases").iterdir()) == ["7"]


def test_create_refuses_a_commit_that_went_away(tmp_path: Path) -> None:
    url, _ = _repository(tmp_path / "origin")
    base = tmp_path / "app"
    (base / ".opsconsole").mkdir(parents=True)
    environment = environment_at(base)
    environment = replace(environment, app=replace(environment.app, source=CodeSource(git=url)))
    status, output = sh(plan_step(environment, "release", "create").scripts[0].script)
    assert status == 1
    assert "not in the repository any more" in output
    assert not (base / "releases/7").exists()


def test_create_from_an_archive_checks_its_hash(tmp_path: Path) -> None:
    (tmp_path / "artisan").write_text("x")
    with tarfile.open(tmp_path / "code.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "artisan", "artisan")
    archive = read_archive(str(tmp_path / "code.tar.gz"))
    base = tmp_path / "app"
    (base / ".opsconsole").mkdir(parents=True)
    target = Target(release="7", creates=True, commit=archive.sha256, ref="code.tar.gz", archive=archive)
    step = plan_step(environment_at(base), "release", "create", target=target)
    assert step.facts.upload is not None
    place = Path(step.facts.upload.to["web1"])
    place.write_bytes(b"something else")
    assert sh(step.scripts[0].script)[0] == 1
    assert not (base / "releases/7").exists()
    place.write_bytes((tmp_path / "code.tar.gz").read_bytes())
    assert sh(step.scripts[0].script)[0] == 0
    assert (base / "releases/7/artisan").read_text() == "x"


def test_shared_links_and_keeps_what_is_shared(tmp_path: Path) -> None:
    release = tmp_path / "releases/7"
    (release / "storage/logs").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/.env").write_text("APP_ENV=production\n")
    step = plan_step(environment_at(tmp_path), "release", "shared")
    for _ in range(2):
        status, output = sh(step.scripts[0].script)
        assert status == 0, output
        assert (release / ".env").read_text() == "APP_ENV=production\n"
        assert (release / "storage").is_symlink()
        assert (tmp_path / "shared/storage/logs").is_dir()


def test_shared_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    status, output = sh(plan_step(environment_at(tmp_path), "release", "shared").scripts[0].script)
    assert status == 1
    assert "shared/.env is not there" in output


def _linked(tmp_path: Path) -> None:
    for name in ("5", "6", "7"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    (tmp_path / ".opsconsole").mkdir()
    (tmp_path / "current").symlink_to("releases/6")


def test_link_is_atomic_noted_once_and_undone(tmp_path: Path) -> None:
    _linked(tmp_path)
    step = plan_step(environment_at(tmp_path), "release", "link", check="link-is", undo="release-link")
    assert sh(step.check[0].script)[0] == 1
    for _ in range(2):
        status, output = sh(step.scripts[0].script)
        assert status == 0, output
    assert str((tmp_path / "current").readlink()) == "releases/7"
    assert sh(step.check[0].script)[0] == 0
    log = (tmp_path / ".opsconsole/releases_log").read_text().splitlines()
    assert [json.loads(line)["release_name"] for line in log] == ["7"]
    assert sh(step.undo[0].script)[0] == 0
    assert str((tmp_path / "current").readlink()) == "releases/6"
    assert (tmp_path / "releases/7/BAD_RELEASE").exists()
    assert not list(tmp_path.glob(".current.*"))


def test_link_passes_over_what_a_killed_attempt_with_its_process_number_left(tmp_path: Path) -> None:
    _linked(tmp_path)
    script = plan_step(environment_at(tmp_path), "release", "link").scripts[0].script
    status, output = sh(f'ln -s -- releases/6 "{tmp_path}/.current.$$"\n' + script)
    assert (status, output) == (0, "current → releases/7\n")
    assert str((tmp_path / "current").readlink()) == "releases/7"
    assert not list(tmp_path.glob(".current.*"))


def test_link_refuses_a_directory_in_its_place(tmp_path: Path) -> None:
    _linked(tmp_path)
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    status, output = sh(plan_step(environment_at(tmp_path), "release", "link").scripts[0].script)
    assert status == 1
    assert "is not a link" in output


def test_mark_bad_marks_the_release_that_is_left(tmp_path: Path) -> None:
    _linked(tmp_path)
    step = plan_step(environment_at(tmp_path), "release", "mark_bad", target=Target(release="5"))
    assert sh(step.scripts[0].script)[0] == 0
    assert (tmp_path / "releases/6/BAD_RELEASE").read_text().strip().endswith(",op@bastion")


def test_cleanup_never_takes_the_current_release(tmp_path: Path) -> None:
    _linked(tmp_path)
    for name in ("1", "2", "3", "4"):
        (tmp_path / "releases" / name).mkdir()
    everything = {"web1": ("1", "2", "3", "4", "5", "6", "7")}
    params = {"do": "cleanup", "keep": 2}
    step = plan_step(
        environment_at(tmp_path), "release", params, target=Target(), releases=everything, spared=frozenset({"4"})
    )
    assert step.danger is Danger.DESTRUCTIVE
    # Somebody switches the link between plan and step: what became current stays.
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("releases/2")
    assert sh(step.scripts[0].script)[0] == 0
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["2", "4", "6", "7"]


def test_composer_is_needed_only_without_its_autoloader(tmp_path: Path) -> None:
    release = tmp_path / "releases/7"
    release.mkdir(parents=True)
    step = plan_step(environment_at(tmp_path), "release", "composer", when="composer-needed")
    assert sh(step.when[0].script)[0] == 1
    (release / "composer.lock").write_text("{}")
    assert sh(step.when[0].script)[0] == 0
    (release / "vendor").mkdir()
    (release / "vendor/autoload.php").write_text("")
    assert sh(step.when[0].script)[0] == 1


def test_failed_jobs_name_every_id_behind_a_double_dash() -> None:
    scope = {"param": {"ids": ["7c6f1d4e-0000-4000-8000-000000000001", "7c6f1d4e-0000-4000-8000-000000000002"]}}
    step = plan_step(
        environment_at("/srv/app"), "failed_jobs", {"do": "retry", "ids": "{param.ids}"}, scope=scope, linked=True
    )
    assert step.params["command"] == ["php", "artisan", "queue:retry", "--no-interaction", "--no-ansi", "--"]
    assert step.params["ids"] == list(scope["param"]["ids"])
    step = plan_step(
        environment_at("/srv/app"), "failed_jobs", {"do": "forget", "ids": "{param.ids}"}, scope=scope, linked=True
    )
    assert 'php artisan queue:forget --no-interaction --no-ansi -- "$id"' in step.scripts[0].script
    with pytest.raises(UsageError):
        plan_step(
            environment_at("/srv/app"),
            "failed_jobs",
            {"do": "retry", "ids": "{param.ids}"},
            scope={"param": {"ids": []}},
        )


def test_performed_kinds_have_no_scripts() -> None:
    environment = environment_at("/srv/app")
    wait = plan_step(environment, "wait_http", "/up")
    ask = plan_step(environment, "manual", "Tell {env.name}")
    assert (wait.scripts, wait.params["url"]) == ((), "http://app.test/up")
    assert (ask.scripts, ask.params["ask"]) == ((), "Tell lab")
    assert COMMIT


@pytest.mark.parametrize(("said", "status"), [("Rolled back: x", 0), ("Migration not found: x", 1)])
def test_a_rollback_that_found_no_migration_has_failed(tmp_path: Path, said: str, status: int) -> None:
    (tmp_path / "releases/7").mkdir(parents=True)
    tool(tmp_path / "bin", "php", f"echo '{said}'")
    step = plan_step(environment_at(tmp_path), "artisan", ["migrate:rollback", "--force"])
    code, output = sh(step.scripts[0].script, path=tmp_path / "bin")
    assert (code, said in output) == (status, True)


def test_the_first_release_has_no_way_back(tmp_path: Path) -> None:
    _linked(tmp_path)
    (tmp_path / "current").unlink()
    step = plan_step(environment_at(tmp_path), "release", "link", undo="release-link", before={"web1": ""})
    assert sh(step.scripts[0].script)[0] == 0
    status, output = sh(step.undo[0].script)
    assert status == 1
    assert "there was no release before this one" in output
    marking = plan_step(environment_at(tmp_path), "release", "mark_bad", before={"web1": ""})
    assert sh(marking.scripts[0].script) == (0, "no release was left\n")
