"""Writes a complete configuration of the console for a test world: `lab` (normal) and `labprod` (protected, identity
pinned) on the same two hosts. Knows the format as the documentation states it, imports nothing of the console."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.lab.values import Node, World

CHECKLIST = """# Deploy

## Before
- [ ] Tell the team
- [ ] Backup is fresh
  ```
  php artisan --version
  ```

## After
- [ ] Health is green
- [ ] Workers run
"""


def identity(world: World) -> dict[str, Any]:
    """What each host of this world proves about itself."""
    return {
        "app_env": "production",
        "app_key": hashlib.sha256(world.app_key.encode()).hexdigest()[:12],
        "database": f"{world.db.name}@{world.db.host}:{world.db.port}",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How the console is to reach the hosts: with which key, trusting which host keys, and through which ports of this
    machine (by the host's number; a proxy listens there)."""

    key: str
    known_hosts: str
    ports: Mapping[int, int]


def _host(node: Node, roles: list[str], reached: Reached) -> dict[str, Any]:
    port = reached.ports.get(node.number)
    target = {
        "host": "127.0.0.1" if port else node.ip,
        "port": port or node.ssh_port,
        "user": node.user,
        "identity_file": reached.key,
        "known_hosts": reached.known_hosts,
    }
    return {"ssh": target, "roles": roles, "path": node.path}


def _trust(world: World, directory: Path, ports: Mapping[int, int]) -> str:
    """A known_hosts file that also knows the hosts behind their proxies."""
    if not ports:
        return world.known_hosts
    text = Path(world.known_hosts).read_text()
    for node in world.nodes:
        if node.number in ports:
            line = next(line for line in text.splitlines() if line.startswith(f"[{node.ip}]:"))
            text += f"[127.0.0.1]:{ports[node.number]} {line.split(' ', 1)[1]}\n"
    (directory / "known_hosts").write_text(text)
    return str(directory / "known_hosts")


def environment(world: World, reached: Reached) -> dict[str, Any]:
    """One environment as a mapping, tier normal."""
    return {
        "tier": "normal",
        "url": world.node1.url,
        "app": {
            "path": world.node1.path,
            "layout": "releases",
            "source": {"git": world.git_url, "ref": "main"},
        },
        "hosts": {
            "web1": _host(world.node1, ["web", "worker", "primary"], reached),
            "web2": _host(world.node2, ["web", "worker"], reached),
        },
        "health": [
            "/up",
            "/health",
            {"name": "mail", "url": "/health/mail", "expect": {"status": 200, "json": {"status": "ok"}}},
        ],
        "logs": ["storage/logs/laravel.log"],
        "workers": {"supervisor": ["laravel-worker", "laravel-redis-worker"]},
        "checklists": ["checklists/deploy.md"],
    }


def write(
    world: World,
    directory: Path,
    *,
    top: Mapping[str, Any],
    key: str,
    ports: Mapping[int, int],
    actions: Mapping[str, str],
    changes: Mapping[str, Any],
) -> Path:
    """Writes `opsconsole.yaml`, its checklist and its actions below `directory`.

    `changes` are keys of both environments (None takes a key away), `top` are keys beside `environments`, `actions`
    are the texts of action files by name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    reached = Reached(key=key, known_hosts=_trust(world, directory, ports), ports=ports)
    plain = {**environment(world, reached), **changes}
    pinned = {**environment(world, reached), "tier": "protected", "identity": identity(world), **changes}
    document = {
        "state": {"path": str(directory / "state")},
        **top,
        "environments": {
            name: {word: value for word, value in found.items() if value is not None}
            for name, found in (("lab", plain), ("labprod", pinned))
        },
    }
    (directory / "checklists").mkdir(exist_ok=True)
    (directory / "checklists/deploy.md").write_text(CHECKLIST)
    for name, text in actions.items():
        (directory / "actions").mkdir(exist_ok=True)
        (directory / "actions" / f"{name}.yaml").write_text(text)
    target = directory / "opsconsole.yaml"
    writer = YAML()
    writer.default_flow_style = False
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        writer.dump({name: value for name, value in document.items() if value is not None}, file)
    return target
