"""The embedded world as a process: everything `opsconsole demo` shows, behind real protocols on loopback.

Owns start-up, the configuration file it writes for the console, and its own end: it lives while a registered screen or
an unfinished run uses it, and no longer. Must not be imported by the screen; `python -m console.demo.world DIR` is it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from console.demo.application import DemoEnvironment, archives, environments, lay_out
from console.demo.users import living_users
from console.resources import sample_config

_GRACE = 10.0


def main(arguments: list[str]) -> int:
    """Serves the world in DIR until nobody uses it."""
    import paramiko
    from fakeredis import TcpFakeServer

    from console.demo.load import Load
    from console.demo.ssh_server import SshHost
    from console.demo.web import HealthServer

    root = Path(arguments[0])
    stop = threading.Event()
    for caught in (signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, lambda *_: stop.set())
    key = paramiko.ECDSAKey.generate()
    with _private(root / "ssh" / "id") as file:
        key.write_private_key(file)
    server = TcpFakeServer(("127.0.0.1", 0))
    server.daemon_threads = True
    redis_port = int(server.server_address[1])
    threading.Thread(target=server.serve_forever, name="demo-redis", daemon=True).start()
    archives(root)
    all_environments, hosts, loads, urls = environments(root), {}, [], {}
    for number, environment in enumerate(all_environments):
        web = HealthServer(environment)
        threading.Thread(target=web.serve_forever, name=f"demo-web-{environment.name}", daemon=True).start()
        urls[environment.name] = web.url
        lay_out(environment, redis_port=redis_port, redis_password="", url=web.url)
        loads.append(Load(environment, redis_port=redis_port, seed=number))
        for name in environment.hosts:
            home = environment.home(name)
            path = f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin"
            host = SshHost(name, home, path=path, authorised=key, ports=frozenset({redis_port}))
            host.start()
            hosts[name] = host
    (root / "ssh" / "known_hosts").write_text("".join(host.known_hosts_line() + "\n" for host in hosts.values()))
    _configure(root, all_environments, {name: host.port for name, host in hosts.items()}, urls)
    for load in loads:
        load.start()
    _announce(root)
    _serve_while_used(root, stop)
    for load in loads:
        load.stop()
    for host in hosts.values():
        host.stop()
    return 0


def _private(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "w")


def _announce(root: Path) -> None:
    """The file that says the world is up, written aside and renamed so that nobody reads half of it."""
    draft = root / f"world.{os.getpid()}"
    draft.write_text(json.dumps({"pid": os.getpid(), "config": str(root / "config" / "opsconsole.yaml")}))
    draft.rename(root / "world.json")


def _serve_while_used(root: Path, stop: threading.Event) -> None:
    idle_since = time.monotonic()
    while not stop.wait(1.0):
        if living_users(root):
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > _GRACE:
            break
    (root / "world.json").unlink(missing_ok=True)


def _configure(
    root: Path, all_environments: tuple[DemoEnvironment, ...], ports: dict[str, int], urls: dict[str, str]
) -> None:
    """Writes the configuration as an operator would have; the console reads it like any other."""
    folder = root / "config"
    (folder / "checklists").mkdir(parents=True, exist_ok=True)
    for name in ("deploy.md", "after-deploy.md"):
        (folder / "checklists" / name).write_text((sample_config() / "checklists" / name).read_text())
    text = ["# The demo's own configuration: what you would write for two real environments.", "environments:"]
    for environment in all_environments:
        text += _section(root, environment, ports, urls[environment.name])
    text += ["state:", f"  path: {root / 'state'}"]
    (folder / "opsconsole.yaml").write_text("\n".join(text) + "\n")
    (folder / "opsconsole.yaml").chmod(0o600)


def _section(root: Path, environment: DemoEnvironment, ports: dict[str, int], url: str) -> list[str]:
    key_hash = hashlib.sha256(environment.app_key.encode()).hexdigest()[:12]
    lines = [
        f"  {environment.name}:",
        f"    tier: {'protected' if environment.protected else 'normal'}",
        f"    url: {url}",
        "    app:",
        f"      path: {environment.app(environment.hosts[0])}",
        "      layout: releases",
        f"      source: {{archive: {root / 'archives' / 'app.tar.gz'}}}",
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
            f"          identity_file: {root / 'ssh' / 'id'}",
            f"          known_hosts: {root / 'ssh' / 'known_hosts'}",
            f"        roles: {roles}",
            f"        path: {environment.app(host)}",
        ]
    return [
        *lines,
        f"    identity: {{app_env: {environment.name}, app_key: {key_hash}, database: {environment.database}}}",
        "    health: [/up, /health, {name: queue, url: /health/queue}, {name: mail, url: /health/mail}]",
        "    logs: [storage/logs/laravel.log]",
        "    workers: {supervisor: [laravel-worker, bulk-worker]}",
        "    checklists: [checklists/deploy.md, checklists/after-deploy.md]",
        f"    database: {{driver: sqlite, file: {environment.database}, via: direct}}",
    ]


if __name__ == "__main__":
    # daemon threads of the Redis server may still wait on sockets: what matters is on disk by now
    code = main(sys.argv[1:])
    os._exit(code)
