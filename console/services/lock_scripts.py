"""The shell texts of the environment's lock, in POSIX sh and busybox applets only.

Owns constant texts; values reach them as quoted assignments in front (`services.lock`). The lock is the directory
`CONTROL/lock`; whose it is says the *name* of the one file `holder.TOKEN` in it, so that every change of hands is one
rename that succeeds for exactly one contender. Must not build anything at run time.
"""

from __future__ import annotations

from typing import Final

ENSURE: Final = r"""
umask 007
ol_say() { printf 'opsconsole-lock %s\n' "$*"; exit 0; }
ol_ensure() {
  [ -L "$ol_control" ] && ol_say unwritable "$ol_control is a symbolic link"
  if [ ! -d "$ol_control" ]; then
    mkdir "$ol_control" 2>/dev/null || [ -d "$ol_control" ] ||
      ol_say unwritable "$ol_control cannot be made in $(dirname "$ol_control") by $(id -un 2>/dev/null || id -u)"
    ol_base=$ol_app
    [ -d "$ol_base" ] || ol_base=$(dirname "$ol_control")
    chgrp "$(stat -c %g "$ol_base")" "$ol_control" 2>/dev/null
    chmod 2770 "$ol_control" 2>/dev/null
  fi
  [ -w "$ol_control" ] && [ -x "$ol_control" ] && return 0
  ol_modes=$(ls -ld "$ol_control" | cut -c1-10)
  ol_say unwritable "$ol_control ($ol_modes) is not writable by $(id -un 2>/dev/null || id -u)"
}
ol_deployer() {
  [ -e "$ol_app/.dep/deploy.lock" ] || return 0
  echo "opsconsole-lock deployer"
  head -c 2000 "$ol_app/.dep/deploy.lock" 2>/dev/null
  exit 0
}
ol_show() {
  ol_lock=$ol_control/lock
  [ -d "$ol_lock" ] || ol_say free
  for ol_file in "$ol_lock"/holder.*; do
    [ -f "$ol_file" ] || continue
    ol_token=${ol_file##*/holder.}
    ol_count=0
    read -r ol_count 2>/dev/null <"$ol_lock/counter.$ol_token"
    echo "opsconsole-lock $1 $ol_token ${ol_count:-0}"
    head -c 8000 "$ol_file" 2>/dev/null
    exit 0
  done
  [ -d "$ol_lock" ] || ol_say free
  ol_say taking "$(ls -di "$ol_lock" 2>/dev/null | tr -cd 0-9)"
}
ol_others() {
  for ol_file in "$ol_lock"/holder.*; do
    [ "$ol_file" != "$ol_lock/holder.$ol_mine" ] && [ -f "$ol_file" ] && return 0
  done
  return 1
}
ol_back() {
  rm -f "$ol_lock/holder.$ol_mine" "$ol_lock/counter.$ol_mine"
  ol_show held
}
"""
"""Functions shared by all; every answer's first line begins with `opsconsole-lock`."""

TAKE: Final = r"""
ol_ensure
ol_deployer
ol_lock=$ol_control/lock
if ! mkdir "$ol_lock" 2>/dev/null; then
  [ -f "$ol_lock/holder.$ol_mine" ] || ol_show held
  # Ours from before, unless an earlier try of ours died between its file and the look at the others'.
  ol_others && ol_back
  ol_say taken
fi
ol_new=$ol_lock/.new.$ol_mine
{
  echo 0 >"$ol_lock/counter.$ol_mine" && printf '%s\n' "$ol_text" >"$ol_new" && mv "$ol_new" "$ol_lock/holder.$ol_mine"
} 2>/dev/null || {
  rm -f "$ol_new" "$ol_lock/counter.$ol_mine" 2>/dev/null
  rmdir "$ol_lock" 2>/dev/null
  ol_show held
}
# Somebody who found our directory empty for long may have cleared it and made it again: then there are two, and the
# one who sees both steps back. Whoever came second sees both.
ol_others && ol_back
[ -f "$ol_lock/holder.$ol_mine" ] || ol_show held
if [ -e "$ol_app/.dep/deploy.lock" ]; then
  rm -f "$ol_lock/holder.$ol_mine" "$ol_lock/counter.$ol_mine"
  rmdir "$ol_lock" 2>/dev/null
  ol_deployer
fi
ol_say taken
"""

STATUS: Final = r"""
[ -d "$ol_control/lock" ] || ol_deployer
ol_show held
"""

BEAT: Final = r"""
ol_lock=$ol_control/lock
[ -f "$ol_lock/holder.$ol_mine" ] || ol_show lost
echo "$ol_count" >"$ol_lock/.count.$ol_mine" && mv "$ol_lock/.count.$ol_mine" "$ol_lock/counter.$ol_mine" ||
  ol_say unwritable "$ol_lock cannot be written (disk full?)"
[ -f "$ol_lock/holder.$ol_mine" ] && ol_say beaten
rm -f "$ol_lock/counter.$ol_mine" 2>/dev/null
ol_show lost
"""

RELEASE: Final = r"""
ol_lock=$ol_control/lock
[ -d "$ol_lock" ] || ol_say free
# The rename is the release: it succeeds for exactly one of us and whoever takes the lock over at this moment.
mv "$ol_lock/holder.$ol_mine" "$ol_lock/.old.$ol_mine" 2>/dev/null || ol_show lost
# What losers left would keep the directory; one who only slept finds its file gone and gives up.
rm -f "$ol_lock"/.old.* "$ol_lock"/.new.* "$ol_lock"/.count.* "$ol_lock"/counter.*
rmdir "$ol_lock" 2>/dev/null
ol_say released
"""

TAKE_OVER: Final = r"""
ol_ensure
ol_lock=$ol_control/lock
ol_count=0
read -r ol_count 2>/dev/null <"$ol_lock/counter.$ol_seen"
[ "${ol_count:-0}" = "$ol_seen_count" ] || ol_show held
{
  echo 0 >"$ol_lock/counter.$ol_mine" && printf '%s\n' "$ol_text" >"$ol_lock/.new.$ol_mine"
} 2>/dev/null || ol_show held
if ! mv "$ol_lock/holder.$ol_seen" "$ol_lock/holder.$ol_mine" 2>/dev/null; then
  rm -f "$ol_lock/counter.$ol_mine" "$ol_lock/.new.$ol_mine"
  rmdir "$ol_lock" 2>/dev/null
  ol_show held
fi
ol_others && { rm -f "$ol_lock/.new.$ol_mine"; ol_back; }
mv "$ol_lock/.new.$ol_mine" "$ol_lock/holder.$ol_mine"
rm -f "$ol_lock/counter.$ol_seen" "$ol_lock/.count.$ol_seen"
ol_say taken
"""

CLEAR_EMPTY: Final = r"""
ol_lock=$ol_control/lock
[ "$(ls -di "$ol_lock" 2>/dev/null | tr -cd 0-9)" = "$ol_seen" ] || ol_show held
for ol_file in "$ol_lock"/holder.*; do [ -f "$ol_file" ] && ol_show held; done
rm -f "$ol_lock"/.new.* "$ol_lock"/.old.* "$ol_lock"/.count.* "$ol_lock"/counter.*
rmdir "$ol_lock" 2>/dev/null && ol_say free
ol_show held
"""

CONTROL_ONLY: Final = r"""
ol_ensure
ol_say writable
"""
