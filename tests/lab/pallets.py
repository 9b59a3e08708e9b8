"""Queue workers of a test's own under a host's supervisord, and jobs that leave a line when they start and when they
end: who was cut, and who ran twice. Knows nothing of the console."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import seeding
from tests.lab.processes import Tracked, marked, send, wait_until
from tests.lab.values import MARK, USER, Node
from tests.lab.world import Lab

PROGRAM = "pallets"


@dataclass(frozen=True, slots=True)
class Packed:
    """One line of a job: `what` is start or end, `uuid` the job's, `pid` and `release` its worker's."""

    what: str
    uuid: str
    pid: int
    at: float
    release: str


class Pallets:
    """Workers of the program `pallets` on one host, which take jobs of the queue `pallets` and of no other."""

    def __init__(self, lab: Lab, node: Node, *, connection: str = "redis") -> None:
        self.lab = lab
        self.node = node
        self.connection = connection
        self._log = Path(node.path, "shared/storage/app/pallets")
        self._extra = Path(node.directory, "supervisor/extra")

    def command(self, more: str = "--sleep=0.5", *, work: str = "queue:work") -> str:
        """The command of a worker of the queue."""
        return f"php {self.node.current}/artisan {work} {self.connection} --queue=pallets --tries=3 {more}".rstrip()

    def program(self, command: str = "", *, name: str = PROGRAM, count: int = 1, **settings: object) -> None:
        """Has supervisord run such a program, and waits until it does."""
        stated: dict[str, object] = {
            "directory": self.node.current,
            "user": USER,
            "autorestart": "true",
            "startsecs": 0,
            "stdout_logfile": f"{self.node.path}/shared/storage/logs/pallets.log",
            "redirect_stderr": "true",
            **settings,
        }
        lines = [f"[program:{name}]", f"command={command or self.command()}"]
        lines += ["process_name=%(program_name)s_%(process_num)02d", f"numprocs={count}"]
        lines += [f"{key}={value}" for key, value in stated.items() if value is not None]
        (self._extra / f"{name}.conf").write_text("\n".join(lines) + "\n")
        self.lab.supervisor(self.node, "update", name)
        wait_until(
            lambda: len(self.pids(name)) == count and len(self.workers()) >= count,
            f"{name} runs: {self.lab.supervisor(self.node, 'status').stdout}",
        )

    def states(self, name: str = PROGRAM) -> dict[str, str]:
        """The state of each of a program's processes."""
        listed = [line.split() for line in self.lab.supervisor(self.node, "status").stdout.splitlines()]
        return {words[0]: words[1] for words in listed if words[0].partition(":")[0] == name}

    def pids(self, name: str = PROGRAM) -> set[int]:
        """The pids that supervisord knows of a program."""
        found = (self.lab.supervisor(self.node, "pid", each).stdout.strip() for each in self.states(name))
        return {int(each) for each in found if each.isdigit() and each != "0"}

    def workers(self) -> set[int]:
        """Every live worker of the queue, known to supervisord or not."""
        return {each.pid for each in self._living()}

    def _living(self) -> list[Tracked]:
        found = []
        for each in marked(MARK, self.lab.world.root):
            try:
                words = Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--queue=pallets" in words and words[0].rpartition(b"/")[2].startswith(b"php"):
                found.append(each)
        return found

    def dispatch(self, seconds: float, count: int = 1, *, started: bool = True) -> None:
        """Puts jobs of so many seconds into the queue, and waits until they have started."""
        before = sum(each.what == "start" for each in self.lines())
        seeding.dispatch(
            self.lab, "pallet", connection=self.connection, queue="pallets", count=count, note=str(seconds)
        )
        if started:
            wait_until(lambda: sum(each.what == "start" for each in self.lines()) >= before + count, "the jobs started")

    def lines(self) -> list[Packed]:
        """What the jobs of this host wrote."""
        text = self._log.read_text() if self._log.exists() else ""
        return [Packed(*json.loads(line)) for line in text.splitlines()]

    def wait_done(self, count: int, seconds: float = 60) -> None:
        """Waits until so many jobs have ended."""
        wait_until(lambda: sum(each.what == "end" for each in self.lines()) >= count, "the jobs ended", seconds)

    def faults(self, count: int) -> list[str]:
        """What was not as it should be: of `count` jobs each starts once and ends once, in one process."""
        found = []
        by_job: dict[str, list[Packed]] = {}
        for line in self.lines():
            by_job.setdefault(line.uuid, []).append(line)
        if len(by_job) != count:
            found.append(f"{len(by_job)} jobs ran instead of {count}")
        for uuid, lines in by_job.items():
            if [each.what for each in lines] != ["start", "end"] or len({each.pid for each in lines}) != 1:
                found.append(f"{uuid}: {lines}")
        return found

    def clear(self) -> None:
        """Takes every such program away, ends every worker of the queue, and forgets what was written."""
        for each in self._living():
            send([each], signal.SIGKILL)
        for path in self._extra.glob("*.conf"):
            path.unlink()
        self.lab.supervisor(self.node, "update")
        wait_until(lambda: not self._end_strays(), "no worker is left")
        self._log.unlink(missing_ok=True)

    def _end_strays(self) -> list[Tracked]:
        left = self._living()
        send(left, signal.SIGKILL)
        return left


@contextmanager
def pallets(lab: Lab, node: Node | None = None, *, connection: str = "redis") -> Iterator[Pallets]:
    """Such workers for the time of a test."""
    found = Pallets(lab, node or lab.node1, connection=connection)
    found.clear()
    try:
        yield found
    finally:
        found.clear()
