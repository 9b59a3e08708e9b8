"""The demo's configuration: what an operator would have written for its two environments, as files.

Owns the configuration file, the checklists and the demo's actions beside it. The console reads them like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from console.demo.application import DemoEnvironment
from console.resources import sample_config

_GATES = {"deploy": "for: 2m,", "rollback": "for: 1m,"}
_SHORT = "for: 15s, every: 3s,"
_HEAD = (
    "# The demo's own copy of the shipped action: its gate watches for 15 s instead of {minutes}, so that nobody has to"
    " wait.\n# A file here takes the place of the shipped one of the same name.\n"
)
_BROKEN = """\
# Deploys the archive of a release whose health check answers 503: the gate fails, the run ends failed and offers the
# rollback. A new action is one file like this one; `:run deploy-broken`, or the palette, starts it.
title: Deploy a broken release
params:
  archive: {{type: path, default: {archive}}}
needs: {{layout: releases, source: archive}}
"""


def write_configuration(
    root: Path, environments: tuple[DemoEnvironment, ...], ports: Mapping[str, int], urls: Mapping[str, str]
) -> Path:
    """Writes everything below `root`/config; the configuration file's path."""
    folder = root / "config"
    for name in ("checklists", "actions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("deploy.md", "after-deploy.md"):
        (folder / "checklists" / name).write_text((sample_config() / "checklists" / name).read_text())
    for name, text in _actions(root).items():
        (folder / "actions" / f"{name}.yaml").write_text(text)
    lines = ["# The demo's own configuration: what you would write for two real environments.", "environments:"]
    for environment in environments:
        lines += _section(root, environment, ports, urls[environment.name])
    lines += ["state:", f"  path: {_text(root / 'state')}"]
    file = folder / "opsconsole.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def _actions(root: Path) -> dict[str, str]:
    """The shipped deploy and rollback with a short gate, and the deploy of a broken release."""
    found = {}
    for name, gate in _GATES.items():
        text = (sample_config() / "actions" / f"{name}.yaml").read_text().replace(gate, _SHORT)
        found[name] = _HEAD.format(minutes="two minutes" if "2m" in gate else "a minute") + text
    steps = found["deploy"].partition("steps:")
    found["deploy-broken"] = (
        _BROKEN.format(archive=_text(root / "archives" / "app-broken.tar.gz")) + steps[1] + steps[2]
    )
    return found


def _text(path: Path) -> str:
    """A path as YAML text, whatever it holds."""
    return json.dumps(str(path))


def _section(root: Path, environment: DemoEnvironment, ports: Mapping[str, int], url: str) -> list[str]:
    key_hash = hashlib.sha256(environment.app_key.encode()).hexdigest()[:12]
    lines = [
        f"  {environment.name}:",
        f"    tier: {'protected' if environment.protected else 'normal'}",
        f"    url: {url}",
        "    app:",
        f"      path: {_text(environment.app(environment.hosts[0]))}",
        "      layout: releases",
        f"      source: {{archive: {_text(root / 'archives' / 'app.tar.gz')}}}",
        "    hosts:",
    ]
    for number, host in enumerate(environment.hosts):
        roles = "[web, worker, primary]" if number == 0 else "[web, worker]"
        lines += [
            f"      {host}:",
            "        ssh:",
            "          host: 127.0.0.1",
            f"          port: {ports[host]}",
            "          user: demo",
            f"          identity_file: {_text(root / 'ssh' / 'id')}",
            f"          known_hosts: {_text(root / 'ssh' / 'known_hosts')}",
            f"        roles: {roles}",
            f"        path: {_text(environment.app(host))}",
        ]
    return [
        *lines,
        f"    identity: {{app_env: {environment.name}, app_key: {key_hash}, database: {_text(environment.database)}}}",
        "    health: [/up, /health, {name: queue, url: /health/queue}, {name: mail, url: /health/mail}]",
        "    logs: [storage/logs/laravel.log]",
        "    workers: {supervisor: [laravel-worker, bulk-worker]}",
        "    checklists: [checklists/deploy.md, checklists/after-deploy.md]",
        f"    database: {{driver: sqlite, file: {_text(environment.database)}, via: direct}}",
    ]
