"""Following the log files of the selected environment into its ring.

Owns which environment is followed, and the ring of each. Must not read frames; each host's follow does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from console.domain.environment import Environment
from console.domain.log_history import LeftOut
from console.domain.logs import FollowStatus, LogRing
from console.ports import Clock, Publish, Shell
from console.services.tailing.host_follow import HostFollow, followed_files
from console.services.tailing.script import BACKLOG, FILES_A_SCRIPT


class Tailer:
    """The log files of every known environment; those of the selected one are followed. Implements `ports.Tails`."""

    def __init__(
        self,
        environments: Sequence[Environment],
        shell: Callable[[str, str], Shell],
        *,
        clock: Clock,
        publish: Publish,
        backlog: int = BACKLOG,
        make_ring: Callable[[], LogRing] = LogRing,
    ) -> None:
        """`shell(ENVIRONMENT, HOST)` gives a host's shell; it is called from the follow's own thread."""
        self._selected = ""
        self._rings = {each.name: make_ring() for each in environments}
        self._follows = {each.name: self._hosts(each, shell, clock, publish, backlog) for each in environments}

    def _hosts(
        self,
        environment: Environment,
        shell: Callable[[str, str], Shell],
        clock: Clock,
        publish: Publish,
        backlog: int,
    ) -> tuple[HostFollow, ...]:
        files = followed_files(environment)
        name = environment.name
        follows = []
        for host in environment.hosts:
            mine = [each for each in files if each.host == host.name]
            for first in range(0, len(mine), FILES_A_SCRIPT):
                follows.append(
                    HostFollow(
                        mine[first : first + FILES_A_SCRIPT],
                        environment=name,
                        shell=partial(shell, name, host.name),
                        ring=self._rings[name],
                        clock=clock,
                        publish=publish,
                        backlog=backlog,
                    )
                )
        return tuple(follows)

    def select(self, environment: str) -> None:
        """Follows this environment's files from now on and no others; at once. An unknown name follows nothing."""
        for name, follows in self._follows.items():
            for follow in follows:
                if name == environment:
                    follow.start()
                else:
                    follow.stop()
        self._selected = environment

    def ring(self, environment: str) -> LogRing:
        """The newest blocks of an environment; KeyError when it is unknown."""
        return self._rings[environment]

    def statuses(self, environment: str) -> tuple[FollowStatus, ...]:
        """How each followed file stands."""
        return tuple(status for follow in self._follows.get(environment, ()) for status in follow.statuses())

    def left_out(self, environment: str) -> tuple[LeftOut, ...]:
        """What of the files could not be followed up, since the start."""
        return tuple(each for follow in self._follows.get(environment, ()) for each in follow.left_out)

    def close(self) -> None:
        """Ends every follow within its bounded join."""
        for follow in self._all():
            follow.stop()
        for follow in self._all():
            follow.close()

    def _all(self) -> list[HostFollow]:
        return [follow for follows in self._follows.values() for follow in follows]
