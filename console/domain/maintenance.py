"""Maintenance mode of an application: on which hosts it is on, since when, and what of it a host says.

Owns the values, the script that reads the framework's `down` file, and the parsing of its answer. Must not reach a
host, and must not show the secret that lets people in.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from console.domain.environment import AppPaths
from console.domain.origins import Origin
from console.domain.shellwords import quote
from console.domain.untrusted import Raw

KEY = "illuminate:foundation:down"
"""What the framework's cache driver keeps the mode under, in the store that the application's configuration names."""
_NUMBER = re.compile(r'"(retry|status)"(?:\s*:\s*"?|;i:)(\d{1,9})')
"""In the framework's file, which is JSON, and in a cache store, where it is PHP's own form."""
_SECONDS = re.compile(r"[0-9]{1,11}")
_OLDEST = 10 * 366 * 86400
_SECRET = re.compile(r'"secret"(?:\s*:\s*"(?=[^"])|;s:[1-9][0-9]{0,6}:")')


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMaintenance:
    """One host. `since` is None where nothing tells; `driver` says where the mode is kept (`file`, or the cache store
    as `cache NAME`), and `origin` on what that stands. `retry` are the seconds that visitors are told to wait,
    `http_status` is what they get; `bypass` says that a secret lets people in all the same."""

    host: str
    down: bool
    since: datetime | None = None
    driver: str = "file"
    origin: str = Origin.UNKNOWN.value
    retry: int | None = None
    http_status: int | None = None
    bypass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceReading:
    """Every host that could be asked; `errors` are `HOST: reason`, harmless."""

    hosts: tuple[HostMaintenance, ...]
    errors: tuple[str, ...] = ()

    @property
    def down(self) -> tuple[HostMaintenance, ...]:
        """The hosts that are in maintenance mode."""
        return tuple(host for host in self.hosts if host.down)

    @property
    def since(self) -> datetime | None:
        """When the first of them went down, as far as that is known."""
        return min((host.since for host in self.down if host.since is not None), default=None)


def read_script(paths: AppPaths, cached: str = "") -> str:
    """POSIX sh that says whether a file marks the mode on this host: the framework's own, or the entry `cached` of a
    cache store that keeps its values in files, a relative one below the application's root."""
    storage = f"{paths.root}/storage"
    file = quote(posixpath.join(paths.root, cached or "storage/framework/down"))
    return f"""echo "clock $(date +%s)"
f={file}; d=${{f%/*}}
while [ "$d" != {quote(storage)} ] && [ ! -e "$d" ]; do
  case $d in /*/*) d=${{d%/*}} ;; *) break ;; esac
done
if [ -e "$f" ] || [ -L "$f" ]; then
  echo "since $(stat -L -c %Y -- "$f" 2>/dev/null)"
  echo "body $(head -c 2048 -- "$f" 2>/dev/null | tr -c '[:print:]' ' ')"
elif [ ! -e {quote(paths.root)}/. ]; then echo absent
elif [ -d "$d" ] && [ -x "$d" ]; then echo up
elif [ ! -e "$d" ] && [ ! -L "$d" ]; then echo up
else echo closed; fi
:
"""


def cache_file(directory: str) -> str:
    """Where a cache store that keeps its values in files below `directory` has the mode."""
    digest = hashlib.sha1(KEY.encode(), usedforsecurity=False).hexdigest()
    return f"{directory.rstrip('/')}/{digest[:2]}/{digest[2:4]}/{digest}"


def parse(host: str, output: bytes, *, now: datetime, driver: str = "file") -> HostMaintenance:
    """What one host's answer says; ValueError with the reason when it does not tell. `now` is our clock meanwhile: the
    age of the file is measured by the host's own, so that a difference between the two does not matter."""
    said: dict[str, str] = {}
    for line in output.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(" ")
        said.setdefault(name, value)
    if "up" in said:
        return HostMaintenance(host=host, down=False, driver=driver)
    if "since" in said:
        since = _moment(said["since"], said.get("clock", ""), now)
        return replace(host_down(host, said.get("body", "")), since=since, driver=driver)
    if "absent" in said:
        raise ValueError("no application lies where it should")
    if "closed" in said:
        raise ValueError("this account may not look into the application's storage directory")
    raise ValueError(f"no answer about maintenance mode: {Raw.of(output).show(80) or 'nothing'}")


def host_down(host: str, body: str) -> HostMaintenance:
    """A host in maintenance mode, and what the stored mode says of it."""
    numbers = {match[1]: int(match[2]) for match in _NUMBER.finditer(body)}
    return HostMaintenance(
        host=host,
        down=True,
        retry=numbers.get("retry"),
        http_status=numbers.get("status"),
        bypass=bool(_SECRET.search(body)),
    )


def _moment(since: str, clock: str, now: datetime) -> datetime | None:
    if not _SECONDS.fullmatch(since) or not _SECONDS.fullmatch(clock):
        return None
    return now - timedelta(seconds=min(_OLDEST, max(0, int(clock) - int(since))))
