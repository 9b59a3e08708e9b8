"""The files that a log file became when it was rotated, told by their names.

Owns which names belong to a configured one and how a name says that its file is compressed. Must not look at a host.

logrotate makes `laravel.log.1`, `laravel.log-20261128`, `laravel-20261128.log` or `laravel.1.log`, Laravel's daily
channel `laravel-2026-11-28.log`; each may be compressed later.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

_DATE = r"[-_.]\d{4}[-_.]?\d\d(?:[-_.]?\d\d)?(?:[-_.T]?\d[\d:_-]{0,12})?"
_BEFORE = rf"(?:{_DATE}|\.\d{{1,4}})?"
_BEHIND = rf"(?:{_DATE}|[-.]\d{{1,12}}|\.(?:old|bak|prev|orig))?"
_PACKED = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|lzma|lzo|br|Z|zip|7z)$")


UNPACKED = ("gz", "bz2", "xz")
"""The endings of compressed files that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A regular file as a host shows it. `changed` is when it was last written, in its clock's seconds since 1970;
    `readable` whether this account may read it."""

    path: str
    inode: str
    size: int
    changed: int
    readable: bool = True

    @property
    def name(self) -> str:
        """The name without its directory."""
        return posixpath.basename(self.path)

    @property
    def packing(self) -> str:
        """The ending that says how the file is compressed (`gz`), empty for plain ones."""
        found = _PACKED.search(self.path)
        return found[0][1:] if found else ""

    @property
    def plain_path(self) -> str:
        """The path without that ending."""
        return _PACKED.sub("", self.path)


def fixed_beginning(name: str) -> str:
    """What every name begins with that can belong to a configured one: its part before the first `*`, `?` or dot."""
    return re.split(r"[*?]", name, maxsplit=1)[0] if re.search(r"[*?]", name) else posixpath.splitext(name)[0]


def siblings(configured: str, current: FoundFile | None, found: Iterable[FoundFile]) -> tuple[FoundFile, ...]:
    """Of the files in one directory those that a configured path was before, oldest first; `current` is the file that
    it is now.

    A plain file outranks the compressed one of the same name: that one is being made, or was not taken away.
    """
    pattern = _names(posixpath.basename(configured))
    # logrotate's own order: what was written last is the newest.
    those = sorted((each for each in found if pattern.fullmatch(each.name)), key=lambda each: (each.changed, each.name))
    plain = {each.path for each in those if not each.packing}
    seen = {current.inode} if current else set()
    chosen = []
    for each in those:
        if each.inode in seen or (each.packing and each.plain_path in plain):
            continue
        seen.add(each.inode)
        chosen.append(each)
    return tuple(chosen)


def _names(configured: str) -> re.Pattern[str]:
    stem, ending = posixpath.splitext(configured)
    packed = _PACKED.pattern.removesuffix("$")
    return re.compile(f"{_glob(stem)}{_BEFORE}{_glob(ending)}{_BEHIND}(?:{packed})?")


def _glob(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in text)
