"""The scripts that look at an application's processes and at supervisord on one host.

Owns their text: POSIX sh and busybox applets, each line of the answer behind a nonce, so that no argument or file name
can pretend to be another line. They change nothing. Must not read an answer; `process_question` does.
"""

from __future__ import annotations

from console.domain.environment import AppPaths
from console.domain.shellwords import quote

NO_SUPERVISOR = "there is no command supervisorctl"
"""The refusal of a host without supervisord."""

_HEAD = r"""
say() { printf '%s %s\n' "$nonce" "$*"; }
marked() { sed "s/^/$nonce $1 /"; }
"""

_PROCESSES = r"""
read -r boot </proc/sys/kernel/random/boot_id
say boot "$boot"
while read -r name value; do [ "$name" = btime ] && break; done </proc/stat
say clock "$(date +%s)" "$value" "$(getconf CLK_TCK 2>/dev/null || echo 100)"
say uid "$(id -u)"
say base "$(readlink -f -- "$base")"
say current "$(readlink -f -- "$current")"
say releases "$(readlink -f -- "$releases")"
say visible "$(cd /proc && echo [0-9]*)"
say linked "$(stat -c %Z -- "$current" 2>/dev/null)"
for d in /proc/[0-9]*; do
  read -r comm 2>/dev/null <"$d/comm" || continue
  case "$comm" in
    php-fpm*) continue ;;
    php* | lsphp* | frankenphp*) ;;
    *) continue ;;
  esac
  # The shell drops the NULs, so the arguments run together. That is enough to pass over what cannot be ours.
  line=''
  IFS= read -r line 2>/dev/null <"$d/cmdline"
  case "$line" in '' | *artisan* | *"$base"*) ;; *) continue ;; esac
  read -r stat 2>/dev/null <"$d/stat" || continue
  set -- ${stat##*) }
  case "$1" in Z | X) continue ;; esac
  parent=$2 start=${20} uid=''
  while IFS=: read -r name value; do
    if [ "$name" = Uid ]; then
      set -- $value
      uid=$1
      break
    fi
  done 2>/dev/null <"$d/status"
  say process "${d#/proc/}" "$parent" "$start" "$uid"
  # Two programs for each process and no pipe: a host may run hundreds, also of other applications. What they print
  # stands without the nonce, until the next line that has it.
  say arguments
  tr '\000\012' '\012\001' 2>/dev/null <"$d/cmdline"
  echo
  say links
  ls -l "$d/cwd" "$d/fd" 2>/dev/null && say readable
  up=$parent line=''
  while [ "${up:-0}" -gt 0 ] && read -r stat 2>/dev/null <"/proc/$up/stat"; do
    line="$line $up"
    set -- ${stat##*) }
    up=$2
  done
  say parents "$line"
  # A process that ended during this look was unreadable for that reason alone.
  [ -d "$d" ] || say ended
done
"""

_CONTROL = r"""
STATES='STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN'
asks() {
  status=$("$@" status 2>&1 </dev/null)
  printf '%s\n' "$status" | grep -Eq "^[^ ]+ +($STATES)( |\$)" && return 0
  # Without any program supervisorctl prints nothing; version 3 exits with 0 whatever it says.
  [ -z "$status" ] && case "$("$@" pid 2>/dev/null </dev/null)" in '' | *[!0-9]*) return 1 ;; esac
}
refusal=''
answers() {
  asks "$@" && return 0
  [ -n "$refusal" ] || refusal=$status
  return 1
}
ctl() { supervisorctl "$@"; }
if ! command -v supervisorctl >/dev/null 2>&1; then
  status='' refusal='there is no command supervisorctl'
  ctl() { return 1; }
elif answers supervisorctl; then :
elif [ -n "$become" ] && answers sudo -n -u "$become" -- supervisorctl; then
  ctl() { sudo -n -u "$become" -- supervisorctl "$@"; }
elif command -v sudo >/dev/null 2>&1 && answers sudo -n -- supervisorctl; then
  ctl() { sudo -n -- supervisorctl "$@"; }
else
  status=''
  ctl() { return 1; }
fi
"""
"""Finds the way in which supervisorctl answers, as `ctl`; `status` is what it said, else `refusal` says why not."""

_STATUS = r"""
if [ -n "$refusal" ] && [ -z "$status" ]; then
  printf '%s\n' "$refusal" | head -n 3 | marked refused
else
  say answered
  [ -z "$status" ] || printf '%s\n' "$status" | marked status
fi
"""

