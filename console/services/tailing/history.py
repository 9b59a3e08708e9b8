"""What the log files of an environment hold, as one stream in the order of time.

Owns the merging of all hosts and the account of what could not be read. Nothing is kept but a block of each file that
is being read: whoever takes the records slowly makes the hosts wait. Must not print.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator

from console.domain.environment import Environment
from console.domain.log_blocks import Where
from console.domain.log_history import LeftOut, Span
from console.domain.log_times import Times
from console.errors import OpsconsoleError
from console.ports import Clock, Shell
from console.services.tailing.file_records import Stretch, merged
from console.services.tailing.host_follow import Followed, followed_files
from console.services.tailing.host_history import HostHistory, Seam
from console.services.threads.parallel import each_captured


class LogHistory:
    """The records since some time, or the last of each file, of all hosts together.

    Call `open` first, then `read` once; `left_out`, `missing` and `seams` are complete after that. With `follow`, the
    last record of each file that is still written stays in its seam. With `exact` only bytes are wanted.
    """

    def __init__(
        self,
        environment: Environment,
        shell: Callable[[str], Shell],
        *,
        span: Span,
        where: Where,
        times: Times,
        clock: Clock,
        follow: bool = False,
        exact: bool = False,
    ) -> None:
        files = followed_files(environment)

        def one(host: str) -> HostHistory:
            mine = [each for each in files if each.host == host]
            return HostHistory(
                host,
                mine,
                lambda: shell(host),
                span=span,
                where=where,
                times=times,
                clock=clock,
                follow=follow,
                exact=exact,
            )

        self._hosts = {host.name: one(host.name) for host in environment.hosts}

    def open(self) -> None:
        """Asks every host what there is. Raises the first host's error when none of them answers."""
        ended = each_captured(self._hosts, lambda host: self._hosts[host].open())
        errors = {host: one.error for host, one in ended.items() if one.error is not None}
        for host, error in errors.items():
            if not isinstance(error, OpsconsoleError) or len(errors) == len(ended):
                raise error
            self._hosts[host].fail(error)

    def read(self) -> Generator[Stretch, None, None]:
        """Everything that is to be seen, in order, as it comes."""
        try:
            yield from merged([source for host in self._hosts.values() for source in host.sources])
        finally:
            for host in self._hosts.values():
                host.close()

    @property
    def left_out(self) -> list[LeftOut]:
        """What was asked for and not read."""
        return [each for host in self._hosts.values() for each in host.left_out]

    @property
    def missing(self) -> list[Followed]:
        """Configured files that are not there."""
        return [each for host in self._hosts.values() for each in host.missing]

    @property
    def nowhere(self) -> list[str]:
        """Configured files that are on none of the hosts where they are looked for."""
        asked = Counter(each.file for host in self._hosts.values() for each in host.files)
        lacking = Counter(each.file for each in self.missing)
        return [file for file, count in lacking.items() if count == asked[file]]

    @property
    def untimed(self) -> list[tuple[str, str, int]]:
        """How many lines of which host's file were shown though nothing says when they were written."""
        return [(name, file, count) for name, host in self._hosts.items() for file, count in host.untimed.items()]

    @property
    def unleveled(self) -> list[tuple[str, str]]:
        """Of which host's which files lines were left out though nothing says of which level they are."""
        return [(name, file) for name, host in self._hosts.items() for file in host.unleveled]

    @property
    def seams(self) -> list[Seam]:
        """Where a follow has to go on, file by file."""
        return [each for host in self._hosts.values() for each in host.seams]
