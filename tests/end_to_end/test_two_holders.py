"""Two consoles on two real hosts: the lock changes hands while the first one's link is away, or its runner is dead."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.domain.policy import Operator
from console.errors import LockHeldError, UnreachableError
from console.services.records.audit import Audit
from console.services.target.lock import EnvironmentLock, LockState
from console.services.target.take_over import TakenOver, TakeOver
from console.services.threads.loop import SystemClock
from console.store.audit import AuditRows
from console.store.database import open_database
from console.wiring.configuration import load
from console.wiring.reach import open_reach
from tests.end_to_end.command import Command, Ended
from tests.end_to_end.watch import Watch
from tests.fakes.stepping import SteppingClock
from tests.lab.processes import end
from tests.lab.proxy import Proxy
from tests.lab.world import Lab
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(240)
BEN = Operator(uid=1001, login="ben", host="elsewhere", origin="")


def many(who: str, *, first: str = "") -> str:
    """An action of six `once` steps on both hosts that each leave a line; `first` is put into the first one."""
    steps = "".join(
        f"- {{name: s{n}, on: all, effect: once, shell: {{in: base, script: 'echo {who} s{n} >> deeds{step}'}}}}\n"
        for n, step in enumerate([f"; {first}" if first else "", *[""] * 5])
    )
    return f"title: {who}\nsteps:\n{steps}"


WAITS = "while [ ! -e go ]; do sleep 0.1; done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What both consoles act on."""

    lab: Lab
    directory: Path

    def deeds(self) -> list[str]:
        """Every line that a step left, on both hosts."""
        return [line for node in self.lab.nodes for line in self._file(node.path, "deeds").splitlines()]

    def go(self) -> None:
        """Lets the steps end that wait."""
        for node in self.lab.nodes:
            (Path(node.path) / "go").touch()

    def console(self, name: str, action: str, ports: dict[int, int] | None = None) -> Command:
        """A console of its own: configuration, state and home."""
        config = self.lab.write_config(self.directory / name, ports=ports, actions={"many": action})
        return Command(config, self.directory / f"{name}-home", mark=self.lab.world.root)

    @staticmethod
    def _file(path: str, name: str) -> str:
        found = Path(path) / name
        return found.read_text() if found.exists() else ""


@pytest.fixture
def place(lab_alone: Lab, tmp_path: Path) -> Iterator[Place]:
    built = Place(lab=lab_alone, directory=tmp_path)
    yield built
    built.go()
    end(Command(tmp_path / "none", tmp_path / "no-home", mark=lab_alone.world.root).runners())
    for node in lab_alone.nodes:
        lab_alone.ssh(node, f"cd {node.path} && rm -rf go deeds .opsconsole")


@contextmanager
def taking(console: Command) -> Iterator[TakeOver]:
    """A take-over from that console, whose thirty seconds of watching pass at once."""
    config = load(console.config)
    environment = config.environment("lab")
    reach = open_reach(environment, clock=SystemClock(), state_dir=config.state_path)
    database = open_database(config.state_path)
    clock = SteppingClock()
    try:
        yield TakeOver(
            reach=reach,
            lock=EnvironmentLock(reach.shell(environment.primary().name), environment, clock),
            audit=Audit(AuditRows(database), BEN, clock),
            operator=BEN,
            clock=clock,
        )
    finally:
        database.close()
        reach.close()


def release(console: Command, *, end_steps: bool = False) -> TakenOver:
    """`lock release` from that console."""
    with taking(console) as take_over:
        seen, stale = take_over.lock.watch()
        assert stale or seen.state is LockState.FREE
        return take_over.release(seen, "looks dead", end_steps=end_steps)


def last(ended: Ended) -> dict[str, Any]:
    event: dict[str, Any] = ended.events[-1]
    return event


def started(place: Place, console: Command) -> int:
    """A run of A's that is in its first step on both hosts; its number."""
    begun = console("run", "many", "-e", "lab", "--yes", "--detach", "--json")
    assert begun.code == 0, begun.err
    eventually(lambda: place.deeds() == ["A s0"] * 2, 60, otherwise=place.deeds)
    return int(begun.json["run"])


