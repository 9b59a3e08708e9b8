"""The embedded world as a process: everything `opsconsole demo` shows, behind real protocols on loopback.

Owns start-up, serving, and its own end: it lives while a registered screen, a connection or an unfinished run uses it,
and about ten seconds longer. Must not be imported by the screen; `python -m console.demo.world DIR` is it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from console.demo.announcement import announce, unannounce
from console.demo.application import DemoEnvironment, archives, environments, lay_out
from console.demo.configuration import write_configuration
from console.demo.endpoints import Endpoints
from console.demo.supervisor import revive
from console.demo.users import START_LOCK, WORLD_LOCK, DemoRunners, living_users, locked

if TYPE_CHECKING:
    from console.demo.load import Load
    from console.demo.ssh_server import SshHost

_GRACE = 8.0
_BUSY = 3
_PATIENCE = 10.0


def main(arguments: list[str]) -> int:
    """Serves the world in DIR until nobody uses it; 3 when another one serves it."""
    root = Path(arguments[0])
    os.umask(0o077)
    stop = threading.Event()
    for caught in (signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, lambda *_: stop.set())
    # Whoever looks whether a world lives takes this lock for a moment, and an older world may just be ending.
    with locked(root / WORLD_LOCK, patience=_PATIENCE) as mine:
        if not mine:
            sys.stderr.write(f"another world serves {root}\n")
            return _BUSY
        lock = (root / WORLD_LOCK).stat().st_ino
        # A killed world leaves its announcement: whoever waits for this world must not take the old one for it.
        unannounce(root)
        world = _start(root)
        announce(root, world.config)
        _serve_while_used(root, lock, world.hosts, stop)
        if _ours(root, lock):
            unannounce(root)
        for load in world.loads:
            load.stop()
        for host in world.hosts:
            host.stop()
    return 0


@dataclass(frozen=True, slots=True)
class _World:
    config: Path
    hosts: Sequence[SshHost]
    loads: Sequence[Load]


def _start(root: Path) -> _World:
    """Everything that serves, started."""
    from console.demo.load import Load
    from console.demo.web import HealthServer

    endpoints = Endpoints(root)
    redis_port = _serve_redis(endpoints)
    archives(root)
    hosts: list[SshHost] = []
    loads: list[Load] = []
    urls: dict[str, str] = {}
    both = environments(root)
    for number, environment in enumerate(both):

        def make(port: int, environment: DemoEnvironment = environment) -> HealthServer:
            return HealthServer(environment, port)

        web = endpoints.serve(f"web-{environment.name}", make)
        endpoints.note(f"web-{environment.name}", web.server_port)
        threading.Thread(target=web.serve_forever, name=f"demo-web-{environment.name}", daemon=True).start()
        urls[environment.name] = web.url
        lay_out(environment, redis_port=redis_port, redis_password="", url=web.url)
        loads.append(Load(environment, redis_port=redis_port, seed=number))
        for host in environment.hosts:
            revive(environment.home(host), os.getpid())
        hosts += _serve_hosts(endpoints, environment, redis_port)
    endpoints.save()
    (root / "ssh" / "known_hosts").write_text("".join(host.known_hosts_line() + "\n" for host in hosts))
    config = write_configuration(root, both, {host.name: host.port for host in hosts}, urls)
    for load in loads:
        load.start()
    return _World(config, hosts, loads)


def _serve_redis(endpoints: Endpoints) -> int:
    from fakeredis import TcpFakeServer

    server = endpoints.serve("redis", lambda port: TcpFakeServer(("127.0.0.1", port)))
    server.daemon_threads = True
    port = int(server.server_address[1])
    endpoints.note("redis", port)
    threading.Thread(target=server.serve_forever, name="demo-redis", daemon=True).start()
    return port


def _serve_hosts(endpoints: Endpoints, environment: DemoEnvironment, redis_port: int) -> list[SshHost]:
    from console.demo.ssh_server import SshHost

    found = []
    for name in environment.hosts:
        home = environment.home(name)

        def make(port: int, name: str = name, home: Path = home) -> SshHost:
            return SshHost(
                name,
                home,
                path=f"{home / 'bin'}:{os.environ.get('PATH') or os.defpath}",
                key=endpoints.key(f"host-{name}"),
                authorised=endpoints.key("id"),
                ports=frozenset({redis_port}),
                port=port,
            )

        host = endpoints.serve(f"ssh-{name}", make)
        endpoints.note(f"ssh-{name}", host.port)
        host.start()
        found.append(host)
    return found


class _Connected(Protocol):
    def in_use(self) -> bool: ...


def _serve_while_used(root: Path, lock: int, hosts: Sequence[_Connected], stop: threading.Event) -> None:
    runners = DemoRunners(root / "state")

    def used() -> bool:
        return bool(living_users(root)) or any(host.in_use() for host in hosts) or runners.any_alive()

    used_at = time.monotonic()
    while not stop.wait(1.0) and _ours(root, lock):
        if used():
            used_at = time.monotonic()
        elif time.monotonic() - used_at >= _GRACE:
            # Whoever joins holds this lock until the world was found: it must not be taken away in between.
            with locked(root / START_LOCK, patience=0) as free:
                if free and not used():
                    unannounce(root)
                    return


def _ours(root: Path, lock: int) -> bool:
    """Whether the directory is still the one this world serves: removed, it comes back as somebody else's."""
    try:
        return (root / WORLD_LOCK).stat().st_ino == lock
    except OSError:
        return False


if __name__ == "__main__":
    # Daemon threads of the servers may still wait on sockets: what matters is on disk by now.
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
