"""The shell texts of a remote step: what runs on the host around a command, in POSIX sh and busybox applets only.

Owns constant texts; every value reaches them as a quoted assignment in front or as an argument. Must not hold a secret
nor build anything at run time: `services.wrapper` does.
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
oc_end() {
  oc_n=0
  while [ ! -e "$1/command" ] && [ "$oc_n" -lt 5 ] && oc_alive "$1/pid"; do sleep 1; oc_n=$((oc_n + 1)); done
  [ -e "$1/command" ] && oc_alive "$1/command" || return 0
  read -r oc_g oc_t oc_b <"$1/command"
  oc_n=0
  if oc_peopled "$oc_g"; then
    kill -TERM "-$oc_g" 2>/dev/null
    while [ "$oc_n" -lt "$2" ] && oc_peopled "$oc_g"; do sleep 1; oc_n=$((oc_n + 1)); done
    oc_peopled "$oc_g" && kill -KILL "-$oc_g" 2>/dev/null
  else
    # Attached: the group is the link's own, so only the command itself is ended.
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
    oc_sleep=
    trap '[ -z "$oc_sleep" ] || kill "$oc_sleep" 2>/dev/null; exit 0' TERM
    sleep "$oc_seconds" &
    oc_sleep=$!
    wait "$oc_sleep" || exit 0
    trap '' TERM
    : >"$oc_dir/timeout"
    oc_end "$oc_dir" 10
  ) &
  oc_timer=$!
fi
# Not before the timer: a TERM that reaches a subshell still under our trap is lost, and we would wait for all its time.
trap 'oc_hit=1' TERM INT
while :; do
  oc_hit=
  wait "$oc_child"
  oc_rc=$?
  [ -n "$oc_hit" ] || break
done
if [ -n "$oc_timer" ]; then
  [ -e "$oc_dir/timeout" ] || kill -TERM "$oc_timer" 2>/dev/null
  wait "$oc_timer"
fi
oc_why=exit
[ -e "$oc_dir/timeout" ] && [ "$oc_rc" -ne 0 ] && oc_why=timeout
[ -e "$oc_dir/abort" ] && oc_why=abort
oc_n=0
# A full disk must not turn a known end into an unknown one while there is hope.
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
  # Were printf a program, a secret would stand in its arguments.
  case $(command -v printf) in /*) oc_say failed "sh has no printf of its own, a secret would be seen in ps" ;; esac
fi
[ -d "$oc_control" ] || oc_say failed "there is no directory $oc_control"
mkdir "$oc_control/runs" 2>/dev/null
mkdir "$oc_control/runs/$oc_run" 2>/dev/null
oc_dir=$oc_control/runs/$oc_run/$oc_step
[ -d "$oc_dir" ] && oc_say already "$oc_mode"
oc_new=$oc_control/runs/$oc_run/.new.$$
mkdir "$oc_new" 2>/dev/null || oc_say failed "$oc_control/runs is not writable"
oc_files "$oc_new" || { rm -rf "$oc_new"; oc_say failed "$oc_control/runs cannot be written (disk full?)"; }
if ! mkdir "$oc_dir" 2>/dev/null; then
  rm -rf "$oc_new"
  [ -d "$oc_dir" ] && oc_say already "$oc_mode"
  oc_say failed "$oc_dir cannot be made"
fi
mv "$oc_new/wrapper" "$oc_new/script" "$oc_dir/" && rmdir "$oc_new"
oc_got=$(
  printf '%s\n' "$oc_secrets" |
    oc_detach sh "$oc_dir/wrapper" keeper "$oc_dir" "$oc_seconds" "$oc_mask" "$oc_how" 2>/dev/null &
)
[ "$oc_got" = begun ] && oc_say started "$oc_mode"
# Nobody holds our pipe and nobody said "begun": the command was never reached, so the name may be used again.
[ -e "$oc_dir/command" ] || mv "$oc_dir" "$oc_dir.failed.$$"
oc_say failed "the wrapper could not begin"
"""

OBSERVE: Final = r"""
oc_dir=$oc_control/runs/$oc_run/$oc_step
oc_wrapper=gone oc_command=gone oc_size=0 oc_rc=
oc_alive "$oc_dir/pid" && oc_wrapper=alive
[ -e "$oc_dir/command" ] && oc_alive "$oc_dir/command" && oc_command=alive
if [ ! -d "$oc_dir" ]; then oc_state=absent
elif [ -f "$oc_dir/rc" ]; then oc_state=ended; read -r oc_rc <"$oc_dir/rc"
elif [ "$oc_wrapper" = alive ] || [ "$oc_command" = alive ]; then oc_state=running
elif [ ! -e "$oc_dir/pid" ]; then oc_state=starting
else oc_state=gone; fi
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
  # A run that waits for an operator looks here for what it has started; what it does not find it would start again.
  [ -e "$oc_control/runs/$oc_name/ended" ] ||
    [ -n "$(find "$oc_control/runs/$oc_name" -maxdepth 0 -mtime +60 2>/dev/null)" ] || continue
  oc_busy=no
  for oc_dir in "$oc_control/runs/$oc_name"/*/; do
    [ -f "$oc_dir/rc" ] && continue
    oc_alive "$oc_dir/pid" && oc_busy=yes
    [ -e "$oc_dir/command" ] && oc_alive "$oc_dir/command" && oc_busy=yes
  done
  [ "$oc_busy" = yes ] || { rm -rf "$oc_control/runs/$oc_name" && echo "removed $oc_name"; }
done
exit 0
"""
