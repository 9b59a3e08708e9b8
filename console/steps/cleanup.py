"""How old releases are removed: never the linked one, never one that a process still runs or stands in.

Owns the script, which looks at the host's processes at the moment of the removal: a worker whose release is taken away
breaks at the next class it loads. Must not choose which releases are old enough; the plan does.
"""

from __future__ import annotations

from console.domain.environment import Host
from console.domain.plan_context import PlanContext
from console.domain.shellwords import quote
from console.steps.scripts import fail, words

_HELD = r"""
# PID and PATH of every directory a process stands in and every file it holds open.
held=$(ls -l /proc/[0-9]*/cwd /proc/[0-9]*/fd 2>/dev/null | awk '
  /^\/proc\/[0-9]+\/fd:$/ { split($0, part, "/"); pid = part[3]; next }
  { at = index($0, " -> "); if (!at) next
    left = substr($0, 1, at - 1); target = substr($0, at + 4); owner = pid
    if (match(left, /\/proc\/[0-9]+\/cwd$/)) { owner = substr(left, RSTART + 6); sub(/\/cwd$/, "", owner) }
    if (substr(target, 1, 1) == "/") print owner " " target }')
holders() { printf '%s\n' "$held" | awk -v place="$1" '
  { target = $0; sub(/^[0-9]+ /, "", target)
    if (target == place || index(target, place "/") == 1) pids[$1] = 1 }
  END { for (pid in pids) printf "%s ", pid }'; }
"""

_HIDDEN = r"""
# Artisan processes of other accounts that began before the link was made: which release they run cannot be read.
hidden=''
booted=$(awk '$1 == "btime" {print $2}' /proc/stat)
ticks=$(getconf CLK_TCK 2>/dev/null || echo 100)
linked=$(stat -c %Z -- "$link")
for d in /proc/[0-9]*; do
  line=''
  IFS= read -r line 2>/dev/null <"$d/cmdline" || :
  case "$line" in *artisan*) ;; *) continue ;; esac
  [ -r "$d/cwd" ] && readlink "$d/cwd" >/dev/null 2>&1 && continue
  case "$line" in *"$base"* | artisan* | *[!/]artisan*) ;; *) continue ;; esac
  read -r stat 2>/dev/null <"$d/stat" || continue
  set -- ${stat##*) }
  [ $((booted + ${20} / ticks)) -ge "$linked" ] || hidden="$hidden ${d#/proc/}"
done
"""


def remove_script(context: PlanContext, host: Host, names: tuple[str, ...]) -> str:
    """Removes these releases of a host, but for what is linked or still in use, and names what stays and why."""
    paths = context.environment.paths(host)
    if not names:
        return 'echo "nothing to remove"'
    return f"""
link={quote(paths.current)} base={quote(paths.base)}
current=$(readlink -f -- "$link")
[ -n "$current" ] || {fail("nothing is linked as current")}
{_HELD}{_HIDDEN}
for name in {words(names)}; do
  release={quote(paths.releases)}/$name
  place=$(readlink -f -- "$release" || true)
  pids=$(holders "$place")
  if [ "$place" = "$current" ]; then
    echo "$name is current: kept"
  elif [ -n "$pids" ]; then
    echo "$name is still in use: kept, for pid $pids"
  elif [ -n "$hidden" ]; then
    echo "$name is kept: what pid$hidden run cannot be read, and they began before the link was made"
  else
    rm -rf -- "$release"
    echo "$name removed"
  fi
done
"""
