"""The fences of a run: its token on every host, so that no host starts a step for whoever held the lock before.

Owns setting them. The order makes it safe: the fences are read, then the lock is proved, then each fence is set only
where it is still the one that was read. A run that takes the lock over after that proof sets fences of higher numbers;
the former holder, once it reads those, can no longer prove the lock. Must not take or give up the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from console.domain.environment import AppPaths
from console.errors import RemoteError
from console.ports import Reach
from console.services.target.control_directory import control_answer, control_text
from console.services.target.fence_scripts import LIVING, READ, SET
from console.services.target.living_steps import Living, living_values, read_living
from console.services.target.remote_step_scripts import PRELUDE, PROOF
from console.services.threads.parallel import each

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Fences:
    """The fences of one environment's hosts. Raises what shells raise; RefusedError where one cannot be written."""

    reach: Reach

    def set(self, token: str, prove: Callable[[], None], hosts: tuple[str, ...] | None = None) -> dict[str, Living]:
        """Makes `token` the fence of every host, or only of `hosts`, and returns the steps alive on each: all of them
        began before the fence.

        `prove` is called in each round and must raise unless `token` holds the lock at that moment.
        """
        names = tuple(host.name for host in self.reach.environment.hosts) if hosts is None else hosts
        found: dict[str, Living] = {}
        for _ in range(_ROUNDS):
            left = [name for name in names if name not in found]
            seen = each(left, self._read)
            prove()
            answers = each(left, partial(self._set, token, seen))
            found |= {name: living for name, living in answers.items() if living is not None}
            if len(found) == len(names):
                return {name: found[name] for name in names}
        moved = ", ".join(name for name in names if name not in found)
        raise RemoteError(f"the fence of {moved} changes all the time", done="no step was started")

    def _read(self, name: str) -> int:
        shell, paths = self.reach.shell(name), self._paths(name)
        text = control_text(paths, PRELUDE + PROOF + READ, {"oc_control": paths.control, "oc_token": ""})
        return int(control_answer(shell.run(text), paths, name)[0][1])

    def _paths(self, name: str) -> AppPaths:
        environment = self.reach.environment
        return environment.paths(environment.host(name))

    def _set(self, token: str, seen: Mapping[str, int], name: str) -> Living | None:
        """The steps alive on a host once its fence is set; None when another run set a fence after it was read."""
        shell, paths = self.reach.shell(name), self._paths(name)
        body = living_values(paths.control) + PRELUDE + PROOF + SET + LIVING
        done = shell.run(control_text(paths, body, {"oc_token": token, "ol_seen": str(seen[name])}), deadline=30.0)
        if control_answer(done, paths, name)[0][0] == "moved":
            return None
        return read_living(name, paths.control, done)
