"""How each kind of need is asked on a host: one POSIX sh text for all needs of a plan there.

Owns the texts, which change nothing. Each need has one answer, a line `NUMBER WORD DETAIL`; the last line is `end`.
Must not say what an answer means.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from console.domain import git
from console.domain.shellwords import quote
from console.domain.step_facts import Need, NeedKind

YES, NO, PERHAPS = "yes", "no", "perhaps"
"""The words of an answer. `perhaps` is for a right that sudo may want a password for."""
SMALL_KB, FEW_INODES, MANY_INODES = 100 * 1024, 100, 2000
"""A need for at most SMALL_KB KiB of space also wants FEW_INODES inodes, a greater one MANY_INODES."""

_HEAD = r"""say() { printf '%s\n' "$*"; }
limit() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; }
first() { printf '%s\n' "$1" | grep . | head -n 1; }
# may ACCOUNT COMMAND…: whether sudo lets this login run it as that account without a password.
may() {
  account=$1; shift
  command -v sudo >/dev/null 2>&1 || { echo 'no there is no sudo'; return; }
  sudo -n -l -u "$account" -- "$@" >/dev/null 2>&1 || { echo no; return; }
  rules=$(sudo -n -l 2>/dev/null | grep '^ *(' || :)
  if [ -n "$rules" ] && ! printf '%s\n' "$rules" | grep -v 'NOPASSWD:' | grep -q .; then echo yes; return; fi
  if sudo -n -u "$account" -- true >/dev/null 2>&1; then echo yes; else echo perhaps; fi
}
there() { # DIRECTORY: it, or the nearest one above that is there
  at=$1
  while [ ! -e "$at" ] && [ "$at" != / ] && [ "$at" != . ]; do at=$(dirname -- "$at"); done
  printf '%s\n' "$at"
}
"""

_STATES = "STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN"
_PROGRAMS = """ctl() {{ limit {prefix}supervisorctl "$@"; }}
listed() {{ # the names of the processes; older ones end with 0 whatever they say, so only their lines are an answer
  said=$(ctl status 2>&1) && [ -z "$said" ] && return 0
  known=$(printf '%s\\n' "$said" | awk '$2 ~ /^({states})$/ {{print $1}}')
  [ -n "$known" ]
}}
known=
listed || {{
  ctl() {{ limit sudo -n -- supervisorctl "$@"; }}
  refused=$said
  listed || silent=${{refused:-no output}}
}}
"""

_PROGRAM = """name={name}
if [ -n "${{silent-}}" ]; then say {n} no "silent $(first "$silent")"
elif printf '%s\\n' "$known" | awk -v want="$name" '
  {{ split($0, part, ":"); if ($0 == want || part[1] == want || part[1] ":*" == want) found = 1 }}
  END {{ exit !found }}'; then say {n} yes
else say {n} no "known $(printf '%s\\n' "$known" | head -n 40 | tr '\\n' ' ')"; fi
"""

_UNIT = """state=$(limit systemctl show -p LoadState -p ActiveState -p CanReload -- {name} 2>&1)
case "$state" in
  *LoadState=not-found*) say {n} no 'there is no such unit' ;;
  *LoadState=loaded*)
    case "{verb} $state" in
      reload*CanReload=no*) say {n} no 'it cannot be reloaded: it says no ExecReload' ;;
      reload*ActiveState=active*|restart*) say {n} "$(may root systemctl {verb} -- {name})" ;;
      *) say {n} no 'it is not active, so it cannot be reloaded' ;;
    esac ;;
  *LoadState=*) say {n} no "it is $(printf '%s\\n' "$state" | sed -n 's/^LoadState=//p')" ;;
  *) say {n} no "silent $(first "$state")" ;;
