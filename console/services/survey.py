"""What a plan must know of its hosts before it can be exact: keys, releases, commits, migrations.

Owns the reading, all of it without side effects. Must not decide anything; the planner does.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.domain.environment import Environment, Host
from console.domain.planning import Archive
from console.domain.releases import HostReleases, parse_releases, read_script
from console.domain.shellwords import quote
from console.domain.untrusted import Raw, harmless
from console.errors import RemoteError, UsageError
from console.ports import Reach
from console.services.parallel import each

_MIGRATIONS = "database/migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Every host as it is now; `keys` are host key fingerprints by host."""

    hosts: tuple[HostReleases, ...]
    keys: dict[str, str]

    def host(self, name: str) -> HostReleases:
        """What that host has."""
        return next(host for host in self.hosts if host.host == name)


def survey(reach: Reach, *, deadline: float = 15.0) -> Survey:
    """Connects to every host and reads its releases. UnreachableError and its kin when one cannot be had."""
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


def read_archive(path: str) -> Archive:
    """The archive's hash and size. UsageError when it is no readable tar file."""
    file = Path(path)
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        if not tarfile.is_tarfile(file):
            raise UsageError(f"{harmless(path)} is not a tar archive.")
        return Archive(path=str(file.resolve()), sha256=digest.hexdigest(), size=file.stat().st_size)
    except OSError as error:
        raise UsageError(
            f"The archive {harmless(path)} cannot be read: {error.strerror}.", fix="Check `app.source.archive`."
        ) from error


def archive_migrations(archive: Archive, root: str) -> tuple[str, ...]:
    """The migration files in an archive."""
    folder = posixpath.join(root, _MIGRATIONS)
    with tarfile.open(archive.path) as tar:
        names = [posixpath.normpath(name) for name in tar.getnames()]
    return tuple(sorted(_stem(name) for name in names if posixpath.dirname(name) == folder and name.endswith(".php")))


def migrations_script(environment: Environment, host: Host, *, releases: Sequence[str], commit: str = "") -> str:
    """POSIX sh that lists migration files: one section for each release directory, then one for a mirrored commit."""
    paths = environment.paths(host)
    root = environment.app.root
    lines = []
    for name in releases:
        folder = posixpath.join(paths.releases, name, root, _MIGRATIONS)
        lines.append(f"printf '=release %s\\n' {quote(name)}; ls -1 -- {quote(folder)} 2>/dev/null || :")
    if commit:
        mirror, folder = posixpath.join(paths.control, "repo"), posixpath.join(root, _MIGRATIONS)
        lines.append(
            f"if [ -d {quote(mirror)} ] && git --git-dir={quote(mirror)} cat-file -e {quote(commit)} 2>/dev/null; then "
            f"echo =commit; git --git-dir={quote(mirror)} ls-tree --name-only {quote(commit)} {quote(folder + '/')}; fi"
        )
    return "\n".join(lines) + "\n"


def parse_migrations(output: bytes) -> dict[str, tuple[str, ...]]:
    """Migration names by release name; the commit's under an empty name, missing when the mirror does not have it."""
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in output.decode("utf-8", "replace").splitlines():
        if line.startswith("=release "):
            section = found.setdefault(line.removeprefix("=release "), [])
        elif line == "=commit":
            section = found.setdefault("", [])
        elif line.endswith(".php"):
            section.append(_stem(line))
    return {name: tuple(sorted(names)) for name, names in found.items()}


def listed(names: Collection[str], most: int = 8) -> str:
    """Names for a sentence, the rest counted."""
    ordered = [harmless(name) for name in names]
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".php")