_SETTINGS = r"""
kept='^(directory|user|process_name|numprocs|programs|autorestart|stopwaitsecs|stopsignal|stopasgroup|killasgroup'
kept="$kept|startsecs|exitcodes|files)\$"
keep() {
  [ -r "$1" ] || { say unreadable "$1"; return 1; }
  say file "$1"
  awk -v kept="$kept" '
    /^[ \t]*$/ || /^[ \t]*[;#]/ { next }
    /^\[/ { keeps = 0; print; next }
    /^[ \t]/ { if (keeps) print; next }
    tolower($0) ~ /^command[ \t]*[=:]/ {
      keeps = 0
      if (!match($0, /[^ \t"\047=]*artisan["\047]?[ \t]+(queue:(work|listen)|horizon)/)) next
      print "command=" substr($0, RSTART)
      next
    }
    { key = $0; sub(/[ \t]*[=:].*/, "", key); keeps = tolower(key) ~ kept; if (keeps) print }
  ' "$1" | marked setting
}
files() {
  awk '
    /^\[/ { inside = ($0 ~ /^\[include\]/); next }
    !inside || /^[ \t]*[;#]/ { next }
    /^files[ \t]*[=:]/ { sub(/^files[ \t]*[=:]/, ""); sub(/[ \t];.*/, ""); wanted = 1; print; next }
    /^[ \t]/ { if (wanted) { sub(/[ \t];.*/, ""); print }; next }
    { wanted = 0 }
  ' "$1" | sed "s#%(here)s#$2#g; s#%(host_node_name)s#$(uname -n)#g"
}
pid=$(ctl pid 2>/dev/null </dev/null)
case "$pid" in '' | *[!0-9]*) pid='' ;; esac
conf=''
if [ -n "$pid" ]; then
  conf=$(tr '\000' '\012' 2>/dev/null <"/proc/$pid/cmdline" | awk '
    wanted { print; exit }
    /^(-c|--configuration)$/ { wanted = 1 }
    /^--configuration=/ { sub(/^[^=]*=/, ""); print; exit }
    /^-c./ { print substr($0, 3); exit }')
  case "$conf" in
    '' | /*) ;;
    *) conf=$(readlink "/proc/$pid/cwd" 2>/dev/null)/$conf ;;
  esac
  for place in /etc/supervisord.conf /etc/supervisor/supervisord.conf; do
    [ -n "$conf" ] || [ ! -e "$place" ] || conf=$place
  done
fi
if [ -n "$conf" ] && keep "$conf"; then
  here=${conf%/*}
  for pattern in $(set -f; files "$conf" "$here"); do
    case "$pattern" in /*) ;; *) pattern=$here/$pattern ;; esac
    for one in $pattern; do [ ! -e "$one" ] || keep "$one"; done
  done
fi
"""


def control_text(become: str) -> str:
    """POSIX sh that defines `ctl`, supervisorctl in the way in which it answers here: as the login, as `become`, or by
    `sudo -n`. Where it does not answer, `ctl` fails and `refusal` says why."""
    return f"become={quote(become)}\n{_CONTROL}"


def look_text(paths: AppPaths, nonce: str, *, become: str = "", settings: bool = False) -> str:
    """POSIX sh that shows every PHP process of the host and what supervisord says; with `settings` also those keys of
    its configuration that say how it treats its programs (never `environment`, which may hold secrets; of `command` the
    arguments of artisan when it starts a worker).

    As `become` the processes of that account can be looked into.
    """
    values = "".join(
        f"{name}={quote(value)}\n"
        for name, value in (
            ("nonce", nonce),
            ("base", paths.base),
            ("current", paths.tree),
            ("releases", paths.releases),
            ("become", become),
        )
    )
    processes = values + _HEAD + _PROCESSES
    if become:
        # Run as that account, the script can look into its processes; where sudo refuses, the login sees what it may.
        mark = f"OPSCONSOLE_{nonce}"
        processes = (
            f"{values}if sudo -n -u \"$become\" -- true 2>/dev/null; then reader='sudo -n -u {quote(become)} -- sh'\n"
            f"else reader=sh; fi\neval \"$reader\" <<'{mark}'\n{processes}\n{mark}\n"
        )
    parts = [processes, values, _HEAD, _CONTROL, _STATUS]
    if settings:
        parts.append(_SETTINGS)
    return "".join(parts) + "say end\n"
