"""Release directories: which one is live, which are there, and which one a rollback would take.

Owns the values, the ordering and the candidate rule. Must not run anything: `READ_SCRIPT` is text for whoever can.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.domain.untrusted import harmless

if TYPE_CHECKING:
    from console.domain.environment import AppPaths

LINKS = "releases_log"
"""The file in the control directory that notes each switch of the link: JSON lines with `release_name`."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_LOG_LINES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release directory. `commit` is the text of REVISION, `bad` whether it bears BAD_RELEASE, `lived` whether it
    was ever linked as current."""

    name: str
    commit: str = ""
    bad: bool = False
    lived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReleases:
    """What one host has: `current` is the linked release's name, empty without a link; `releases` oldest first;
    `there` is whether the application's directory exists at all."""

    host: str
    current: str
    releases: tuple[Release, ...]
    there: bool = True

    def release(self, name: str) -> Release | None:
        """The release of that name."""
        return next((release for release in self.releases if release.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReading:
    """All hosts of an environment. `errors` maps nothing: a host that could not be read is simply absent there and
    named here as `HOST: reason`, already harmless."""

    hosts: tuple[HostReleases, ...]
    errors: tuple[str, ...] = ()


def valid_name(name: str) -> bool:
    """Whether a directory's name can be a release's: what else lies there is left alone."""
    return _NAME.match(name) is not None


def read_script(paths: AppPaths) -> str:
    """POSIX sh that prints what `parse_releases` reads; it changes nothing and forks at most three times."""
    base, control = shlex.quote(paths.base), shlex.quote(posixpath.join(paths.control, LINKS))
    return f"""cd {base} 2>/dev/null || {{ printf 'missing\\0'; exit 0; }}
printf 'there\\0'
[ -L current ] && printf 'current\\t%s\\0' "$(readlink current)"
for d in releases/*/; do
  [ -d "$d" ] && [ ! -L "${{d%/}}" ] || continue
  n=${{d#releases/}}; n=${{n%/}}; bad=0; rev=
  [ -e "$d/BAD_RELEASE" ] && bad=1
  if [ -f "$d/REVISION" ]; then {{ IFS= read -r rev || :; }} 2>/dev/null < "$d/REVISION"; fi
  printf 'release\\t%s\\t%s\\t%s\\0' "$n" "$bad" "$rev"
done
emit() {{ [ ! -f "$2" ] || {{ printf '%s\\t' "$1"; tail -n {_LOG_LINES} "$2"; printf '\\0'; }}; }}
emit order .dep/releases_log
emit log {control}
"""


def parse_releases(host: str, output: bytes) -> HostReleases:
    """What `read_script` printed on `host`. Text that is not a release's name is passed over."""
    current, there = "", False
    found: dict[str, tuple[bool, str]] = {}
    built: list[str] = []
    logged: set[str] = set()
    for record in output.decode("utf-8", "surrogateescape").split("\0"):
        kind, _, rest = record.partition("\t")
        if kind == "there":
            there = True
        elif kind == "current":
            current = _linked(rest)
        elif kind == "release":
            name, bad, commit = (*rest.split("\t", 2), "", "")[:3]
            if valid_name(name):
                found[name] = (bad == "1", harmless(commit.strip())[:64])
        elif kind in ("order", "log"):
            names = _logged(rest.splitlines())
            logged.update(names)
            built = names if kind == "order" else built
    order = sorted(found, key=lambda name: _place(name, built))
    lived = _lived(order, current, logged)
    releases = tuple(
        Release(name=name, commit=found[name][1], bad=found[name][0], lived=name in lived) for name in order
    )
    return HostReleases(host=host, current=current if current in found else "", releases=releases, there=there)


def candidate(host: HostReleases) -> Release | None:
    """Where a rollback goes on this host: the newest release before the current one that was once live and bears no
    BAD_RELEASE; None when there is none, or nothing is current."""
    names = [release.name for release in host.releases]
    if host.current not in names:
        return None
    before = host.releases[: names.index(host.current)]
    return next((release for release in reversed(before) if release.lived and not release.bad), None)


def common_candidate(hosts: Sequence[HostReleases]) -> str:
    """The newest release that every host could go back to; empty when there is none."""
    choices = [
        [r.name for r in host.releases[: _index(host)] if r.lived and not r.bad] if _index(host) >= 0 else []
        for host in hosts
    ]
    if not choices:
        return ""
    return next((name for name in reversed(choices[0]) if all(name in names for names in choices[1:])), "")


def next_name(existing: Iterable[str], now: datetime) -> str:
    """A new release's name: one more than the highest when all are numbers of at most six digits, else the UTC time
    `YYYYMMDDHHMMSS`, moved on by seconds until it is free."""
    names = set(existing)
    if names and all(name.isascii() and name.isdigit() and len(name) <= 6 for name in names):
        return str(max(int(name) for name in names) + 1)
    at = now.astimezone(UTC)
    while (name := at.strftime("%Y%m%d%H%M%S")) in names:
        at += timedelta(seconds=1)
    return name


def note_link(paths: AppPaths, release: str) -> str:
    """POSIX sh that notes a switch of the link to `release` where `parse_releases` finds it; the control directory must
    exist. Deployer's own log is kept up to date where there is one."""
    if not valid_name(release):
        raise ValueError(f"not a release's name: {harmless(release)}")
    line = 'printf \'{"created_at":"%s","release_name":"%s","user":"opsconsole"}\\n\''
    stamped = f'{line} "$(date -u +%Y-%m-%dT%H:%M:%S+0000)" {shlex.quote(release)}'
    own = shlex.quote(posixpath.join(paths.control, LINKS))
    deployer = shlex.quote(posixpath.join(paths.base, ".dep/releases_log"))
    return f"{stamped} >> {own}\n[ ! -f {deployer} ] || {stamped} >> {deployer}\n"


def _index(host: HostReleases) -> int:
    return next((at for at, release in enumerate(host.releases) if release.name == host.current), -1)


def _linked(target: str) -> str:
    parent, name = posixpath.split(target.rstrip("/"))
    return name if posixpath.basename(parent) == "releases" and valid_name(name) else ""


def _logged(lines: Iterable[str]) -> list[str]:
    names = []
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        name = entry.get("release_name") if isinstance(entry, dict) else None
        if isinstance(name, str | int) and valid_name(str(name)):
            names.append(str(name))
    return names


def _place(name: str, logged: Sequence[str]) -> tuple[int, int, int, str]:
    # A release that is linked again keeps its place: order is the order of building.
    if name in logged:
        return (1, logged.index(name), 0, "")
    digits = name.isascii() and name.isdigit()
    return (0, 0 if digits else 1, int(name) if digits else 0, name)


def _lived(order: Sequence[str], current: str, logged: Collection[str]) -> set[str]:
    """Those the logs name and the current one; and those older than the oldest the logs name, of whose life nothing is
    written: they were there before anybody kept a log."""
    known = [at for at, name in enumerate(order) if name in logged]
    first = known[0] if known else (order.index(current) if current in order else 0)
    return {name for at, name in enumerate(order) if name in logged or name == current or at < first}
