"""What there is to read of an environment's log files on one host: asked once, before anything is read.

Owns the script that lists a file with its rotated siblings and looks at their beginnings. Must not decide what is read.

The script needs `stat`, `head`, `sed`, `dd`, `od`, `tr` and `date` as busybox has them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.domain.log_heads import head_at, next_head
from console.domain.log_siblings import FoundFile, fixed_beginning, siblings
from console.domain.shellwords import Kind, Typed, quote
from console.errors import RemoteError
from console.ports import Shell

FIRST = 262_144
"""Bytes of a compressed file's beginning in which a head is looked for."""

CANDIDATES = r"""
candidates() {
  sed -n '/^[^#0-9 ]\{0,3\}[[{]/{
s/^\(.\{0,128\}\).*/\1/p
x
s/$/x/
/x\{40\}/q
x
}
3000q'
  echo
}
"""
"""Prints the first lines on stdin, of the next 3,000, that may be heads; whether one is a head is judged here. `echo`
is needed because sed does not end a last line that has no line break, and the next answer would run into it."""

_SCRIPT = r"""
IFS=' '
nl='
'
now=$(date +%s)
echo "now $now"
[ -n "$ago" ] && begin=$((now - ago))
list() {
  name=$2
  case $name in
  *[*?]*)
    IFS=''
    for each in $name; do name=$each; done
    IFS=' '
    ;;
  esac
  printf 'current %s %s\n' "$1" "$name"
  directory=${name%/*}
  [ -d "${directory:-/}" ] && [ ! -r "${directory:-/}" ] && echo "unlisted $1"
  set -- "$3" "$name"
  beginning=$1
  shift
  if [ -n "$begin" ]; then
    for each in "$directory"/"$beginning"*; do
      case $each in "$name" | *"$nl"*) continue ;; esac
      [ -f "$each" ] && set -- "$@" "$each"
    done
  fi
  listing=$(stat -L -c '%d:%i %s %Y %n' "$@" 2>/dev/null)
  while read -r inode size changed each; do
    [ -f "$each" ] || continue
    if [ ! -r "$each" ]; then printf 'unread %s %s %s %s\n' "$inode" "$size" "$changed" "$each"; continue; fi
    printf 'file %s %s %s %s\n' "$inode" "$size" "$changed" "$each"
    [ -n "$begin" ] && [ "$changed" -ge "$begin" ] || continue
    case $each in
    *.gz | *.bz2 | *.xz)
      printf 'peek %s ' "$inode"
      dd bs=4096 count=1 <"$each" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
      echo
      ;;
    *) echo "look $inode"; candidates <"$each" ;;
    esac
  done <<LISTING
$listing
LISTING
}
"""


@dataclass(frozen=True, slots=True)
class FoundLog:
    """One configured log file on one host. `rotated` are its siblings, oldest first; `unlisted` when its directory may
    not be listed, so that they are not known."""

    file: str
    current: FoundFile | None
    rotated: tuple[FoundFile, ...] = ()
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The log files of one host. `now` is its clock, seconds since 1970; `stamps` has the first stamp of each file that
    was looked into, by inode: None for a file whose beginning has none."""

    now: int
    logs: tuple[FoundLog, ...]
    stamps: Mapping[str, bytes | None] = field(default_factory=dict)


def list_logs(
    shell: Shell, files: Sequence[tuple[str, str]], *, begin: int | None = None, ago: int | None = None
) -> Listing:
    """The log files `(file as configured, absolute path)` on a host; with `begin` (seconds since 1970) or `ago`
    (seconds before the host's now) also their siblings, and the first stamp of those that were changed since.

    The errors of a shell; RemoteError when the answer is none.
    """
    done = shell.run(_script(files, begin, ago), deadline=30.0)
    return _read(done.stdout, files)


def _script(files: Sequence[tuple[str, str]], begin: int | None, ago: int | None) -> str:
    lines = [f"begin='{'' if begin is None else begin}' ago='{'' if ago is None else ago}'", CANDIDATES, _SCRIPT]
    for number, (_, path) in enumerate(files):
        beginning = fixed_beginning(posixpath.basename(path))
        lines.append(f"list {number} {quote(Typed(Kind.PATH, path).value)} {quote(beginning)}")
    return "\n".join([*lines, "echo listed"])


def _read(answer: bytes, files: Sequence[tuple[str, str]]) -> Listing:
    lines = answer.rstrip(b"\n").split(b"\n")
    if lines[-1] != b"listed":
        raise RemoteError("the host did not list its log files to the end", done="Nothing of them was read.")
    now = 0
    stamps: dict[str, bytes | None] = {}
    parts: list[_Part] = []
    looked = ""
    for line in lines[:-1]:
        word, _, rest = line.partition(b" ")
        if word == b"now" and rest.isdigit():
            now = int(rest)
        elif word == b"current":
            parts.append(_Part(rest.partition(b" ")[2].decode("utf-8", "surrogateescape")))
        elif word == b"unlisted" and parts:
            parts[-1].unlisted = True
        elif word in (b"file", b"unread") and parts:
            found = _file(rest, readable=word == b"file")
            if found is not None:
                parts[-1].found.append(found)
                stamps.setdefault(found.inode)
        elif word in (b"look", b"peek"):
            inode, _, digits = rest.partition(b" ")
            looked = inode.decode("ascii", "replace")
            stamps[looked] = _unpacked_stamp(digits) if digits else None
        elif stamps.get(looked) is None:
            stamps[looked] = first_stamp(line)
    if len(parts) != len(files):
        raise RemoteError("the host listed other log files than it was asked for", done="Nothing of them was read.")
    return Listing(now, tuple(part.log(*asked) for asked, part in zip(files, parts, strict=True)), stamps)


@dataclass(slots=True)
class _Part:
    """The answer for one configured path."""

    name: str
    found: list[FoundFile] = field(default_factory=list)
    unlisted: bool = False

    def log(self, file: str, path: str) -> FoundLog:
        current = next((each for each in self.found if each.path == self.name), None)
        return FoundLog(file, current, siblings(path, current, self.found), self.unlisted)


def _file(words: bytes, *, readable: bool) -> FoundFile | None:
    inode, size, changed, path = (*words.split(b" ", 3), b"", b"", b"", b"")[:4]
    if not (size.isdigit() and changed.isdigit() and path):
        return None
    name = path.decode("utf-8", "surrogateescape")
    return FoundFile(
        path=name, inode=inode.decode("ascii", "replace"), size=int(size), changed=int(changed), readable=readable
    )


def first_stamp(text: bytes) -> bytes | None:
    """The stamp of the first head in some lines."""
    found = head_at(text) or next_head(text)
    return (found[1] or None) if found is not None else None


def _unpacked_stamp(digits: bytes) -> bytes | None:
    """The first stamp in the beginning of a compressed file; None when there is none or it cannot be unpacked."""
    # Few listings need the decompressors, which are slow to import.
    from console.services.tailing.packed import BROKEN, unpacker

    try:
        data = bytes.fromhex(digits.decode("ascii"))
        return first_stamp(unpacker(data).decompress(data, FIRST))
    except (RemoteError, *BROKEN):
        return None
