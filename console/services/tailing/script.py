"""The POSIX-sh script that follows files on a host.

Owns the script's text and its parameters. Must not run it, nor read what it sends.

The script opens each file by descriptor and reads on, so that a renamed file whose writer keeps its descriptor loses
nothing: the path's `dev:ino` is compared each round, a renamed file is followed beside its successor until it was
quiet for ten minutes. It needs `stat`, `dd`, `head` and `sleep` as busybox has them, and /proc. Its beat each two
seconds both proves the link and makes it end when the channel is gone: writing to a closed pipe kills it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.domain.shellwords import Kind, Typed, quote

FILES_A_SCRIPT = 3
"""Shells take one-digit descriptors only: two for each file, from 3 to 8."""

BACKLOG = 256 * 1024
FRAME = 262_144
"""The most bytes of a file that are sent in one go; after so many there is more to come."""
MOST = 32 << 20

SCRIPT = r"""
umask 077
IFS=' '
set +e
tell() { printf '%s\n' "$*" || exit 0; }
get() { eval "got=\$$1"; }
where_is() {
  place=-1
  while IFS=' 	' read -r key value rest; do
    if [ "$key" = pos: ]; then place=$value; fi
  done </proc/self/fdinfo/$1
}
identify() {
  seen=$(stat -L -c '%d:%i %s' /proc/self/fd/$1 2>/dev/null) || seen='0:0 0'
  id=${seen% *} size=${seen#* }
}
grab() {
  if [ -f "$2" ] && [ -r "$2" ]; then
    { eval "command exec $1<\"\$2\""; } 2>/dev/null || return 1
    identify $1
    return 0
  fi
  return 1
}
drop() {
  get id_$1
  if [ -n "$got" ]; then
    get off_$1
    tell "closed $2 $got"
    eval "exec $1<&-"
  fi
  eval "id_$1='' off_$1=0 quiet_$1=0"
}
begin() {
  if [ "$3" -gt 0 ]; then
    dd bs=1 skip=$3 count=0 <&$1 >/dev/null 2>&1
    where_is $1
    [ "$place" -lt 0 ] && place=$3
  else
    place=0
  fi
  eval "id_$1=$id off_$1=$place quiet_$1=0"
  get name_$2
  tell "opened $2 $id $place $size $4 $got"
}
resolve() {
  get path_$1
  name=$got
  case $name in
  *[*?]*)
    pattern=$name
    IFS=''
    for each in $pattern; do name=$each; done
    IFS=' '
    ;;
  esac
  eval "name_$1=\$name"
}
sibling() {
  found=''
  get name_$2
  directory=${got%/*}
  listing=$(stat -L -c '%d:%i %n' "$directory"/* 2>/dev/null)
  while read -r each name; do
    if [ "$each" = "$1" ]; then found=$name; fi
  done <<LISTING
$listing
LISTING
}
ahead() {
  if [ $((size - offset)) -gt "$most" ]; then
    tell "gap $file $wanted $offset"
    offset=$((size - most))
  fi
}
take_up() {
  file=$1 spare=$((4 + 2 * file)) slot=$((3 + 2 * file)) resumed=''
  resolve $file
  get name_$file
  here=$(stat -L -c '%d:%i' "$got" 2>/dev/null)
  get resume_$file
  for mark in $got; do
    resumed=1 offset=${mark##*:} wanted=${mark%:*}
    if [ "$wanted" = "$here" ]; then
      get name_$file
      if grab $slot "$got"; then
        eval "current_$file=$slot"
        ahead
        if [ "$size" -lt "$offset" ]; then begin $slot $file 0 truncated; else begin $slot $file $offset resumed; fi
      fi
      continue
    fi
    sibling $wanted $file
    get id_$spare
    if [ -z "$got" ] && [ -n "$found" ] && grab $spare "$found" && [ "$size" -ge "$offset" ]; then
      ahead
      begin $spare $file $offset resumed
    else
      tell "gap $file $wanted $offset"
    fi
  done
  eval "fresh_$file=\$((1 - 0\$resumed))"
}
look() {
  file=$1
  get here_$file; here=$got
  get current_$file; slot=$got
  if [ -z "$here" ]; then
    get said_$file
    if [ -z "$slot" ] && [ "$got" != missing ]; then tell "missing $file"; eval "said_$file=missing"; fi
    eval "fresh_$file=0"
    return
  fi
  if [ -n "$slot" ]; then
    get id_$slot
    [ "$got" = "$here" ] && return
    spare=$((7 + 4 * file - slot)) why=renamed
  else
    spare=$((3 + 2 * file)) why=appeared
  fi
  get id_$spare
  if [ -n "$got" ] && [ -n "$slot" ]; then
    while :; do
      get size_$spare; last=$got
      get off_$spare
      [ "$last" -gt "$got" ] || break
      pump $spare $file
    done
    drop $spare $file
  fi
  get name_$file
  if ! grab $spare "$got"; then
    get said_$file
    if [ "$got" != unreadable ]; then tell "unreadable $file"; eval "said_$file=unreadable"; fi
    return
  fi
  offset=0
  get fresh_$file
  if [ "$got" = 1 ]; then
    why=start offset=$((size - backlog))
    if [ "$offset" -lt 0 ]; then offset=0; fi
  fi
  eval "current_$file=$spare said_$file='' fresh_$file=0"
  begin $spare $file $offset $why
  eval "size_$spare=$size"
}
pump() {
  get off_$1; offset=$got
  get size_$1; length=$((got - offset))
  if [ "$length" -gt "$frame" ]; then length=$frame behind=1; fi
  get id_$1
  tell "data $2 $got $offset $length"
  dd bs=$length count=1 <&$1 2>/dev/null
  where_is $1
  if [ "$place" -lt 0 ]; then place=$((offset + length)); fi
  short=$((offset + length - place))
  if [ "$short" -gt 0 ]; then
    head -c $short /dev/zero
    eval "size_$1=$place"
  fi
  tell "end $((place - offset))"
  eval "off_$1=$place quiet_$1=0"
  busy=1
}
read_on() {
  get id_$1
  [ -n "$got" ] || return
  get size_$1; size=$got
  get off_$1
  if [ "$size" -lt "$got" ]; then
    eval "exec $1</proc/self/fd/$1"
    get id_$1; id=$got
    begin $1 $2 0 truncated
    got=0
  fi
  if [ "$size" -gt "$got" ]; then pump $1 $2; return; fi
  get quiet_$1
  quiet=$((got + tick))
  eval "quiet_$1=$quiet"
  get current_$2
  if [ "$quiet" -gt "$patience" ] && [ "$got" != "$1" ]; then drop $1 $2; fi
}
in_order() {
  get current_$1; newest=${got:-$((3 + 2 * $1))}
  older=$((7 + 4 * $1 - newest))
  read_on $older $1
  get id_$older; left=$got
  if [ -n "$left" ]; then
    get size_$older; left=$got
    get off_$older
    if [ "$left" -gt "$got" ]; then return; fi
  fi
  read_on $newest $1
}
measure() {
  set --
  for file in $files; do
    for slot in $((3 + 2 * file)) $((4 + 2 * file)); do
      get id_$slot
      if [ -n "$got" ]; then set -- "$@" /proc/self/fd/$slot; fi
    done
    resolve $file
    get name_$file
    set -- "$@" "$got"
    eval "here_$file=''"
  done
  measured=$(stat -L -c '%d:%i %s %n' "$@" 2>/dev/null)
  while read -r id size name; do
    case $name in
    /proc/self/fd/[3-8]) eval "size_${name##*/}=$size" ;;
    *)
      for file in $files; do
        get name_$file
        if [ "$name" = "$got" ]; then eval "here_$file=$id"; fi
      done
      ;;
    esac
  done <<MEASURED
