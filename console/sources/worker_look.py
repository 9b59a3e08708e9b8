"""The queue connections that workers are started for, where the configuration states no workers.

They may run under systemd, in containers or from cron, so the hosts' processes are what tells. Owns how often that is
asked, and what makes an answer one. Must not show anything: without `workers:` there is no reading of them.
"""

from __future__ import annotations

import math
import threading

from console.domain.worker_processes import HostProcesses, Process, started_here, works_here
from console.errors import OpsconsoleError
from console.ports import Clock, Reach
from console.services.discovery.used import UsedConnections
from console.services.workers.scripts import NO_SUPERVISOR
from console.sources.workers import SETTINGS_EVERY, look_at_workers

_AGAIN = 10.0
_DEADLINE = 10.0


class WorkerLook:
    """One look at the worker hosts of an environment each 60 s at most, 10 s after one that not every host answered.
    Thread-safe: who comes during a look waits for its end."""

    def __init__(self, reach: Reach, clock: Clock, used: UsedConnections) -> None:
        self._reach = reach
        self._clock = clock
        self._used = used
        self._lock = threading.Lock()
        self._due = -math.inf

    def __call__(self) -> None:
        """Looks when it is time to, and tells what it found to the used connections. Never raises OpsconsoleError."""
        with self._lock:
            if self._clock.monotonic() < self._due:
                return
            whole = self._look()
            self._due = self._clock.monotonic() + (SETTINGS_EVERY if whole else _AGAIN)
            if whole:
                self._used.note_workers()

    def _look(self) -> bool:
        """Whether every host told all of it."""
        whole = True
        for ended in look_at_workers(self._reach, settings=True, deadline=_DEADLINE).values():
            try:
                seen = ended.unwrap()
            except OpsconsoleError:
                whole = False
                continue
            at_work = [
                each.invocation for each in seen.processes if each.invocation.role.works and _may_be_ours(each, seen)
            ]
            self._used.add(told.connection for told in (*at_work, *started_here(seen)))
            # A supervisord that will not answer may start workers that do not run now.
            whole = whole and (seen.supervised is not None or seen.refusal == NO_SUPERVISOR)
        return whole


def _may_be_ours(process: Process, seen: HostProcesses) -> bool:
    """Whether a worker is this application's, or where it was started may not be read."""
    return process.cwd is None or works_here(process, seen)