esac
"""

_SPACE = """at=$(there {name})
free=$(df -Pk -- "$at" 2>/dev/null | awk 'NR==2 {{print $4}}')
inodes=$(df -Pi -- "$at" 2>/dev/null | awk 'NR==2 && $2 + 0 > 0 {{print $4}}')
if [ -z "$free" ]; then say {n} no 'its free space cannot be read'
elif [ "$free" -lt {amount} ]; then say {n} no "only $((free / 1024)) MiB are free, {mib} MiB are wanted"
elif [ "${{inodes:-{inodes}}}" -lt {inodes} ]; then say {n} no "only $inodes inodes are free"
else say {n} yes; fi
"""

_PHP = """said=$(limit {php} -v 2>&1 </dev/null)
if printf '%s\\n' "$said" | grep -q '^PHP [0-9]'; then say {n} yes; else say {n} no "$(first "$said")"; fi
"""

_PHP_AS = """case "$(may {account} {php} -v)" in
  yes) {ask} ;;
  *) say {n} yes 'only what the right is asked for can be run as that account' ;;
esac
"""

_REPOSITORY = """if git --git-dir={mirror} cat-file -e {commit}'^{{commit}}' 2>/dev/null; then say {n} yes
elif said=$({{ {settings}
limit git ls-remote --quiet -- {name}; }} 2>&1 >/dev/null); then say {n} yes
else say {n} no "$(first "$said")"; fi
"""


def needs_script(needs: Sequence[Need]) -> str:
    """The text for the needs of one host, which are numbered from 0 in the given order."""
    numbered = list(enumerate(needs))
    texts = [_text(number, need) for number, need in numbered if need.what is not NeedKind.PROGRAM]
    programs = sorted(
        ((need.account, number, need) for number, need in numbered if need.what is NeedKind.PROGRAM),
        key=lambda each: each[:2],
    )
    for account, group in itertools.groupby(programs, key=lambda each: each[0]):
        prefix = f"sudo -n -u {quote(account)} -- " if account else ""
        texts.append("silent=\n" + _PROGRAMS.format(prefix=prefix, states=_STATES))
        texts += [_PROGRAM.format(n=number, name=quote(need.name)) for _, number, need in group]
    return _HEAD + "".join(texts) + "say end\n"


def _text(number: int, need: Need) -> str:
    return _TEXTS[need.what](number, need)


def _if(condition: str, number: int) -> str:
    return f"if {condition}; then say {number} yes; else say {number} no; fi\n"


def _php(number: int, need: Need) -> str:
    php, account = quote(need.name), quote(need.account)
    if not need.account:
        return _PHP.format(n=number, php=php)
    ask = _PHP.format(n=number, php=f"sudo -n -u {account} -- {php}")
    return _PHP_AS.format(n=number, php=php, account=account, ask=ask)


def _writable(number: int, need: Need) -> str:
    return f"at=$(there {quote(need.name)})\n" + _if('[ -d "$at" ] && [ -w "$at" ] && [ -x "$at" ]', number)


def _space(number: int, need: Need) -> str:
    inodes = FEW_INODES if need.amount <= SMALL_KB else MANY_INODES
    mib = -(-need.amount // 1024)
    return _SPACE.format(n=number, name=quote(need.name), amount=need.amount, mib=mib, inodes=inodes)


def _repository(number: int, need: Need) -> str:
    return _REPOSITORY.format(
        n=number, mirror=quote(need.mirror), commit=quote(need.commit), settings=git.SETTINGS, name=quote(need.name)
    )


_TEXTS: dict[NeedKind, Callable[[int, Need], str]] = {
    NeedKind.TOOL: lambda n, need: _if(f"command -v {quote(need.name)} >/dev/null 2>&1", n),
    NeedKind.PHP: _php,
    NeedKind.ACCOUNT: lambda n, need: (
        f'say {n} "$(may {quote(need.name)} {" ".join(map(quote, need.command or ("true",)))})"\n'
    ),
    NeedKind.UNIT: lambda n, need: _UNIT.format(n=n, name=quote(need.name), verb=(need.command or ("restart",))[0]),
    NeedKind.LINK: lambda n, need: _if(f"[ -L {quote(need.name)} ] || [ ! -e {quote(need.name)} ]", n),
    NeedKind.PATH: lambda n, need: _if(f"[ -e {quote(need.name)} ]", n),
    NeedKind.WRITABLE: _writable,
    NeedKind.SPACE: _space,
    NeedKind.REPOSITORY: _repository,
    NeedKind.ANSWER: lambda n, need: _if(f"( {need.script}\n) >/dev/null 2>&1", n),
}
