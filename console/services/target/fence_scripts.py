"""The shell texts of a host's fence and of the steps that live there, in POSIX sh and busybox applets only.

Owns constant texts; `fences` and `living_steps` put values in front of them, as quoted assignments. The fence is the
file `CONTROL/fence` with a token and its number; the newest one also stands under its number in `.fence.N`, a name that
only one contender can make. Must not build anything at run time.
"""

from __future__ import annotations

from typing import Final

READ: Final = r"""
ol_ensure
oc_latest
ol_say fence "$oc_top"
"""
"""Creates the control directory when needed and tells the number of its newest fence, 0 if there is none."""

SET: Final = r"""
ol_ensure
ol_moved() {
  oc_latest
  ol_say moved "$oc_top"
}
if ! oc_fenced; then
  # The fence read before the lock was proved must still be the newest: a text that arrives late finds a higher number.
  [ "$oc_top" = "$ol_seen" ] || ol_moved
  ol_next=$((oc_top + 1))
  ol_new=$oc_control/.fencing.$oc_token.$$
  if ! printf '%s %s\n' "$oc_token" "$ol_next" 2>/dev/null >"$ol_new"; then
    rm -f "$ol_new"
    ol_say unwritable "$oc_control cannot be written (disk full?)"
  fi
  if ! ol_why=$(ln "$ol_new" "$oc_control/.fence.$ol_next" 2>&1); then
    [ -e "$oc_control/.fence.$ol_next" ] || [ ! -e "$ol_new" ] || ol_failed=yes
    rm -f "$ol_new"
    [ "$ol_failed" = yes ] && ol_say unwritable "no hard link can be made in $oc_control (disk full?): $ol_why"
    ol_moved
  fi
  oc_latest
  if [ "$oc_top" != "$ol_next" ]; then
    rm -f "$ol_new"
    ol_moved
  fi
  mv -f -T "$ol_new" "$oc_control/fence" 2>/dev/null || ol_say unwritable "$oc_control/fence cannot be replaced"
  oc_fenced || ol_moved
fi
for ol_file in "$oc_control"/.fence.*; do
  ol_number=${ol_file##*/.fence.}
  case $ol_number in "" | *[!0-9]*) continue ;; esac
  [ "$ol_number" -lt "$oc_top" ] && rm -f "$ol_file"
done
rm -f "$oc_control"/.fencing.*
echo "opsconsole-lock fenced $oc_top"
"""
"""Makes the token the newest fence, unless another was set since the one numbered `ol_seen`. `LIVING` follows in the
same text: a step that it finds alive began before this fence, and a step that it does not find can no longer begin."""

LIVING: Final = r"""
oc_now=$(date +%s)
oc_count=0
oc_unread() {
  printf 'unread %s\n' "$(printf '%s' "$1" | tr -d '\n')"
  oc_count=$((oc_count + 1))
}
oc_tell() {
  oc_at=$(stat -c %Y "$2/pid" 2>/dev/null || stat -c %Y "$2")
  oc_kind=locked
  [ -e "$2/unlocked" ] && oc_kind=unlocked
  oc_of=${2%/*}
  case ${oc_of##*/}${2##*/} in *[!A-Za-z0-9_~%.-]*) oc_unread "$2"; return ;; esac
  printf 'step %s %s %s %s %s\n' "$1" "${oc_of##*/}" "${2##*/}" "$((oc_now - ${oc_at:-oc_now}))" "$oc_kind"
  oc_count=$((oc_count + 1))
}
oc_hidden() {
  # Where the kernel hides other accounts' processes, one that cannot be seen may still be alive.
  [ ! -r "$oc_init" ] && read -r oc_p oc_t oc_b 2>/dev/null <"$1" || return 1
  [ "$oc_b" = "$(oc_boot)" ] && [ "$(stat -c %u "$1")" != "$(id -u)" ]
}
oc_look() {
  for oc_file in "$1/pid" "$1/command"; do
    [ ! -e "$oc_file" ] || [ -r "$oc_file" ] || { oc_unread "$oc_file"; return; }
  done
  if { [ -e "$1/pid" ] && oc_alive "$1/pid"; } || { [ -e "$1/command" ] && oc_working "$1/command"; }; then
    oc_tell alive "$1"
    return
  fi
  for oc_file in "$1/pid" "$1/command"; do
    [ -e "$oc_file" ] && oc_hidden "$oc_file" && { oc_tell hidden "$1"; return; }
  done
}
for oc_place in "$oc_control" "$oc_control/runs"; do
  [ ! -d "$oc_place" ] || { [ -r "$oc_place" ] && [ -x "$oc_place" ]; } || oc_unread "$oc_place"
done
for oc_place in "$oc_control"/runs/*/; do
  oc_place=${oc_place%/}
  [ -d "$oc_place" ] || continue
  [ -r "$oc_place" ] && [ -x "$oc_place" ] || { oc_unread "$oc_place"; continue; }
  for oc_dir in "$oc_place"/*/; do
    oc_dir=${oc_dir%/}
    # A name with a second dot is a step's directory that was renamed because its command never began.
    case ${oc_dir##*/} in *.*.*) continue ;; esac
    [ -d "$oc_dir" ] || continue
    [ -x "$oc_dir" ] || { oc_unread "$oc_dir"; continue; }
    [ -e "$oc_dir/rc" ] || oc_look "$oc_dir"
  done
done
echo "opsconsole-living $oc_count"
exit 0
"""
"""Prints `step WORD RUN NAME SECONDS KIND` for each step with living processes, and `unread PATH` for what this account
may not read. The last line has the count of these lines: without it the answer was cut short."""
