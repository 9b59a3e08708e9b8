"""What a plan says of the code it would deploy: the commit that a ref names, and what its tree lacks or wants.

Repositories are real and local; hosts run the scripts with the local sh.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.domain.actions import Action, Effect, Param, ParamType, StepSpec
from console.domain.environment import CodeSource
from console.domain.git import mirror_script
from console.domain.runs import Plan
from console.errors import RefusedError, UsageError
from console.services.planning.planner import Planner
from console.steps import step_kinds
from tests.fakes.reach import FakeReach
from tests.services.running.stage import OPERATOR, Stage, action, protected, release
from tests.steps.world import tool

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
CODE = {"artisan": "x", "composer.lock": "{}", "vendor/autoload.php": "x"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


class Repository:
    """A repository in a directory, and the environment that deploys from it."""

    def __init__(self, stage: Stage, files: dict[str, str]) -> None:
        self.stage = stage
        self.place = stage.directory / "origin"
        self.place.mkdir()
        self.git("init", "-q")
        self.commit(files)

    def git(self, *words: str) -> str:
        """What git prints."""
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "init.defaultBranch=main"]
        command = ["git", *settings, "-c", "protocol.file.allow=always", *words]
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        done = subprocess.run(command, cwd=self.place, capture_output=True, check=True, env=env)
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, str]) -> str:
        """The id of a new commit with these files."""
        for name, text in files.items():
            (self.place / name).parent.mkdir(parents=True, exist_ok=True)
            (self.place / name).write_text(text)
        self.git("add", "-f", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "more")
        return self.git("rev-parse", "HEAD")

    def reach(self, **source: Any) -> FakeReach:
        """The environment's clients."""
        app = replace(
            self.stage.environment.app, source=CodeSource(**{"git": str(self.place), "ref": "main", **source})
        )
        return FakeReach(replace(self.stage.environment, app=app), shells=self.stage.shells, http=self.stage.http)

    def plan(self, tried: Action, ref: str = "", **source: Any) -> Plan:
        """A plan of the action for this ref."""
        planner = Planner(kinds=step_kinds(), clock=self.stage.clock)
        return planner.plan(tried, {"ref": ref} if ref else {}, self.reach(**source), OPERATOR)


def deploy(*more: StepSpec) -> Action:
    tried = action(release("code", "create", effect=Effect.ONCE), *more)
    return replace(tried, params=(Param(name="ref", type=ParamType.GIT_REF),))


def artisan(*words: str) -> StepSpec:
    return StepSpec(name=words[0], kind="artisan", params={"run": list(words), "in": "auto"}, on="all")


def test_every_way_to_name_a_commit(stage: Stage) -> None:
    repository = Repository(stage, CODE)
    repository.git("checkout", "-q", "-b", "feature/checkout")
    tip = repository.commit({"f": "1"})
    repository.git("tag", "-a", "v2.0", "-m", "two")
    repository.git("branch", "both")
    repository.git("checkout", "-q", "main")
    other = repository.commit({"g": "2"})
    repository.git("tag", "both")
    for ref in ("feature/checkout", "v2.0", tip, tip[:8], tip.upper(), tip[:7].upper(), "refs/tags/v2.0"):
        assert repository.plan(deploy(), ref).commit == tip, ref
    assert repository.plan(deploy(), "refs/tags/both").commit == other
    both = repository.plan(deploy(), "both")
    assert both.commit == tip
    assert "both is a branch and a tag: the branch is taken. For the tag, say refs/tags/both." in both.notes
    assert repository.plan(deploy()).commit == other


def test_an_id_that_is_not_there_is_told_so(stage: Stage) -> None:
    repository = Repository(stage, CODE)
    for ref in ("deadbeef" * 5, "deadbeef"):
        with pytest.raises(UsageError, match="The repository has no commit deadbeef"):
            repository.plan(deploy(), ref)


def test_the_beginning_of_two_ids_is_refused(stage: Stage) -> None:
    repository = Repository(stage, CODE)
    found: dict[str, str] = {}
    for number in range(2000):
        # Commits without a change of the tree are quick to make.
        tree = repository.git("rev-parse", "HEAD^{tree}")
        one = repository.git("commit-tree", tree, "-m", str(number))
        if one[:4] in found:
            break
        found[one[:4]] = one
    repository.git("branch", "a", one)
    repository.git("branch", "b", found[one[:4]])
    with pytest.raises(UsageError, match="beginning of more than one commit") as caught:
        repository.plan(deploy(), one[:4])
    assert caught.value.fix == "Give the commit's id in full."


