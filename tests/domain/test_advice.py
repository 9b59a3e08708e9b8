"""What is said beside commands that are wrong or harmful, and that harmless ones are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.advice import advise


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("php artisan session:prune", "no `session:prune`"),
        ("php artisan log:clear", "no `log:clear`"),
        ("php artisan queue:retry --all", "`queue:retry all`"),
        ("php artisan queue:monitor", "names of queues"),
        ("php artisan migrate", "without --force"),
        ("php artisan migrate --path=database/migrations/x.php --force", "look for the table"),
        ("php artisan migrate:rollback --force", "newest batch"),
        ("git checkout v1\nphp artisan migrate:rollback --force", "Migration not found"),
        ("/usr/bin/php artisan queue:work --queue=notifications,default,high", "priority"),
        ("sudo supervisorctl restart all", "other applications"),
        ("sudo supervisorctl status", "status 3"),
        ("tail -f storage/logs/laravel.log", "renamed"),
        ("php artisan migrate:fresh --force", "destroys data"),
        ("composer update", "composer update"),
        ("php artisan queue:flush", "archives"),
        ("mysql app < backup.sql", "second time"),
        ("0 2 * * 0 mysqlcheck -u root -pS3cret", "password on a command line"),
    ],
)
def test_a_known_mistake_is_named(command: str, words: str) -> None:
    assert words in advise(command)


@pytest.mark.parametrize(
    "command",
    [
        "php artisan migrate --force",
        "php artisan queue:monitor redis:default",
        "php artisan queue:work --queue=high,default",
        "sudo supervisorctl restart laravel-worker:*",
        "php artisan queue:retry all",
        "composer install --no-dev",
        "git status",
        "config/app.php",
        "",
    ],
)
def test_a_sound_command_gets_no_note(command: str) -> None:
    assert advise(command) == ""


def test_a_sentence_is_said_once() -> None:
    assert advise("php artisan migrate\nphp artisan migrate") == advise("php artisan migrate")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="php artisn:mgrate-'\"\\;|&\n<>$()", max_size=60))
def test_any_text_can_be_asked(text: str) -> None:
    assert isinstance(advise(text), str)
