"""Where in a large file the records of a time begin, found by looking at a few places of it.

Owns the search. Must not read more than the heads at those places, nor skip a record of that time, as long as times in
the file go back by at most `SLACK`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from console.domain.log_siblings import FoundFile
from console.domain.shellwords import Kind, Typed, quote
from console.errors import RemoteError
from console.ports import Shell
from console.services.tailing.log_files import CANDIDATES, first_stamp

SMALL = 4 << 20
"""A range of at most so many bytes is read whole instead of searched."""
SLACK = 600_000_000
"""Microseconds by which a later record may bear an earlier time: clocks are corrected, and records written late."""
_PLACES = 8
_ROUNDS = 8

_SCRIPT = r"""
at() { echo "at $1"; { dd bs=1 skip="$1" count=0 2>/dev/null; candidates; } <"$path"; }
[ "$(stat -L -c '%d:%i' "$path")" = "$wanted" ] || exit 3
"""


def find_beginning(shell: Shell, file: FoundFile, begin: int, *, latest: Callable[[bytes], int | None]) -> int:
    """An offset of `file` before the first record since `begin` (microseconds), as near to it as its times allow; 0
    when they say nothing. `latest` gives the latest moment that a stamp can mean. The errors of a shell; RemoteError
    when the file is not there any more."""
    low, high = 0, file.size
    for _ in range(_ROUNDS):
        if high - low <= SMALL:
            break
        step = (high - low) // (_PLACES + 1)
        places = [low + step * number for number in range(1, _PLACES + 1)]
        seen = _look(shell, file, places)
        before = low, high
        for place in places:
            at = latest(seen[place]) if place in seen else None
            if at is not None and at >= begin - SLACK:
                high = place
                break
            low = place if at is not None else low
        if (low, high) == before:
            break
    return low


def _look(shell: Shell, file: FoundFile, places: Sequence[int]) -> Mapping[int, bytes]:
    """The first stamp at or after each place, where one stands near."""
    path = quote(Typed(Kind.PATH, file.path).value)
    calls = "\n".join(f"at {place}" for place in places)
    done = shell.run(f"path={path} wanted={quote(file.inode)}\n{CANDIDATES}{_SCRIPT}{calls}", deadline=60.0)
    if done.status not in (0, None):
        raise RemoteError("it is not there any more")
    stamps: dict[int, bytes] = {}
    place = -1
    for line in done.stdout.splitlines():
        word, _, number = line.partition(b" ")
        stamp = first_stamp(line)
        if word == b"at" and number.isdigit():
            place = int(number)
        elif stamp is not None:
            stamps.setdefault(place, stamp)
    return stamps
