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

from console.domain.shellwords import Kind, refused
from console.domain.untrusted import harmless

if TYPE_CHECKING:
    from console.domain.environment import AppPaths

LINKS = "releases_log"
"""The file in the control directory that notes each switch of the link: JSON lines with `release_name`."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
_PARTS = re.compile(r"[0-9]+|[^0-9]+")
_LOG_LINES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release directory. `commit` is the commit id in REVISION, empty where that says something else,
    `bad` whether it bears BAD_RELEASE, `lived` whether it was ever linked as current."""

    name: str
    commit: str = ""
    bad: bool = False
    lived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReleases:
    """What one host has: `current` is the linked release's name, empty without a link; `releases` oldest first;
    `there` is whether the application's directory exists at all. `odd` says why nothing is linked, or nothing that is a
    release here, as words behind `current`; empty when a release is."""

    host: str
    current: str
    releases: tuple[Release, ...]
    there: bool = True
    odd: str = ""

    def release(self, name: str) -> Release | None:
        """The release of that name."""
        return next((release for release in self.releases if release.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReading:
    """All hosts of an environment. `errors` are `HOST: reason`, harmless: hosts that could not be read, which are
    absent among `hosts`, and those whose application or live release is not there."""

    hosts: tuple[HostReleases, ...]
    errors: tuple[str, ...] = ()


def valid_name(name: str) -> bool:
    """Whether a directory's name can be a release's: what else lies there is left alone."""
    return not refused(Kind.RELEASE, name)


def read_script(paths: AppPaths) -> str:
    """POSIX sh that prints what `parse_releases` reads; it changes nothing and forks at most seven times."""
    base, control = shlex.quote(paths.base), shlex.quote(posixpath.join(paths.control, LINKS))
    artisan = shlex.quote(posixpath.join(posixpath.relpath(paths.root, paths.current), "artisan").removeprefix("./"))
    return f"""cd {base} 2>/dev/null || {{ printf 'missing\\0'; exit 0; }}
printf 'there\\0'
if [ -L current ]; then
  there=0; [ ! -e current ] || there=1
  printf 'current\\t%s\\t%s\\t' "$there" "$(readlink -f releases)"
  printf '%s\\t%s\\0' "$(readlink -f current)" "$(readlink current)"
elif [ -d current ]; then printf 'odd\\tis a directory, not a link\\0'
elif [ -e current ]; then printf 'odd\\tis a file, not a link\\0'
fi
for d in releases/*/; do
  [ -d "$d" ] && [ ! -L "${{d%/}}" ] || continue
  n=${{d#releases/}}; n=${{n%/}}; bad=0; rev=
  [ -e "$d/BAD_RELEASE" ] && bad=1
  if [ -f "$d/REVISION" ]; then {{ IFS= read -r rev || :; }} 2>/dev/null < "$d/REVISION"; fi
  printf 'release\\t%s\\t%s\\t%s\\0' "$n" "$bad" "$rev"
done
printf 'changed\\t'; ls -1drtc -- releases/*/{artisan} 2>/dev/null; printf '\\0'
emit() {{ [ ! -f "$2" ] || {{ printf '%s\\t' "$1"; tail -n {_LOG_LINES} "$2"; printf '\\0'; }}; }}
emit order .dep/releases_log
emit log {control}
"""


def parse_releases(host: str, output: bytes) -> HostReleases:
    """What `read_script` printed on `host`. Text that is not a release's name is passed over."""
    current, odd, there = "", "", False
    found: dict[str, tuple[bool, str]] = {}
    logs: dict[str, list[str]] = {}
    changed: list[str] = []
    for record in output.decode("utf-8", "surrogateescape").split("\0"):
        head, _, rest = record.partition("\t")
        if head == "there":
            there = True
        elif head == "current":
            current, odd = _linked(rest)
        elif head == "odd":
            odd = harmless(rest)
        elif head == "release":
            name, bad, commit = (*rest.split("\t", 2), "", "")[:3]
            if valid_name(name):
                found[name] = (bad == "1", commit.strip() if _COMMIT.fullmatch(commit.strip()) else "")
        elif head in ("order", "log"):
            logs[head] = _logged(rest.splitlines())
        elif head == "changed":
            changed = [line.split("/")[1] for line in rest.splitlines() if line.count("/") > 1]
    order = _order(found, logs.get("order") or logs.get("log", []), changed)
    named = {current, *(name for names in logs.values() for name in names)}
    # A number's place in the order is certain; any other name without code may be a build that was broken off.
    certain = {*changed, *named, *(name for name in order if _numbered(name))}
    lived = {name for name in _lived(order, current, named) if not changed or name in certain}
    releases = tuple(
        Release(name=name, commit=found[name][1], bad=found[name][0], lived=name in lived) for name in order
    )
    if current and current not in found:
        current, odd = "", f"leads to releases/{current}, which is no directory of a release"
    elif not current and not odd and found:
        odd = "is not there"
    return HostReleases(host=host, current=current, releases=releases, there=there, odd=odd)


def common_candidate(hosts: Sequence[HostReleases]) -> str:
    """Where a rollback goes: the newest release before the current one that on every host was once live and bears no
    BAD_RELEASE; empty when there is none, or when nothing is current on a host."""
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


def _linked(rest: str) -> tuple[str, str]:
    """The name of the release that is linked, and what is odd about a link that leads to none: whether it leads
    anywhere, where `releases` and the link really are, and what the link says."""
    there, releases, resolved, target = (*rest.split("\t", 3), "", "", "", "")[:4]
    parent, name = posixpath.split(resolved)
    shown = harmless(target)
    if there != "1":
        return "", f"leads to {shown}, which is not there"
    if not releases or parent != releases:
        return "", f"leads to {shown}, which is not in releases/"
    if not valid_name(name):
        return "", f"leads to {shown}, which has no name of a release"
    return name, ""


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


def _order(names: Collection[str], logged: Sequence[str], changed: Sequence[str]) -> list[str]:
    """Release names in the order of building. `logged` are names as a log has them, `changed` those with an artisan
    file in the order of its change time. A directory's own time is no help: a mark laid into it renews that.

    Names that are numbers or times say their own order, also after a `chown -R` has renewed every file's time. A
    release that is linked again keeps its first place in the log. One without an artisan file, where others have one,
    is still being built or never was: it stands last.
    """
    times = {name: at for at, name in enumerate(changed)}
    late = len(times) if times else -1
    by_time = sorted(names, key=lambda name: (times.get(name, late), natural(name)))
    numbers = sorted(filter(_numbered, names), key=lambda name: (int(name), name))
    built = _merged(numbers, by_time)
    return _merged([name for name in dict.fromkeys(logged) if name in names], built)


def _numbered(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _merged(steady: Sequence[str], others: Sequence[str]) -> list[str]:
    """All of `others` with those of `steady`, which are among them, in the order of `steady`; each other name stands
    before the first steady one that it comes before, and before which nothing younger has to stand."""
    rank = {name: at for at, name in enumerate(others)}
    free = [name for name in others if name not in set(steady)]
    order: list[str] = []
    for at, name in enumerate(steady):
        # A later one of `steady` is younger than this one, whatever its file's time says.
        limit = min(rank[later] for later in steady[at:])
        while free and rank[free[0]] < limit:
            order.append(free.pop(0))
        order.append(name)
    return order + free


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key in which numbers count as numbers (1.9 before 1.10) and a pre-release comes before its release."""
    parts = [
        (1, int(part), "") if part.isdecimal() else (0 if part[0] == "-" else 3, 0, part)
        for part in _PARTS.findall(name)
    ]
    return (*parts, (2, 0, ""))


def _lived(order: Sequence[str], current: str, logged: Collection[str]) -> set[str]:
    """Those the logs name and the current one; and those older than the oldest the logs name, of whose life nothing is
    written: they were there before anybody kept a log."""
    known = [at for at, name in enumerate(order) if name in logged]
    first = known[0] if known else (order.index(current) if current in order else 0)
    return {name for at, name in enumerate(order) if name in logged or name == current or at < first}
