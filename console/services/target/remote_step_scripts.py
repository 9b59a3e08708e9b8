"""The shell texts of a remote step: what runs on the host around a command, in POSIX sh and busybox applets only.

Owns constant texts; every value reaches them as a quoted assignment in front or as an argument. Must not hold a secret
nor build anything at run time: `services.target.remote_step` does.
"""

from __future__ import annotations

from typing import Final

PRELUDE: Final = r"""
oc_boot() { cat "$oc_bootfile" 2>/dev/null || echo -; }
oc_stat() {
  oc_s=
  IFS= read -r oc_s 2>/dev/null <"/proc/$1/stat" || return 1
  # A command's name may hold blanks and brackets: only what follows the last bracket is counted.
  echo "${oc_s##*) }"
}
oc_born() {
  set -- $(oc_stat "$1")
  case ${1:-Z} in Z|X|x) return 1 ;; esac
  echo "${20}"
}
oc_alive() {
  read -r oc_p oc_t oc_b 2>/dev/null <"$1" || return 1
  [ "$oc_b" = "$(oc_boot)" ] && [ -n "$oc_t" ] && [ "$(oc_born "$oc_p")" = "$oc_t" ]
}
oc_peopled() {
  # kill -0 also counts zombies, which stay for ever where process 1 does not reap.
  for oc_f in /proc/[0-9]*/stat; do
    IFS= read -r oc_s 2>/dev/null <"$oc_f" || continue
    oc_s=${oc_s##*) }
    case $oc_s in
      [ZXx]\ *) ;;
      ?\ *\ "$1"\ *) set -- "$1" $oc_s; [ "$4" = "$1" ] && return 0; set -- "$1" ;;
    esac
  done
  return 1
}
oc_working() {
  # The command's shell may have been killed alone while what it started goes on: then its process group is looked for.
  oc_alive "$1" && return 0
  read -r oc_p oc_t oc_b 2>/dev/null <"$1" || return 1
  [ "$oc_b" = "$(oc_boot)" ] && ! oc_born "$oc_p" >/dev/null && oc_peopled "$oc_p"
}
oc_end() {
  oc_n=0
  while [ ! -e "$1/command" ] && [ "$oc_n" -lt 5 ] && oc_alive "$1/pid"; do sleep 1; oc_n=$((oc_n + 1)); done
  [ -e "$1/command" ] && oc_working "$1/command" || return 0
  read -r oc_g oc_t oc_b <"$1/command"
  oc_n=0
  if oc_peopled "$oc_g"; then
    kill -TERM "-$oc_g" 2>/dev/null
    while [ "$oc_n" -lt "$2" ] && oc_peopled "$oc_g"; do sleep 1; oc_n=$((oc_n + 1)); done
    oc_peopled "$oc_g" && kill -KILL "-$oc_g" 2>/dev/null
  else
    # An attached command shares the process group of the link, so only the command itself is ended.
    kill -TERM "$oc_g" 2>/dev/null
    while [ "$oc_n" -lt "$2" ] && oc_alive "$1/command"; do sleep 1; oc_n=$((oc_n + 1)); done
    oc_alive "$1/command" && kill -KILL "$oc_g" 2>/dev/null
  fi
  return 0
}
oc_choose() {
  oc_mode=detached
  if command -v setsid >/dev/null 2>&1; then oc_how=setsid
  elif perl -e 'use POSIX ();' >/dev/null 2>&1 </dev/null; then oc_how=perl
  elif python3 -c 'import os' >/dev/null 2>&1 </dev/null; then oc_how=python3
  elif php -r 'exit(function_exists("posix_setsid") && function_exists("pcntl_exec") ? 0 : 1);' \
    >/dev/null 2>&1 </dev/null; then oc_how=php
  else oc_how=none; oc_mode=attached; fi
}
oc_detach() {
  case $oc_how in
    setsid) exec setsid "$@" ;;
    perl) exec perl -e 'use POSIX (); POSIX::setsid(); exec @ARGV; exit 127' -- "$@" ;;
    python3) exec python3 -c 'import os,sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@" ;;
    php)
      oc_p=$(command -v "$1")
      shift
      exec php -r 'posix_setsid(); array_shift($argv); $p = array_shift($argv); pcntl_exec($p, $argv);' -- "$oc_p" "$@"
      ;;
    *) exec "$@" ;;
  esac
}
"""
"""Functions shared by all texts below; `oc_bootfile` must be set before they are called."""

