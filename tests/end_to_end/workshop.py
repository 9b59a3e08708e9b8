"""One host with workers of a test's own and the console configured for them: what the plan says, what a run does, and
what became of every job. Imports nothing of the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.command import Command, Ended
from tests.end_to_end.conftest import quick
from tests.lab.console_config import Reached, environment
from tests.lab.pallets import Pallets, pallets
from tests.lab.processes import end
from tests.lab.values import OLD_RELEASE
from tests.lab.world import Lab
from tests.waiting import eventually

SWITCH = """title: Switch
params: {to: {type: release}}
steps:
  - {name: link, release: link, on: all, effect: idempotent, undo: release-link}
  - {name: workers, service: SERVICE, on: all, effect: idempotent, timeout: 60s, undo: service-restart}
"""


def fresh(lab: Lab) -> Lab:
    """The world as it came up, but without workers of its own."""
    lab.heal()
    lab.workers("stop")
    lab.clear_queues()
    return lab


@dataclass(frozen=True, slots=True)
class Workshop:
    """The world, its workers and the command. `switch` links the other release and restarts the workers."""

    lab: Lab
    pallets: Pallets
    console: Command

    def plan(self, action: str = "switch", *words: str) -> Ended:
        """A plan; its notes stand in the text."""
        return self.console("plan", action, "-e", "lab", *self._to(action), *words)

    def notes(self, action: str = "switch") -> str:
        """What the plan says beside its steps, or why there is none."""
        done = self.console("plan", action, "-e", "lab", *self._to(action), "--json")
        return "\n".join(done.json["notes"]) if done.code == 0 else f"refused ({done.code}): {done.err}"

    def run(self, action: str = "switch", *words: str) -> Ended:
        """A run to its end, followed as JSON lines."""
        return self.console("run", action, "-e", "lab", *self._to(action), "--yes", "--json", *words, seconds=150)

    def start(self, action: str = "switch", *words: str) -> Any:
        """A run that goes on beside the test."""
        return self.console.start("run", action, "-e", "lab", *self._to(action), "--yes", "--json", *words)

    def question(self, run: int) -> str:
        """What the run asks, waited for."""

        def asked() -> str:
            shown = self.console("runs", "show", str(run), "--json")
            found = shown.json["question"] if shown.code == 0 else None
            return str(found["text"]) if found else ""

        return eventually(asked, 60, otherwise=lambda: self.console("runs", "show", str(run)).out)

    def said(self, ended: Ended, step: str = "workers") -> str:
        """How a step ended, in the run's own words."""
        found = [each for each in ended.events if each["kind"] == "step_finished" and each.get("step") == step]
        return f"{found[-1]['outcome']}: {found[-1].get('detail', '')}" if found else ended.out[-2000:] + ended.err

    def output(self, run: int) -> str:
        """What a run printed that has ended."""
        return self.console("runs", "attach", str(run)).out

    def outcome(self, ended: Ended) -> str:
        """The run's outcome."""
        return str(ended.events[-1].get("outcome"))

    def link(self) -> str:
        """The linked release."""
        return self.lab.release(self.pallets.node)

    def _to(self, action: str) -> tuple[str, ...]:
        return ("--param", f"to={OLD_RELEASE}") if action == "switch" else ()


def configured(
    lab: Lab, tmp_path: Path, *, programs: list[str], service: str, actions: dict[str, str] | None = None
) -> Command:
    """The command for the first host alone."""
    reached = Reached(key=lab.ssh_key, known_hosts=lab.known_hosts, ports={})
    hosts = {"web1": environment(lab.world, reached)["hosts"]["web1"]}
    shipped = {name: quick(name) for name in ("deploy", "rollback", "workers", "cleanup")}
    own = {**shipped, "switch": SWITCH.replace("SERVICE", service), **(actions or {})}
    config = lab.write_config(
        tmp_path / "config", hosts=hosts, workers={"supervisor": programs} if programs else None, actions=own
    )
    return Command(config, tmp_path / "home", mark=lab.world.root)


@contextmanager
def workshop(
    lab: Lab,
    tmp_path: Path,
    *,
    programs: tuple[str, ...] = ("pallets",),
    service: str = "{restart: workers}",
    actions: dict[str, str] | None = None,
) -> Iterator[Workshop]:
    """The host with no other worker of the application running."""
    tmp_path.mkdir(exist_ok=True)
    with pallets(lab) as found:
        console = configured(lab, tmp_path, programs=list(programs), service=service, actions=actions)
        try:
            yield Workshop(lab, found, console)
        finally:
            end(console.runners())
