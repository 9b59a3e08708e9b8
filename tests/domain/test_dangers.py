"""Commands that a protected environment refuses, wherever they hide."""

from __future__ import annotations

import shlex
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.dangers import artisan_danger, artisan_refusals, empties_cache, refusals, script_refusals
from console.domain.runs import Danger
from console.domain.shell_commands import script_commands


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
        ["composer", "-d", "current", "update"],
        ["composer", "-dcurrent", "u"],
        ["composer", "--working-dir", "current", "--no-dev", "upd"],
        ["composer", "global", "update"],
        ["composer", "run-script", "test"],
        ["composer", "run", "--timeout", "60", "format"],
        ["composer.phar", "tes"],
        ["supervisorctl", "-c", "/etc/supervisord.conf", "restart", "all"],
        ["supervisorctl", "-s", "http://127.0.0.1:9001", "-u", "ops", "restart", "web:*", "all"],
        ["php", "-d", "memory_limit=-1", "artisan", "db:wipe"],
        ["env", "APP_ENV=x", "php8.2", "./artisan", "-vvv", "--", "migrate:fresh"],
        ["timeout", "60", "nice", "-n", "5", "php", "artisan", "migrate:f"],
        ["sh", "-c", "cd current && php artisan db:w"],
        ["su", "-", "www-data", "-c", "php artisan migrate:reset"],
        ["sudo", "bash", "-lc", "sh -c 'php artisan db:seed'"],
        ["docker", "exec", "app", "php", "artisan", "serve"],
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
        ["composer", "-d", "current", "install"],
        ["composer", "run-script", "build"],
        ["composer", "fund"],
        ["supervisorctl", "-c", "/etc/all", "restart", "laravel-worker:*"],
        ["php", "artisan", "help", "db:wipe"],
        ["php", "artisan", "--no-interaction", "cache:forget", "test"],
        ["sh", "-c", "php artisan queue:restart"],
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
        "php artisan \\\n  db:wipe --force",
        "php \\\n artisan \\\r\n migrate:fresh",
        "php art'isan' \"db:\"wipe",
        "php artisan>/dev/null 2>&1 db:wipe",
        "x=`composer u`",
        'echo "$(php artisan db:seed)"',
        "A='php artisan db:wipe'; $A",
        "sh <<'END'\nphp artisan db:wipe\nEND",
        "don't; php artisan db:wipe",
        "# a comment goes on for one line \\\nphp artisan db:wipe",
        "case $1 in a) php artisan serve ;; esac",
        "f() { composer -d x update; }",
        "ssh web1 'cd /srv && sudo supervisorctl -c f restart all'",
    ],
)
def test_scripts_are_read_command_by_command(script: str) -> None:
    assert script_refusals(script)


def test_harmless_scripts() -> None:
    assert script_refusals("# php artisan db:wipe is never run here\necho fresh\nphp artisan queue:restart\n") == ()
    assert script_refusals("echo ok # then; php artisan db:wipe\n") == ()
    assert script_refusals("echo 'composer update is refused' > artisan\n") != (), "a quoted script is read as one"
    assert script_refusals("php artisan migrate --force > test 2>&1\n") == ()


def test_loudness() -> None:
    assert artisan_danger(["config:cache"]) is Danger.SAFE
    assert artisan_danger(["migrate", "--force"]) is Danger.CAUTION
    assert artisan_danger(["queue:flush"]) is Danger.DESTRUCTIVE
    assert artisan_refusals(["db:wipe"])
    assert artisan_danger(["--env", "x", "queue:flu"]) is Danger.DESTRUCTIVE


def test_cache_clearing() -> None:
    assert empties_cache([["cache:clear"]])
    assert empties_cache([["config:cache"], ["optimize:clear"]])
    assert empties_cache([["--env", "x", "cache:cl"]])
    assert not empties_cache([["optimize:clear", "--except=cache"], ["config:clear"]])


WRAPPERS = [
    "{}", "sudo -u www-data {}", "env A=b {}", "A=b {}", "timeout -k 5 60 {}", "nohup {} &", "if true; then {}; fi",
    "cd /srv && {}", "echo x | {}", "( {} )", "x=$({})", "true\n{}\ntrue", "! {}", "{} >/dev/null 2>&1", "exec {}",
]  # fmt: skip
REFUSED = [
    ["php", "artisan", "db:wipe"],
    ["/usr/bin/php8.2", "-d", "x=1", "/srv/app/artisan", "--env=x", "migrate:fresh"],
    ["composer", "-d", "x", "update"],
    ["supervisorctl", "-c", "F", "restart", "all"],
]


def quoted(word: str, how: int) -> str:
    """One word in one of the ways in which a shell reads it as itself."""
    halves = word[: len(word) // 2], word[len(word) // 2 :]
    ways = (word, f"'{word}'", f'"{word}"', "".join(f"\\{letter}" for letter in word), f"{halves[0]}'{halves[1]}'")
    return ways[how % len(ways)]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(REFUSED),
    st.lists(st.sampled_from(WRAPPERS), max_size=3),
    st.lists(st.integers(0, 4), min_size=8, max_size=8),
    st.sampled_from([" ", "  ", "\t", " \\\n ", "\\\n "]),
    st.booleans(),
)
def test_no_way_of_writing_hides_a_refused_command(
    argv: list[str], wrappers: list[str], ways: list[int], blank: str, inner: bool
) -> None:
    text = blank.join(quoted(word, how) for word, how in zip(argv, ways, strict=False))
    for wrapper in wrappers:
        text = wrapper.format(text)
    assert script_refusals(text), text
    if inner:
        assert script_refusals(f"sh -c {shlex.quote(text)}"), text
        assert refusals(["sh", "-c", text]), text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4), min_size=1, max_size=4))
def test_quoted_words_are_read_as_they_are(commands: list[list[str]]) -> None:
    plain = [[f"w{word}" for word in command] for command in commands]
    found = script_commands("\n".join(shlex.join(command) for command in plain))
    # Between them stand the commands that quoted words may hold.
    assert all(command in found for command in plain)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="artisn composeupd:wie-'\"\\;|&\n<>$(){}`#=", max_size=80))
def test_any_script_can_be_judged(text: str) -> None:
    assert isinstance(script_refusals(text), tuple)


@pytest.mark.fuzz
@settings(max_examples=20_000, deadline=None)
@given(st.text(alphabet="at \\'\"$(){}`\n<;", max_size=200))
def test_any_script_can_be_judged_at_length(text: str) -> None:
    assert isinstance(script_refusals(text), tuple)


def test_a_hostile_script_is_judged_in_time() -> None:
    begun = time.process_time()
    for text in ("$(" * 20_000, "'\"" * 20_000, "\\ " * 20_000, "`" * 40_001, '"$(' * 10_000, "a " * 50_000):
        script_refusals(text)
    assert time.process_time() - begun < 5
