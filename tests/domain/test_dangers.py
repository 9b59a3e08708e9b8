"""Commands that a protected environment refuses, wherever they hide."""

from __future__ import annotations

import pytest

from console.domain.dangers import artisan_danger, artisan_refusals, empties_cache, refusals, script_refusals
from console.domain.runs import Danger


@pytest.mark.parametrize(
    "argv",
    [
        ["php", "artisan", "migrate:fresh", "--force"],
        ["php", "/srv/app/current/artisan", "-n", "db:wipe"],
        ["sudo", "-u", "www-data", "php", "artisan", "migrate", "--seed"],
        ["php", "artisan", "migrate", "--seeder=X"],
        ["php", "artisan", "migr:fre", "--force"],
        ["php", "artisan", "DB:Wipe"],
        ["php", "artisan", "--env", "production", "db:wipe"],
        ["composer", "update"],
        ["/usr/bin/composer", "--no-dev", "test"],
        ["supervisorctl", "restart", "all"],
        ["sudo", "-n", "supervisorctl", "stop", "all"],
    ],
)
def test_refused(argv: list[str]) -> None:
    assert refusals(argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["php", "artisan", "migrate", "--force"],
        ["php", "artisan", "db:show"],
        ["php", "artisan", "-q", "queue:restart"],
        ["php", "artisan", "cache:forget", "test"],
        ["composer", "install", "--no-dev"],
        ["supervisorctl", "restart", "laravel-worker:*"],
        ["supervisorctl", "status", "all"],
        ["echo", "migrate:fresh"],
    ],
)
def test_let_through(argv: list[str]) -> None:
    assert refusals(argv) == ()


@pytest.mark.parametrize(
    "script",
    [
        "cd x && php artisan db:seed",
        "true; php artisan key:generate --force",
        "if true; then\n  php artisan migrate:refresh\nfi",
        'sh -c "cd x; php artisan migrate:reset"',
        "x=$(php artisan serve)",
        "composer format || true",
        "php artisan migrate:fresh 'unclosed",
    ],
)
def test_scripts_are_read_command_by_command(script: str) -> None:
    assert script_refusals(script)


def test_harmless_scripts() -> None:
    assert script_refusals("# php artisan db:wipe is never run here\necho fresh\nphp artisan queue:restart\n") == ()


def test_loudness() -> None:
    assert artisan_danger(["config:cache"]) is Danger.SAFE
    assert artisan_danger(["migrate", "--force"]) is Danger.CAUTION
    assert artisan_danger(["queue:flush"]) is Danger.DESTRUCTIVE
    assert artisan_refusals(["db:wipe"])


def test_cache_clearing() -> None:
    assert empties_cache([["cache:clear"]])
    assert empties_cache([["config:cache"], ["optimize:clear"]])
    assert not empties_cache([["optimize:clear", "--except=cache"], ["config:clear"]])