PROOF: Final = r"""
oc_latest() {
  # Only one contender can make the file of the next number, so the greatest number is the newest fence.
  oc_top=0
  for oc_f in "$oc_control"/.fence.*; do
    oc_f=${oc_f##*/.fence.}
    case $oc_f in "" | *[!0-9]*) continue ;; esac
    [ "$oc_f" -gt "$oc_top" ] && oc_top=$oc_f
  done
  return 0
}
oc_fenced() {
  oc_latest
  oc_owner= oc_number=
  read -r oc_owner oc_number 2>/dev/null <"$oc_control/fence"
  case $oc_number in
    "" | *[!0-9]*) ;;
    *)
      # A text that arrived late has put an older fence back into the file; the newest is kept under its number.
      [ "$oc_number" -ge "$oc_top" ] || read -r oc_owner oc_number 2>/dev/null <"$oc_control/.fence.$oc_top"
      ;;
  esac
  [ -n "$oc_owner" ] && [ "$oc_owner" = "$oc_token" ]
}
oc_proved() {
  # A run that takes no lock has no token, and no fence applies to it.
  [ -n "$oc_token" ] || return 0
  oc_fenced && { [ "$oc_locks" = no ] || [ -f "$oc_control/lock/holder.$oc_token" ]; }
}
"""
"""Functions that tell whether a run may begin something on this host: its token must be the newest fence and, on the
host that has the lock (`oc_locks`), also the lock's holder. They need `oc_control`, `oc_token` and `oc_locks`."""

WRAPPER: Final = r"""
# opsconsole: runs one step detached and keeps its exit status. Arguments: role DIR SECONDS UMASK HOW
oc_role=$1 oc_dir=$2 oc_seconds=$3 oc_mask=$4 oc_how=$5
if [ "$oc_role" = command ]; then
  echo "$$ $(oc_born $$) $(oc_boot)" >"$oc_dir/command.new" && mv "$oc_dir/command.new" "$oc_dir/command" || exit 125
  oc_secrets=$(cat)
  exec </dev/null
  umask "$oc_mask"
  eval "$oc_secrets"
  unset oc_secrets
  set --
  . "$oc_dir/script"
  exit
fi
oc_secrets=$(cat)
echo "$$ $(oc_born $$) $(oc_boot)" >"$oc_dir/pid.new" && mv "$oc_dir/pid.new" "$oc_dir/pid" || exit 1
# Whoever sets a fence looks for living steps afterwards. We write `pid` before we look at the fence, so either that
# look finds us or we find the fence: no step begins unseen by a run that takes over.
if ! oc_proved; then
  mv "$oc_dir" "$oc_dir.fenced.$$"
  echo fenced
  exit 1
fi
: >"$oc_dir/out" || exit 1
echo begun
exec </dev/null >/dev/null 2>&1
[ "$oc_how" = none ] && trap '' HUP
oc_from=$(date +%s)
printf '%s\n' "$oc_secrets" | oc_detach sh "$oc_dir/wrapper" command "$oc_dir" 0 "$oc_mask" "$oc_how" \
  >>"$oc_dir/out" 2>&1 &
oc_child=$!
oc_secrets=
oc_timer=
if [ "$oc_seconds" -gt 0 ]; then
  (
    oc_last=$!
    # A TERM may come right after the fork, when only a changed `$!` tells that there is a sleep to end. KILL ends it,
    # because a TERM that reaches it before its program is loaded would be lost.
    trap '[ "$!" = "$oc_last" ] || kill -KILL "$!" 2>/dev/null; exit 0' TERM
    sleep "$oc_seconds" &
    wait "$!" || exit 0
    trap '' TERM
    : >"$oc_dir/timeout"
    oc_end "$oc_dir" 10
  ) &
  oc_timer=$!
fi
# Set after the timer has started: a TERM that reaches the timer while it still has our trap would be lost, and we would
# wait for its whole time.
trap 'oc_hit=1' TERM INT
while :; do
  oc_hit=
  wait "$oc_child"
  oc_rc=$?
  [ -n "$oc_hit" ] || break
done
# A signal may have ended the shell alone: the step is over when everything that the shell started has ended.
while [ "$oc_rc" -gt 128 ] && [ "$oc_rc" -le 192 ] && oc_peopled "$oc_child"; do sleep 1; done
if [ -n "$oc_timer" ]; then
  [ -e "$oc_dir/timeout" ] || kill -TERM "$oc_timer" 2>/dev/null
  wait "$oc_timer"
fi
oc_why=exit
[ -e "$oc_dir/timeout" ] && [ "$oc_rc" -ne 0 ] && oc_why=timeout
[ -e "$oc_dir/abort" ] && oc_why=abort
oc_n=0
# On a full disk the exit status cannot be written and the end would be unknown: try for a minute before giving up.
until echo "$oc_rc $oc_why $(($(date +%s) - oc_from))" >"$oc_dir/rc.new" && mv "$oc_dir/rc.new" "$oc_dir/rc"; do
  oc_n=$((oc_n + 1))
  [ "$oc_n" -lt 30 ] || exit 1
  sleep 2
done
: >"$oc_dir/done"
exit 0
"""
"""The file `wrapper` in a step's directory, in both roles: the keeper of the exit status and the command's shell."""

