"""What a plan says of maintenance mode: that the site is in it now, what that does to the plan, and how it ends.

Owns those sentences. Must not decide what a step does about the mode: its facts say that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.left_down import ends_down
from console.domain.maintenance import MaintenanceReading
from console.domain.plans import PlannedStep
from console.domain.step_facts import Maintenance
from console.errors import OpsconsoleError
from console.own_commands import own_command
from console.ports import Clock, Reach
from console.present.maintenance import trouble
from console.services.target.maintenance import read_maintenance


def ending(environment: str) -> str:
    """The command that ends maintenance mode."""
    return own_command(f"run maintenance --param do=up -e {environment}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Maintenance mode as it was read for a plan; `unread` is why it could not be."""

    environment: str
    reading: MaintenanceReading
    words: str = ""
    unread: str = ""

    @property
    def down(self) -> frozenset[str]:
        """The hosts that are in maintenance mode."""
        return frozenset(host.host for host in self.reading.down)


def mode_of(reach: Reach, clock: Clock) -> Mode:
    """Reads the mode. Where that fails the plan says so, and is made all the same."""
    try:
        found = read_maintenance(reach, clock)
    except OpsconsoleError as error:
        return Mode(environment=reach.environment.name, reading=MaintenanceReading(hosts=()), unread=error.what)
    now = clock.now()
    words = "; ".join(trouble(host, now) for host in found.down)
    return Mode(environment=reach.environment.name, reading=found, words=words, unread="; ".join(found.errors))


def mode_advice(mode: Mode, steps: Sequence[PlannedStep], *, goes_back: bool, gated: bool) -> list[str]:
    """Sentences for the plan; none for a site that is not in maintenance mode and stays out of it."""
    notes = []
    if mode.unread:
        notes.append(f"Whether the site is in maintenance mode could not be read: {mode.unread}.")
    up = next((step.name for step in reversed(steps) if step.facts.maintenance is Maintenance.UP), "")
    end = ending(mode.environment)
    ends = ends_down((step.facts for step in steps), down=bool(mode.down))
    if mode.down:
        notes.append(f"{mode.words}: visitors get the maintenance page whatever release is live.")
        if goes_back:
            notes.append("The release that is left is not marked bad: answers in maintenance mode say nothing of it.")
        notes.append(f"The step {up} ends it." if up and not ends else f"This run does not end it; this does: {end}")
    elif ends:
        down = next(step.name for step in reversed(steps) if step.facts.maintenance is Maintenance.DOWN)
        notes.append(f"The step {down} puts the site into maintenance mode and no step ends it; this does: {end}")
    if ends and gated:
        notes.append("The gate judges a site in maintenance mode: probes that see it cannot pass.")
    return notes
