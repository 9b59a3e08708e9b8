"""Plans of protected environments: which application a host is, and what is refused there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.actions import StepSpec
from console.domain.environment import Layout, Tier
from console.errors import IdentityError, RefusedError
from tests.fakes.reach import FakeReach
from tests.services.planning.planned import planner, reach, shipped
from tests.services.running.stage import DOTENV, HOSTS, OPERATOR, PINNED, Stage, action, protected, step


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    built = Stage(tmp_path)
    yield built
    built.close()


@pytest.mark.parametrize(
    ("php", "env", "words"),
    [
        ("no-such-php", DOTENV + "DB_PORT=3306\n", "identity: {app_env: production, app_key: "),
        ("no-such-php", DOTENV, "only a default says its database"),
        ("no-such-php", "APP_KEY=base64:xyz\nDB_HOST=db\n", "only a default says its app_env, database"),
        ("php", DOTENV + "DB_PORT=3306\n", "PHP has to read the application"),
    ],
)
def test_a_protected_environment_without_identity_is_told_what_to_pin(
    stage: Stage, php: str, env: str, words: str
) -> None:
    for host in HOSTS:
        root = stage.directory / host / "releases/2"
        (root / ".env").write_text(env)
        (root / "artisan").touch()
    app = replace(stage.environment.app, php=php)
    with pytest.raises(RefusedError, match="pins no identity") as caught:
        planner(stage).plan(shipped()["rollback"], {}, reach(stage, tier=Tier.PROTECTED, app=app), OPERATOR)
    assert words in caught.value.fix
    assert ("identity: {" in caught.value.fix) == words.startswith("identity")


@pytest.mark.parametrize("tier", [Tier.PROTECTED, Tier.NORMAL])
def test_another_application_than_the_pinned_one_is_not_planned_for(stage: Stage, tier: Tier) -> None:
    pinned = replace(protected(stage), tier=tier, app=replace(stage.environment.app, php="no-such-php"))
    # Not the first host: every one of them must prove itself.
    (stage.directory / "web2/current/.env").write_text(DOTENV.replace("=production", "=staging") + "DB_PORT=3306\n")
    with pytest.raises(IdentityError, match=r"web2 is not the application.*app_env is staging") as caught:
        planner(stage).plan(shipped()["rollback"], {}, FakeReach(pinned, shells=stage.shells), OPERATOR)
    assert caught.value.exit_code == 7
    assert "identity: {app_env: staging" in caught.value.fix


def test_a_host_before_its_first_release_proves_itself_by_the_env_that_waits_for_it(stage: Stage) -> None:
    empty = replace(protected(stage), identity=PINNED)
    for host in HOSTS:
        shutil.rmtree(stage.directory / host / "releases")
        (stage.directory / host / "current").unlink()
    reach = FakeReach(empty, shells=stage.shells, http=stage.http)
    with pytest.raises(RefusedError, match="could prove") as caught:
        planner(stage).plan(shipped()["deploy"], {}, reach, OPERATOR)
    assert f"put the environment's .env at {stage.directory}/web" in caught.value.fix
    for host in HOSTS:
        (stage.directory / host / "shared/.env").write_text(DOTENV)
    assert planner(stage).plan(shipped()["deploy"], {}, reach, OPERATOR).release
    (stage.directory / "web2/shared/.env").write_text(DOTENV.replace("xyz", "abc"))
    with pytest.raises(IdentityError, match="web2 is not"):
        planner(stage).plan(shipped()["deploy"], {}, reach, OPERATOR)
    # A link that leads nowhere is a broken host, not an empty one.
    (stage.directory / "web2/shared/.env").write_text(DOTENV)
    (stage.directory / "web2/current").symlink_to("releases/gone")
    with pytest.raises(RefusedError, match="web2 has no application"):
        planner(stage).plan(shipped()["deploy"], {}, reach, OPERATOR)


def test_a_tree_without_an_application_has_nothing_that_waits_for_it(stage: Stage) -> None:
    pinned = protected(stage)
    place = str(stage.directory / "nothing/here")
    hosts = tuple(replace(host, path=place) for host in pinned.hosts)
    tree = replace(pinned, hosts=hosts, app=replace(pinned.app, layout=Layout.IN_PLACE))
    with pytest.raises(RefusedError, match="web1 has no application") as caught:
        planner(stage).plan(action(step("one", "true")), {}, FakeReach(tree, shells=stage.shells), OPERATOR)
    assert "app.path" in caught.value.fix and "first deploy" not in caught.value.fix


def test_what_a_protected_environment_refuses(stage: Stage) -> None:
    pinned = FakeReach(protected(stage), shells=stage.shells, http=stage.http)
    for spec in (
        StepSpec(name="a", kind="artisan", params={"run": ["db:wipe"], "in": "current"}, on="all"),
        step("b", "cd x && php artisan migrate:fresh"),
        StepSpec(name="c", kind="shell", params={"run": [["supervisorctl", "restart", "all"]]}, on="all"),
    ):
        with pytest.raises(RefusedError):
            planner(stage).plan(action(spec), {}, pinned, OPERATOR)
