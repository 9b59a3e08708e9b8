"""What a plan must know of its hosts before it can be exact: keys, releases, migrations.

Owns the reading, all of it without side effects. Must not decide anything; the planner does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.environment import Environment, Host
from console.domain.releases import HostReleases, parse_releases, read_script
from console.domain.shellwords import quote
from console.domain.untrusted import Raw
from console.errors import RemoteError
from console.ports import Reach
from console.services.threads.parallel import each

MIGRATIONS = "database/migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Every host as it is now; `keys` are host key fingerprints by host."""

    hosts: tuple[HostReleases, ...]
    keys: dict[str, str]

    def host(self, name: str) -> HostReleases:
        """What that host has."""
        return next(host for host in self.hosts if host.host == name)


def survey(reach: Reach, *, deadline: float = 15.0) -> Survey:
    """Connects to every host and reads its releases. UnreachableError and the like when a host cannot be reached."""
    environment = reach.environment

    def one(name: str) -> tuple[str, HostReleases]:
        shell = reach.shell(name)
        shell.connect()
        return shell.fingerprint(), read_releases(reach, environment.host(name), deadline=deadline)

    found = each([host.name for host in environment.hosts], one)
    return Survey(
        hosts=tuple(releases for _, releases in found.values()), keys={name: key for name, (key, _) in found.items()}
    )


def read_releases(reach: Reach, host: Host, *, deadline: float = 15.0) -> HostReleases:
    """One host's releases. RemoteError when the script itself failed."""
    done = reach.shell(host.name).run(read_script(reach.environment.paths(host)), deadline=deadline)
    if done.status != 0:
        raise RemoteError(
            f"{host.name}: the releases cannot be read: {Raw.of(done.stderr).show(300)}", status=done.status
        )
    return parse_releases(host.name, done.stdout)


def migrations_script(environment: Environment, host: Host, *, releases: Sequence[str]) -> str:
    """POSIX sh that lists migration files: one section for each release directory."""
    paths = environment.paths(host)
    lines = []
    for name in releases:
        folder = posixpath.join(paths.releases, name, environment.app.root, MIGRATIONS)
        lines.append(f"printf '=release %s\\n' {quote(name)}; ls -1 -- {quote(folder)} 2>/dev/null || :")
    return "\n".join(lines) + "\n"


def parse_migrations(output: bytes) -> dict[str, tuple[str, ...]]:
    """Migration names by release name."""
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in output.decode("utf-8", "replace").splitlines():
        if line.startswith("=release "):
            section = found.setdefault(line.removeprefix("=release "), [])
        elif line.endswith(".php"):
            section.append(line.removesuffix(".php"))
    return {name: tuple(sorted(names)) for name, names in found.items()}