$measured
MEASURED
}
tell "opsconsole-follower 1"
if [ ! -r /proc/self/fdinfo/0 ]; then tell "needs /proc"; exit 1; fi
sleep 0.01 2>/dev/null && parts=1 || parts=0
for slot in 3 4 5 6 7 8; do eval "id_$slot='' off_$slot=0 size_$slot=0 quiet_$slot=0"; done
for file in $files; do eval "current_$file='' said_$file='' fresh_$file=1"; done
for file in $files; do take_up $file; done
beat=0 idle=0 tick=1
while :; do
  busy=0 behind=0
  measure
  for file in $files; do
    look $file
    in_order $file
  done
  [ "$behind" = 1 ] && continue
  if [ "$busy" = 1 ]; then idle=0; else idle=$((idle + 1)); fi
  if [ "$parts" = 0 ]; then tick=10 pause=1
  elif [ "$idle" -lt 20 ]; then tick=1 pause=0.1
  elif [ "$idle" -lt 60 ]; then tick=2 pause=0.2
  else tick=5 pause=0.5
  fi
  beat=$((beat + tick))
  if [ "$beat" -ge 20 ]; then tell beat; beat=0; fi
  sleep $pause || exit 0
done
"""


@dataclass(frozen=True, slots=True)
class FilePosition:
    """Up to where a file was read: `inode` is `dev:ino`."""

    inode: str
    offset: int


def script(
    paths: Sequence[str],
    *,
    marks: Mapping[int, Sequence[FilePosition]] | None = None,
    backlog: int = BACKLOG,
    most: int = MOST,
    patience: float = 600.0,
) -> str:
    """The script that follows at most three absolute paths (`*` and `?` take the last match by name).

    `marks` resume a file (by its index in `paths`) where it was left, under whatever name it has now; without them a
    file begins `backlog` bytes before its end. Of what was missed at most `most` bytes are sent. A renamed file is let
    go after `patience` quiet seconds.
    """
    if not 1 <= len(paths) <= FILES_A_SCRIPT:
        raise ValueError(f"a script follows 1 to {FILES_A_SCRIPT} files, not {len(paths)}")
    lines = [f"files='{' '.join(str(n) for n in range(len(paths)))}'"]
    for number, path in enumerate(paths):
        if not path.startswith("/"):
            raise ValueError("a followed path must be absolute")
        lines.append(f"path_{number}={quote(Typed(Kind.PATH, path).value)}")
        resumed = " ".join(f"{mark.inode}:{mark.offset}" for mark in (marks or {}).get(number, ()))
        lines.append(f"resume_{number}={quote(resumed)}")
    lines.append(f"backlog={int(backlog)} frame={FRAME} most={int(most)} patience={int(patience * 10)}")
    return "\n".join(lines) + SCRIPT