START: Final = r"""
oc_say() { printf 'opsconsole-start %s\n' "$*"; exit 0; }
oc_mask=$(umask)
umask 007
oc_choose
[ "$oc_mode" = detached ] || [ "$oc_attached" = yes ] || oc_say undetachable
if [ -n "$oc_secrets" ]; then
  # If printf were a program of its own, ps would show the secret in its arguments.
  case $(command -v printf) in /*) oc_say failed "sh has no printf of its own, a secret would be seen in ps" ;; esac
fi
[ -d "$oc_control" ] || oc_say failed "there is no directory $oc_control"
mkdir "$oc_control/runs" 2>/dev/null
mkdir "$oc_control/runs/$oc_run" 2>/dev/null
oc_dir=$oc_control/runs/$oc_run/$oc_step
[ -d "$oc_dir" ] && oc_say already "$oc_mode"
oc_proved || oc_say fenced
oc_new=$oc_control/runs/$oc_run/.new.$$
mkdir "$oc_new" 2>/dev/null || oc_say failed "$oc_control/runs is not writable"
oc_files "$oc_new" || { rm -rf "$oc_new"; oc_say failed "$oc_control/runs cannot be written (disk full?)"; }
if [ -z "$oc_token" ]; then
  : >"$oc_new/unlocked" || { rm -rf "$oc_new"; oc_say failed "$oc_control/runs cannot be written (disk full?)"; }
elif [ "$oc_locks" = yes ] && ! oc_why=$(ln "$oc_control/lock/holder.$oc_token" "$oc_new/holder" 2>&1); then
  # A take-over renames the holder's file: a start that comes later has nothing to link to.
  rm -rf "$oc_new"
  [ -f "$oc_control/lock/holder.$oc_token" ] || oc_say fenced
  oc_say failed "the lock's holder cannot be linked in $oc_control (disk full?): $oc_why"
fi
if ! mkdir "$oc_dir" 2>/dev/null; then
  rm -rf "$oc_new"
  [ -d "$oc_dir" ] && oc_say already "$oc_mode"
  oc_say failed "$oc_dir cannot be made"
fi
mv "$oc_new"/* "$oc_dir/" && rmdir "$oc_new"
oc_got=$(
  printf '%s\n' "$oc_secrets" |
    oc_detach sh "$oc_dir/wrapper" keeper "$oc_dir" "$oc_seconds" "$oc_mask" "$oc_how" 2>/dev/null &
)
[ "$oc_got" = begun ] && oc_say started "$oc_mode"
[ "$oc_got" = fenced ] && oc_say fenced
# Every writer of the pipe has gone and none said "begun": the command was never reached, so the name may be used again.
[ -e "$oc_dir/command" ] || mv "$oc_dir" "$oc_dir.failed.$$"
oc_say failed "the wrapper could not begin"
"""

