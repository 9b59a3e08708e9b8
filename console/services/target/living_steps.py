"""The steps still alive on the hosts, whoever started them: no run that takes the lock may begin while they are.

Owns the question to each host, the reading of its answer and the refusal. A step directory that may not be read counts
as alive. Must not end anything.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from console.domain.shellwords import quote
from console.domain.untrusted import Raw
from console.errors import LockHeldError, RemoteError
from console.own_commands import own_command
from console.ports import Completed, Reach
from console.present.text import span
from console.services.target.fence_scripts import LIVING
from console.services.target.remote_step import BOOT_FILE, RemoteStep
from console.services.target.remote_step_scripts import PRELUDE
from console.services.threads.parallel import each

_INIT = "/proc/1/stat"
"""A file that every account can read, unless the kernel hides other accounts' processes."""
_END = b"opsconsole-living "


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingStep:
    """One step with living processes. `run` is the run's name on the host, `seconds` its age by that host's clock.

    `locked` is False for a step of a run that takes no lock. `sure` is False where the host hides whether it is alive.
    """

    host: str
    remote: RemoteStep
    seconds: int
    locked: bool = True
    sure: bool = True

    @property
    def run(self) -> str:
        """The name of its run."""
        return self.remote.run

    @property
    def sentence(self) -> str:
        """One line for people."""
        step = Raw.of(self.remote.step).show(100)
        if self.sure:
            return f"{self.host}: step {step} of run {self.run} is running, for {span(self.seconds)}"
        return (
            f"{self.host}: step {step} of run {self.run}, begun {span(self.seconds)} ago by another account, may be "
            "running: this host hides the processes of others"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """The steps alive on one host. `unread` are paths that could not be read, harmless to show."""

    host: str
    steps: tuple[LivingStep, ...] = ()
    unread: tuple[str, ...] = ()

    def beside(self, run: str = "") -> tuple[str, ...]:
        """Why no run that takes the lock may begin on this host, one sentence for each reason. Steps of `run` itself,
        and of runs that take no lock, are not reasons."""
        steps = [step.sentence for step in self.steps if step.locked and step.run != run]
        return (
            *steps,
            *(f"{self.host}: {path} cannot be read, so what runs there is not known" for path in self.unread),
        )


def ask_living(reach: Reach) -> dict[str, Living]:
    """The steps alive on each host of the environment. UnreachableError when one cannot be asked."""
    names = [host.name for host in reach.environment.hosts]
    return each(names, lambda name: living_on(reach, name))


def living_advice(reach: Reach, held: str = "") -> tuple[str, ...]:
    """The sentences in a plan about running steps of runs that take no lock. LockHeldError when a step of a run that
    takes the lock still runs; its text begins with the state of the lock (`held`)."""
    found = ask_living(reach)
    refuse_beside(found, done="Nothing was planned.", environment=reach.environment.name, held=held)
    return tuple(f"{step.sentence}; it takes no lock." for one in found.values() for step in one.steps)


def living_on(reach: Reach, host: str) -> Living:
    """The steps alive on one host."""
    control = reach.environment.paths(reach.environment.host(host)).control
    text = "{\n" + living_values(control) + PRELUDE + LIVING + "\n}\n"
    return read_living(host, control, reach.shell(host).run(text, deadline=30.0))


def living_values(control: str, *, boot_file: str = BOOT_FILE, init: str = _INIT) -> str:
    """The assignments that `LIVING` needs in front."""
    return f"oc_control={quote(control)}\noc_bootfile={quote(boot_file)}\noc_init={quote(init)}\n"


def read_living(host: str, control: str, done: Completed) -> Living:
    """What a host answered. RemoteError unless the answer is whole."""
    lines = [line for line in done.stdout.split(b"\n") if line]
    found = [line for line in lines if line.startswith((b"step ", b"unread "))]
    if not lines or lines[-1] != _END + str(len(found)).encode():
        shown = Raw.of(done.stderr or done.stdout).show(300)
        raise RemoteError(
            f"{host} gave no whole answer about running steps: {shown or 'nothing at all'}",
            done="what runs there is not known",
        )
    steps = [_step(host, control, line) for line in found if line.startswith(b"step ")]
    unread = [Raw.of(line.partition(b" ")[2]).show(300) for line in found if line.startswith(b"unread ")]
    return Living(host=host, steps=tuple(steps), unread=tuple(unread))


def refuse_beside(found: Mapping[str, Living], *, run: str = "", done: str, environment: str, held: str = "") -> None:
    """LockHeldError when a step of a run other than `run` is, or may be, alive on any of these hosts."""
    why = [line for one in found.values() for line in one.beside(run)]
    if why:
        sure = all(step.sure for one in found.values() for step in one.steps) and not any(
            one.unread for one in found.values()
        )
        raise LockHeldError(
            f"{held} Steps of other runs are not over: {'; '.join(why)}.".strip(),
            done=done,
            fix=f"Wait until they have ended, `{own_command('runs abort N')}` where their run is known, or end them: "
            + own_command(f"lock release -e {environment} --end-steps --reason TEXT")
            + ("" if sure else ". What only another account may see: look as that account"),
        )


def _step(host: str, control: str, line: bytes) -> LivingStep:
    try:
        _, word, run, name, seconds, kind = line.decode("ascii").split(" ")
        stem, _, attempt = name.rpartition(".")
        remote = RemoteStep(control=control, run=run, step=urllib.parse.unquote(stem), attempt=int(attempt))
        return LivingStep(
            host=host, remote=remote, seconds=max(0, int(seconds)), locked=kind != "unlocked", sure=word == "alive"
        )
    except ValueError as error:
        raise RemoteError(
            f"{host} answered about running steps with {Raw.of(line).show(200)}", done="what runs there is not known"
        ) from error
