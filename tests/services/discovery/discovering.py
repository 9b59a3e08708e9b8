"""A discovery on a directory of this machine, with a `php` beside it that answers what a test says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.domain.documents import Json
from console.domain.environment import AppSpec, Environment, Host, Layout, SshTarget, Tier
from console.domain.redact import Secret
from console.ports import Shell
from console.services.discovery.discovery import Discovery
from tests.fakes.clock import FakeClock
from tests.fakes.shell import FakeShell

ENV = """APP_NAME="My Shop"
APP_ENV=production
APP_KEY=base64:abc=
DB_CONNECTION=mysql
DB_HOST=db.internal
DB_DATABASE=shop
DB_USERNAME=shop
DB_PASSWORD='p#ss$word'
REDIS_HOST=10.0.0.9
REDIS_PASSWORD="re:dis@/pw"
QUEUE_CONNECTION=redis
CACHE_DRIVER=redis
"""


def environment(base: Path | str, **changes: Any) -> Environment:
    made = Environment(
        name="shop",
        tier=Tier.NORMAL,
        url="http://x",
        app=AppSpec(path=str(base), layout=Layout.IN_PLACE, php="no-such-php"),
        hosts=(Host(name="web1", ssh=SshTarget(alias="web1")),),
    )
    return replace(made, **changes)


def resolve(reference: str) -> Secret:
    return Secret(f"<{reference}>")


class Setup:
    """A discovery on a directory of this machine, through a real `sh`."""

    def __init__(self, tmp_path: Path, env: str | None = ENV, **changes: Any) -> None:
        self.app = tmp_path / "app"
        self.state = tmp_path / "state"
        self.app.mkdir(exist_ok=True)
        if env is not None:
            (self.app / ".env").write_text(env)
        self.shell = FakeShell()
        self.clock = FakeClock()
        self.environment = environment(self.app, **changes)

    def discovery(self) -> Discovery:
        return Discovery(self.environment, self._shell, clock=self.clock, state_dir=self.state, resolve=resolve)

    def _shell(self) -> Shell:
        return self.shell


def with_php(setup: Setup, document: Json) -> None:
    """Puts a `php` beside the application that answers like the probe."""
    php = setup.app.parent / "php"
    answer = setup.app.parent / "answer.json"
    answer.write_text(json.dumps(document))
    php.write_text(
        f"#!/bin/sh\ncat > {php}.program\necho x >> {php}.calls\n"
        f'printf "\\n%s probe\\n" "$OPSCONSOLE_NONCE"; cat {answer}\n'
    )
    php.chmod(0o755)
    setup.environment = replace(setup.environment, app=replace(setup.environment.app, php=str(php)))


CONFIG: dict[str, Json] = {
    "app": {"env": "production", "key": "base64:abc=", "timezone": "Europe/Paris"},
    "database": {
        "default": "mysql",
        "connections": {
            "mysql": {
                "driver": "mariadb",
                "host": "db",
                "port": 3307,
                "database": "shop",
                "username": "u",
                "password": "p#ss$word",
            },
            "local": {"driver": "sqlite", "database": "/srv/db.sqlite"},
        },
        "redis": {
            "client": "phpredis",
            "options": {"prefix": "shop_"},
            "default": {"host": "r", "port": 6380, "database": 2, "password": "re:dis@/pw"},
        },
    },
    "queue": {
        "default": "redis",
        "connections": {
            "database": {"driver": "database", "connection": None, "table": "jobs", "retry_after": 60},
            "redis": {"driver": "redis", "connection": "default", "queue": "high", "retry_after": 120},
        },
        "failed": {"driver": "database-uuids", "database": "mysql", "table": "failed_jobs"},
    },
    "cache": {"default": "redis", "stores": {"redis": {"driver": "redis", "connection": "cache"}}},
}


def said(**changes: Json) -> dict[str, Json]:
    """An answer of the probe from configuration files and a `.env` that it could read."""
    return {"origin": "php", "config": CONFIG, "laravel": "11.2.0", "env": "read", "env_file": ".env", **changes}


DOCUMENT = said()


def calls(setup: Setup) -> int:
    path = setup.app.parent / "php.calls"
    return path.read_text().count("x") if path.exists() else 0