def test_a_mirror_that_cannot_fetch_is_a_warning_for_a_full_id_and_a_refusal_for_a_short_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The listing came through and the fetch did not, as behind a proxy that cuts large answers."""
    repository = Repository(stage, CODE)
    tip = repository.git("rev-parse", "HEAD")
    tool(tmp_path / "bin", "git", 'case "$*" in *fetch*) echo "cut off" >&2; exit 128 ;; esac\nexec /usr/bin/git "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    plan = repository.plan(deploy(artisan("migrate", "--force")), tip)
    assert plan.commit == tip
    assert f"The code of {tip[:12]} was not looked at: cut off" in plan.notes
    assert f"Which migrations {tip[:12]} brings is known once its code is on the host." in plan.notes
    with pytest.raises(UsageError, match="could not be looked at: cut off") as caught:
        repository.plan(deploy(), tip[:8])
    assert caught.value.fix == "Give its id in full."


def test_looking_changes_only_the_mirror(stage: Stage) -> None:
    repository = Repository(stage, {**CODE, "database/migrations/2026_01_01_a.php": "x"})
    plan = repository.plan(deploy(artisan("migrate", "--force")))
    assert "New migrations: 2026_01_01_a." in plan.notes
    control = stage.directory / "web1/.opsconsole"
    assert [path.name for path in control.iterdir()] == ["repo"]
    assert sorted(path.name for path in (stage.directory / "web1/releases").iterdir()) == ["1", "2"]
    assert not (stage.directory / "web2/.opsconsole").exists()


def test_submodules_and_lfs_are_refused_unless_they_are_not_wanted(stage: Stage) -> None:
    repository = Repository(stage, {**CODE, ".gitattributes": "*.bin filter=lfs -text\n", "logo.bin": LFS})
    (stage.directory / "sub").mkdir()
    repository.git("init", "-q", "../sub")
    repository.git("-C", "../sub", "commit", "-q", "--allow-empty", "-m", "sub")
    repository.git("submodule", "--quiet", "add", str(stage.directory / "sub"), "Modules/Shop")
    repository.commit({})
    with pytest.raises(RefusedError) as caught:
        repository.plan(deploy())
    assert (
        "submodules (Modules/Shop)" in caught.value.what and "Git LFS keeps elsewhere (logo.bin)" in caught.value.what
    )
    with pytest.raises(RefusedError, match="has submodules"):
        repository.plan(deploy(), without=("lfs",))
    assert repository.plan(deploy(), without=("lfs", "submodules")).commit


def test_a_pointer_that_is_nobodys_attribute_is_a_file_like_any_other(stage: Stage) -> None:
    assert Repository(stage, {**CODE, "docs/lfs.txt": LFS}).plan(deploy()).commit


def test_code_without_artisan_where_artisan_runs(stage: Stage) -> None:
    repository = Repository(stage, {"src/artisan": "x"})
    with pytest.raises(RefusedError, match="runs artisan, and main has none in its top; there is: src") as caught:
        repository.plan(deploy(artisan("config:cache")))
    assert "app.root" in caught.value.fix
    assert repository.plan(deploy()).commit, "nothing runs artisan"


def test_packages_that_nothing_installs(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repository = Repository(stage, {"artisan": "x", "composer.lock": "{}"})
    with pytest.raises(RefusedError, match=r"brings composer\.lock and no vendor") as caught:
        repository.plan(deploy(artisan("config:cache")))
    assert "release: composer" in caught.value.fix
    composer = release("composer", "composer", when="composer-needed")
    installing = deploy(composer, artisan("config:cache"))
    with pytest.raises(RefusedError, match=r"there is no command composer \(needed by composer\)"):
        repository.plan(installing)
    tool(tmp_path / "bin", "composer", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    assert repository.plan(installing).commit
    by_hand = StepSpec(name="install", kind="shell", params={"run": [["composer", "install"]], "in": "auto"}, on="all")
    assert repository.plan(deploy(by_hand, artisan("config:cache"))).commit


def test_composer_is_not_wanted_for_code_that_brings_its_packages(stage: Stage) -> None:
    composer = release("composer", "composer", when="composer-needed")
    plan = Repository(stage, CODE).plan(deploy(composer, artisan("config:cache")))
    assert plan.steps[1].facts.needs == ()


def test_what_is_shared_must_be_there_or_in_the_code(stage: Stage) -> None:
    for host in ("web1", "web2"):
        (stage.directory / host / "shared/.env").unlink()
    repository = Repository(stage, CODE)
    with pytest.raises(RefusedError, match=r"shared/\.env is not there \(needed by shared\)"):
        repository.plan(deploy(release("shared", "shared")))
    repository.commit({".env": "APP_ENV=x"})
    assert repository.plan(deploy(release("shared", "shared"))).commit


def test_assets_that_nothing_builds_are_noted(stage: Stage) -> None:
    repository = Repository(stage, {**CODE, "package-lock.json": "{}", "vite.config.js": "x"})
    note = "The code has package-lock.json and brings no built assets (public/build or public/mix-manifest.json)"
    assert any(said.startswith(note) for said in repository.plan(deploy()).notes)
    build = StepSpec(name="build", kind="shell", params={"script": "npm ci && npm run build", "in": "auto"}, on="all")
    assert not any(said.startswith(note) for said in repository.plan(deploy(build)).notes)
    repository.commit({"public/build/manifest.json": "{}"})
    assert not any(said.startswith(note) for said in repository.plan(deploy()).notes)


def archive(stage: Stage, *names: str) -> FakeReach:
    """The environment that deploys a tar with these files."""
    file = stage.directory / "other.tar.gz"
    (stage.directory / "x").write_text(LFS)
    with tarfile.open(file, "w:gz") as tar:
        for name in names:
            tar.add(stage.directory / "x", name)
    app = replace(stage.environment.app, source=CodeSource(archive=str(file)))
    return FakeReach(replace(stage.environment, app=app), shells=stage.shells, http=stage.http)


def test_an_archive_is_read_here(stage: Stage) -> None:
    tried = deploy(artisan("migrate", "--force"))
    planner = Planner(kinds=step_kinds(), clock=stage.clock)
    wrapped = archive(stage, "app-1.0/artisan", "app-1.0/composer.lock")
    with pytest.raises(RefusedError, match=r"has none in its top; there is: app-1\.0"):
        planner.plan(tried, {}, wrapped, OPERATOR)
    plan = planner.plan(tried, {}, archive(stage, "./artisan", "./database/migrations/2026_01_01_a.php"), OPERATOR)
    assert "New migrations: 2026_01_01_a." in plan.notes
    (stage.directory / "x").write_text(LFS)
    with pytest.raises(UsageError, match="cannot be read to its end"):
        cut = archive(stage, *(f"{number}.php" for number in range(2000)))
        file = stage.directory / "other.tar.gz"
        file.write_bytes(file.read_bytes()[:-400])
        planner.plan(tried, {}, cut, OPERATOR)


def test_a_ref_that_somebody_else_locks_hinders_no_fetch_that_brings_the_commit(stage: Stage) -> None:
    """A plan fetches into the same mirror as a deploy that is under way."""
    repository = Repository(stage, CODE)
    repository.git("branch", "-M", "main")
    mirror = stage.directory / "mirror"
    for _ in range(2):
        commit = repository.commit(CODE)
        script = f"set -eu\n{mirror_script(str(mirror), str(repository.place), commit)}has_commit\n"
        done = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        (mirror / "refs/heads/main.lock").touch()


def test_the_mirror_can_be_written_by_the_group_whatever_the_umask(stage: Stage) -> None:
    repository = Repository(stage, CODE)
    mirror = stage.directory / "mirror"
    script = mirror_script(str(mirror), str(repository.place), repository.git("rev-parse", "HEAD"))
    subprocess.run(["sh"], input=f"umask 022\n{script}".encode(), check=True)
    places = [path for path in mirror.rglob("*") if path.is_dir()]
    assert places and all(path.stat().st_mode & 0o2020 == 0o2020 for path in places)


def test_a_host_that_cannot_prove_itself_tells_what_is_odd_about_its_link(stage: Stage) -> None:
    pinned = protected(stage)
    current = stage.directory / "web1/current"
    current.unlink()
    current.symlink_to("releases/77")
    reach = FakeReach(pinned, shells=stage.shells, http=stage.http)
    with pytest.raises(RefusedError, match=r"leads to releases/77, which is not there"):
        Planner(kinds=step_kinds(), clock=stage.clock).plan(deploy(), {}, reach, OPERATOR)
