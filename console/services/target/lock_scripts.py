"""The shell texts of the environment's lock, in POSIX sh and busybox applets only.

Owns constant texts; `lock` puts values in front of them as quoted assignments. The lock is the directory
`CONTROL/lock`; the *name* of the one file `holder.TOKEN` in it says whose it is, so that every change of hands is one
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
ol_room() {
  # Without this test a full disk would look as if another contender had been faster.
  ol_try=$ol_control/.room.$$
  printf '%s\n' "$ol_text" 2>/dev/null >"$ol_try" && rm -f "$ol_try" && return 0
  rm -f "$ol_try" 2>/dev/null
  ol_say unwritable "$ol_control cannot be written (disk full?)"
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
  [ -d "$ol_lock" ] || ol_room
  [ -f "$ol_lock/holder.$ol_mine" ] || ol_show held
  # The lock is ours already, unless an earlier try broke off after making its file and before looking for others.
  ol_others && ol_back
  ol_say taken
fi
ol_new=$ol_lock/.new.$ol_mine
{
  echo 0 >"$ol_lock/counter.$ol_mine" && printf '%s\n' "$ol_text" >"$ol_new" && mv "$ol_new" "$ol_lock/holder.$ol_mine"
} 2>/dev/null || {
  rm -f "$ol_new" "$ol_lock/counter.$ol_mine" 2>/dev/null
  rmdir "$ol_lock" 2>/dev/null
  ol_room
  ol_show held
}
# Somebody who saw our directory stay empty may have cleared it and made it again: then there are two holder files.
# Whoever came second sees both and steps back.
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
# Several threads of a run may write the counter at once: under one name they would move each other's file away.
ol_new=$ol_lock/.count.$ol_mine.$$
echo "$ol_count" >"$ol_new" && mv "$ol_new" "$ol_lock/counter.$ol_mine" ||
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
# Files left by losing contenders would stop rmdir; a contender that was only slow finds its file gone and gives up.
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
} 2>/dev/null || { ol_room; ol_show held; }
if ! mv "$ol_lock/holder.$ol_seen" "$ol_lock/holder.$ol_mine" 2>/dev/null; then
  rm -f "$ol_lock/counter.$ol_mine" "$ol_lock/.new.$ol_mine"
  rmdir "$ol_lock" 2>/dev/null
  ol_show held
fi
ol_others && { rm -f "$ol_lock/.new.$ol_mine"; ol_back; }
mv "$ol_lock/.new.$ol_mine" "$ol_lock/holder.$ol_mine"
rm -f "$ol_lock/counter.$ol_seen" "$ol_lock/.count.$ol_seen".*
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
