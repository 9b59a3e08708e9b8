"""The scripts that ask workers to leave, start programs again, and end single processes; and what their answers say.

Owns their text and its reading. A signal to a process is sent only to the one that was meant: boot, pid and start are
compared in the same script. All may be run again: a process asked twice leaves once. Must not decide who is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from console.domain.shellwords import quote
from console.domain.untrusted import Raw
from console.domain.worker_verdicts import WorkerVerdict
from console.ports import Completed
from console.services.workers.scripts import control_text

BROADCAST = "Broadcasting queue restart signal"
_HEAD = "set -u\n"


def as_account(become: str) -> str:
    """The words before a command that is to run as another account; none for the login itself."""
    return f"sudo -n -u {quote(become)} -- " if become else ""


def restart_text(directories: Sequence[str], php: str, become: str) -> str:
    """Writes the restart signal from each of these release directories."""
    lines = [
        f"(cd -- {quote(directory)} && {as_account(become)}{quote(php)} artisan queue:restart --no-interaction "
        f"--no-ansi </dev/null) 2>&1 || echo {quote(f'{directory}: queue:restart failed')}"
        for directory in directories
    ]
    return _HEAD + "\n".join(lines) + "\n"


def restarted(done: Completed, directories: Sequence[str]) -> str:
    """Why the signal was not written everywhere, empty when it was: artisan's words are counted, not its status."""
    said = done.stdout.decode("utf-8", "replace")
    if said.count(BROADCAST) >= len(directories):
        return ""
    return f"queue:restart did not say that it wrote the signal: {Raw.of(said[-300:]).show(300) or 'no output'}"


def horizon_text(directory: str, php: str, become: str) -> str:
    """Asks Horizon's masters of this host to end, by its own command. Where fast termination is configured, `--wait`
    keeps the master until its workers have ended; elsewhere it has no effect."""
    return (
        f"{_HEAD}cd -- {quote(directory)} && {as_account(become)}{quote(php)} artisan horizon:terminate --wait "
        "--no-interaction --no-ansi </dev/null 2>&1\n"
    )


def terminated(done: Completed, pids: Iterable[int]) -> tuple[int, ...]:
    """Which of these masters `horizon:terminate` did not say it ended. Its status is 0 whatever it did."""
    said = done.stdout.decode("utf-8", "replace")
    lines = said.splitlines()
    failed = [line for line in lines if "Failed to kill process" in line]

    def signalled(pid: int) -> bool:
        words = [line.replace(":", " ").replace(".", " ").split() for line in lines if "process" in line.lower()]
        return any(str(pid) in line for line in words) and not any(f" {pid} " in f" {line} " for line in failed)

    return tuple(pid for pid in pids if "Sending TERM" not in said or not signalled(pid))


def start_programs_text(programs: Iterable[str], become: str) -> str:
    """Starts these processes of supervisord; one that runs already stays as it is."""
    names = " ".join(quote(name) for name in programs)
    return f"{_HEAD}{control_text(become)}ctl start {names} 2>&1 </dev/null\n"


def restart_programs_text(programs: Iterable[tuple[str, int]], become: str) -> str:
    """Stops and starts those of these processes that still have the pid they had; waits for each."""
    lines = []
    for name, pid in programs:
        status = f"$(ctl status {quote(name)} 2>/dev/null </dev/null)"
        lines.append(f'case "{status}" in *\'pid {pid:d},\'*) set -- "$@" {quote(name)} ;; esac')
    last = '[ $# -eq 0 ] || ctl restart "$@" 2>&1 </dev/null'
    return "\n".join([_HEAD + control_text(become) + "set --", *lines, last, ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of signals to processes, by pid: `sent`, `gone` before it, `refused` for want of rights."""

    sent: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


def signal_text(verdicts: Iterable[WorkerVerdict], signal: str, become: str, *, programs: bool) -> str:
    """Sends TERM or KILL to exactly these processes. Where the login may not, and a process is supervisord's own child,
    supervisord is asked to (with `programs`)."""
    lines = []
    for each in verdicts:
        process = each.process
        fallback = (
            f"ctl signal {signal} {quote(each.program)} 2>&1 </dev/null | grep -q signalled"
            if programs and each.direct
            else "false"
        )
        lines.append(
            f'if [ "$(began {process.pid})" != {quote(f"{each.identity.boot} {process.start}")} ]; then '
            f"echo gone {process.pid}\n"
            f"elif {as_account(become)}kill -{signal} {process.pid} 2>/dev/null || "
            f"{'kill -' + signal + ' ' + str(process.pid) + ' 2>/dev/null || ' if become else ''}{fallback}; then "
            f"echo sent {process.pid}\nelse echo refused {process.pid}\nfi"
        )
    return "\n".join([_HEAD + control_text(become) + _BEGAN, *lines, ""])


def read_sent(done: Completed) -> Sent:
    """What a signal script answered."""
    found: dict[str, list[int]] = {"sent": [], "gone": [], "refused": []}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        word, _, rest = line.partition(" ")
        if word in found and rest.isdigit():
            found[word].append(int(rest))
    return Sent(**{word: tuple(pids) for word, pids in found.items()})


_BEGAN = r"""
began() (
  read -r stat 2>/dev/null <"/proc/$1/stat" || exit 0
  set -- ${stat##*) }
  printf '%s %s' "$(cat /proc/sys/kernel/random/boot_id)" "${20}"
)
"""
