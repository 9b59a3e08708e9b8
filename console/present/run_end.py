"""The end of a run in words: why it ended like that, what is live now, and what can be done about it.

Owns that text. Must not decide what is offered: the run itself does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.domain.releases import ReleaseReading
from console.domain.runs import Outcome, RunView, StepProgress
from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.present.aftermath import migrated
from console.present.offers import offer_name
from console.present.text import NONE, Line
from console.present.unread import reason


def ending_lines(
    view: RunView, releases: Sequence[Snapshot[ReleaseReading]], keys: Mapping[str, str]
) -> tuple[Line, ...]:
    """Of a run that is over. `keys` are those of the actions it may offer, by action."""
    well = view.outcome is Outcome.OK
    # Of a run that is well, the gate has said it already.
    said_by_gate = well and bool(view.gate_decision)
    lines: list[Line] = [
        ((harmless(part), "dim" if well else "error"),) for part in view.detail.splitlines() if not said_by_gate
    ]
    if not well:
        # A run that was stopped or failed has done something all the same.
        lines += [_live(view, snapshot) for snapshot in releases]
        lines += [line for step in view.steps if step.facts.migrates for line in _migrations(step)]
    for offer in view.offers:
        key = keys.get(offer, "")
        lines.append((("offers: ", "dim"), (harmless(offer_name(offer)), "bold"), (f" ({key})" if key else "", "dim")))
    return tuple(lines)


def _migrations(step: StepProgress) -> list[Line]:
    """What the step has done to the database, or may have: what was begun and did not end well is not undone."""
    said, changed = migrated(step)
    if not said:
        return []
    well = " ended ok" if step.outcome is Outcome.OK else ""
    name = f"step {harmless(step.name)}{well}"
    if not changed:
        return [((f"{said}: ", "dim"), (name, ""))]
    return [((f"{said}: ", "warning"), (f"{name}; nothing takes them back", ""))]


def _live(view: RunView, snapshot: Snapshot[ReleaseReading]) -> Line:
    """The release each host has linked, as read after the run's end: what was read before it says nothing of it."""
    head = ("current release now: ", "dim")
    late = snapshot.taken_at is not None and (view.finished_at is None or snapshot.taken_at >= view.finished_at)
    if snapshot.value is None or not late:
        return (head, (reason(snapshot), "error") if snapshot.error else ("reading …", "dim"))
    shown = [f"{harmless(host.host)} {harmless(host.current) or NONE}" for host in snapshot.value.hosts]
    line: Line = (head, (", ".join(shown), "bold"))
    if snapshot.value.errors:
        line = (*line, (f"; {'; '.join(map(harmless, snapshot.value.errors))}", "error"))
    return (*line, ("  (old: it cannot be read now)", "error")) if snapshot.error else line