def test_whoever_lost_the_lock_while_away_starts_nothing_when_its_link_is_back(place: Place, watch: Watch) -> None:
    lab = place.lab
    with Proxy((lab.node1.ip, lab.node1.ssh_port)) as one, Proxy((lab.node2.ip, lab.node2.ssh_port)) as two:
        watch.allowed |= {("127.0.0.1", one.port), ("127.0.0.1", two.port)}
        a = place.console("a", many("A", first=WAITS), {1: one.port, 2: two.port})
        b = place.console("b", many("B"))
        run = started(place, a)
        for proxy in (one, two):
            proxy.refuse = True
            proxy.reset()
        with pytest.raises(LockHeldError, match=r"web1: step s0 of run .* is running, for "):
            release(b)
        place.go()
        eventually(lambda: not release_refused(b), 60)
        done = b("run", "many", "-e", "lab", "--yes", "--json")
        assert done.code == 0, done.out[-1500:] + done.err
        for proxy in (one, two):
            proxy.refuse = False
        ended = a("runs", "attach", str(run), "--json", seconds=90)
    assert ended.code == 5, ended.out[-1500:]
    assert "before s1: the lock was taken over by somebody else" in last(ended)["detail"]
    assert sorted(place.deeds()) == sorted(["A s0"] * 2 + [f"B s{n}" for n in range(6)] * 2)


def release_refused(console: Command) -> bool:
    """Whether a release is still refused; False once it was carried out."""
    try:
        release(console)
    except (LockHeldError, UnreachableError):
        return True
    return False


def test_a_second_run_does_not_begin_beside_the_step_of_a_runner_that_was_killed(place: Place) -> None:
    a, b = place.console("a", many("A", first="sleep 150")), place.console("b", many("B"))
    run = started(place, a)
    for process in a.runners():
        os.kill(process.pid, signal.SIGKILL)
    for words in (["plan"], ["run", "--yes"]):
        refused = b(words[0], "many", "-e", "lab", *words[1:])
        assert refused.code == 5, refused.out + refused.err
        assert "web1: step s0 of run " in refused.err and "web2: step s0 of run " in refused.err
    with pytest.raises(LockHeldError, match=r"web2: step s0 of run .* is running, for "):
        release(b)
    taken = release(b, end_steps=True)
    assert [(one.step.host, one.step.remote.step, one.detail) for one in taken.ended] == [
        ("web1", "s0", "was ended, exit status 143"),
        ("web2", "s0", "was ended, exit status 143"),
    ]
    assert b("run", "many", "-e", "lab", "--yes").code == 0
    assert sorted(place.deeds()) == sorted(["A s0"] * 2 + [f"B s{n}" for n in range(6)] * 2)
    resumed = a("runs", "resume", str(run), "--json", seconds=90)
    assert resumed.code != 0
    assert "somebody else ended it there" in resumed.out
    assert sorted(place.deeds()) == sorted(["A s0"] * 2 + [f"B s{n}" for n in range(6)] * 2)


@pytest.mark.soak  # half a minute of watching, by nature; the same with a clock of its own is always run
def test_the_command_ends_steps_and_releases_after_it_watched(place: Place) -> None:
    a, b = place.console("a", many("A", first="sleep 150")), place.console("b", many("B"))
    started(place, a)
    for process in a.runners():
        os.kill(process.pid, signal.SIGKILL)
    words = ("lock", "release", "-e", "lab", "--reason", "killed", "--yes")
    refused = b(*words, seconds=90)
    assert refused.code == 5, refused.err
    assert "step s0 of run " in refused.err and "--end-steps" in refused.err
    done = b(*words, "--end-steps", "--json", seconds=120)
    assert done.code == 0, done.err
    assert [step["host"] for step in done.json["ended_steps"]] == ["web1", "web2"]
    assert b("run", "many", "-e", "lab", "--yes").code == 0
