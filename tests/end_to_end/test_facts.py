"""What people and programs are told of facts that PHP did not read, and that no identity is offered from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.end_to_end.command import Command
from tests.lab.spoiling import cached, hidden_env, put, spoil
from tests.lab.world import Lab

NOTHING = "e3b0c44298fc"
"""The beginning of the SHA-256 of no text at all."""


def unpinned(lab: Lab, console: Command, tmp_path: Path, *, php: str = "php") -> Command:
    """The same command, with a protected environment that pins no identity and another PHP."""
    source = {"git": lab.git_url, "ref": "main"}
    app = {"path": lab.node1.path, "layout": "releases", "source": source, "php": php}
    config = lab.write_config(tmp_path / "unpinned", app=app, identity=None)
    return Command(config, tmp_path / "other", mark=console.mark)


def told(console: Command) -> tuple[dict[str, Any], dict[str, tuple[str | None, str]]]:
    """The source `app` in `status --json`, and its facts by name."""
    source = console("status", "-e", "lab", "--json").json["environments"][0]["sources"]["app"]
    facts = (source["value"] or {"facts": []})["facts"]
    return source, {fact["name"]: (fact["value"], fact["origin"]) for fact in facts}


def offered(console: Command) -> str:
    """What a refused plan on a protected environment without an identity proposes."""
    done = console("plan", "deploy", "-e", "labprod")
    assert done.code == 7, f"{done.out}\n{done.err}"
    return done.err


def test_what_php_read_says_so(lab: Lab, console: Command) -> None:
    source, facts = told(console)
    assert (source["value"]["origin"], source["value"]["problem"]) == ("php", "")
    assert {origin for _, origin in facts.values()} == {"php"}
    assert facts["database"] == (f"{lab.db.name}@{lab.db.host}:{lab.db.port}", "php")
    assert "from php" in console("status", "-e", "lab").out


def test_a_cached_configuration_without_php_is_unknown(lab_alone: Lab, console: Command, tmp_path: Path) -> None:
    spoil(lab_alone, cached)
    source, facts = told(console)
    assert (source["value"]["origin"], facts["cache_store"]) == ("config cache", ("redis", "config cache"))
    blind = unpinned(lab_alone, console, tmp_path, php="no-such-php")
    source, facts = told(blind)
    assert source["value"] is None and "settings are unknown" in source["error"] and facts == {}
    page = blind("status", "-e", "lab").out
    assert "10.9.9.9" not in page and "unknown: there is no PHP on the host, and the configuration is cached" in page
    refusal = offered(blind)
    assert "identity: {" not in refusal and NOTHING not in refusal


def test_without_php_the_env_speaks_and_says_so(lab_alone: Lab, console: Command, tmp_path: Path) -> None:
    lab_alone.set_environment(REDIS_QUEUE_RETRY_AFTER="3600")
    blind = unpinned(lab_alone, console, tmp_path, php="no-such-php")
    source, facts = told(blind)
    assert (source["value"]["origin"], "no PHP" in source["value"]["problem"]) == (".env", True)
    assert facts["database"] == (f"{lab_alone.db.name}@{lab_alone.db.host}:{lab_alone.db.port}", ".env")
    assert facts["queues.redis.retry_after"] == ("3600", ".env")
    assert facts["queues.database.retry_after"] == ("90", "default")
    guesses = blind("queues", "-e", "lab", "--json").json["guesses"]
    assert "database: stuck goes by a retry_after of 90 s, which is a default" in guesses
    assert not any(guess.startswith("redis: stuck") for guess in guesses)
    page = blind("status", "-e", "lab").out
    assert "Laravel's default, not read: " in page and "queues.database.retry_after" in page


def test_an_env_that_may_not_be_read_offers_nothing(lab_alone: Lab, console: Command, tmp_path: Path) -> None:
    spoil(lab_alone, hidden_env)
    page = console("status", "-e", "lab").out
    assert "the .env cannot be read by this account" in page
    assert NOTHING not in page and "127.0.0.1:6379" not in page and "sqlite" not in page
    refusal = offered(unpinned(lab_alone, console, tmp_path))
    assert NOTHING not in refusal and "identity: {" not in refusal


def test_an_application_that_cannot_boot_is_said(lab_alone: Lab, console: Command) -> None:
    spoil(lab_alone, put("bootstrap/app.php", "<?php throw new RuntimeException('it fails on purpose');"))
    done = console("status", "-e", "lab")
    assert "it fails on purpose; .env was read instead" in done.out
    assert "from .env" in done.out