OBSERVE: Final = r"""
oc_dir=$oc_control/runs/$oc_run/$oc_step
oc_wrapper=gone oc_command=gone oc_size=0 oc_rc=
oc_alive "$oc_dir/pid" && oc_wrapper=alive
[ -e "$oc_dir/command" ] && oc_working "$oc_dir/command" && oc_command=alive
if [ ! -d "$oc_dir" ]; then oc_state=absent
elif [ -f "$oc_dir/rc" ]; then oc_state=ended; read -r oc_rc <"$oc_dir/rc"
elif [ "$oc_wrapper" = alive ] || [ "$oc_command" = alive ]; then oc_state=running
elif [ ! -e "$oc_dir/pid" ]; then oc_state=starting
else
  oc_state=gone
  # On a full disk the wrapper has tried to write the exit status and given up: its empty file stays.
  if [ -e "$oc_dir/rc.new" ] || ! { echo 0 >"$oc_dir/room"; } 2>/dev/null; then oc_rc='- unwritten -'; fi
  rm -f "$oc_dir/room"
fi
[ -f "$oc_dir/out" ] && oc_size=$(($(wc -c <"$oc_dir/out")))
echo "opsconsole-step $oc_state $oc_size ${oc_rc:-- - -}"
[ "$oc_size" -gt "$oc_offset" ] && tail -c "+$((oc_offset + 1))" "$oc_dir/out" | head -c "$oc_limit"
exit 0
"""

ABORT: Final = r"""
oc_dir=$oc_control/runs/$oc_run/$oc_step
if [ -d "$oc_dir" ] && [ ! -f "$oc_dir/rc" ]; then
  : >"$oc_dir/abort"
  oc_end "$oc_dir" "$oc_grace"
  oc_n=0
  while [ ! -f "$oc_dir/rc" ] && [ "$oc_n" -lt 5 ] && oc_alive "$oc_dir/pid"; do sleep 1; oc_n=$((oc_n + 1)); done
fi
"""

CLEAN: Final = r"""
[ -n "$oc_run" ] && [ -d "$oc_control/runs/$oc_run" ] && : >"$oc_control/runs/$oc_run/ended"
oc_kept=0
ls -1t "$oc_control/runs" 2>/dev/null | while read -r oc_name; do
  oc_kept=$((oc_kept + 1))
  [ "$oc_kept" -gt "$oc_keep" ] || continue
  # A run that waits for an operator looks here for the steps it has started; it would start a missing one again.
  [ -e "$oc_control/runs/$oc_name/ended" ] ||
    [ -n "$(find "$oc_control/runs/$oc_name" -maxdepth 0 -mtime +60 2>/dev/null)" ] || continue
  oc_busy=no
  for oc_dir in "$oc_control/runs/$oc_name"/*/; do
    [ -f "$oc_dir/rc" ] && continue
    oc_alive "$oc_dir/pid" && oc_busy=yes
    [ -e "$oc_dir/command" ] && oc_working "$oc_dir/command" && oc_busy=yes
  done
  [ "$oc_busy" = yes ] || { rm -rf "$oc_control/runs/$oc_name" && echo "removed $oc_name"; }
done
exit 0
"""
