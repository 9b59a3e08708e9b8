"""What is true after a run that ended badly: which steps finished where, what is live, the database, the lock, the way
back.

Owns those lines for whoever follows a run and for `runs show`. Must not decide how a run ended, nor claim what its
events do not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from console.domain.actions import Effect
from console.domain.events import LockLost, LockReleased, LockTaken, Payload
from console.domain.left_down import left_down
from console.domain.plans import PlannedStep, undo_name
from console.domain.runs import Event, HostProgress, Outcome, RunRow, RunView, StepProgress
from console.own_commands import own_command
from console.present.offers import offer_words
from console.present.text import plural

_LOCK: Mapping[type[Payload], str] = {
    LockTaken: "it was not given up",
    LockReleased: "released",
    LockLost: "not ours any more",
}


def aftermath(row: RunRow, view: RunView, events: Iterable[Event]) -> tuple[str, ...]:
    """Lines for a run that ended other than well after it began a changing step; none for any other."""
    plan = row.plan
    changing = {step.name: step for step in plan.steps if step.effect is not Effect.READ}
    begun = any(p.attempt for step in view.steps if step.name in changing for p in step.hosts.values())
    if view.outcome in (None, Outcome.OK) or not begun:
        return ()
    lines = ["What is true now:", *_steps(view, {step.name for step in plan.steps} - set(changing))]
    for step in changing.values():
        if step.facts.switches_link:
            lines += _live(row, view, step)
        elif step.facts.migrates:
            lines += [
                _line("database", said + ("; going back to an older release does not undo them" if changed else ""))
                for said, changed in (migrated(each) for each in view.steps if each.name == step.name)
                if said
            ]
    if plan.lock:
        kinds = [type(event.payload) for event in events if type(event.payload) in _LOCK]
        said = _LOCK[kinds[-1]] if kinds else "was never taken"
        kept = f": {own_command(f'lock status -e {row.environment}')}" if view.lock_held else ""
        lines.append(_line("lock", said + kept))
    if (left := left_down(plan, view)) is not None:
        done = next((step.outcome for step in view.steps if step.name == left.name), None)
        by = f"maintenance mode by the step {left.name}"
        looked = own_command(f"hosts -e {row.environment}")
        sure = f"in {by}, unless somebody ended it since"
        lines.append(_line("site", sure if done is Outcome.OK else f"may be in {by}, which was not ok: {looked}"))
    lines += [_line("way back", own_command(f"run {offer_words(offer)} -e {row.environment}")) for offer in view.offers]
    return tuple(lines)


def _steps(view: RunView, reading: set[str]) -> list[str]:
    """Steps that ended alike on the same hosts share a line; one that a runner does itself is nowhere."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for step in view.steps:
        if step.name not in reading:
            for word in dict.fromkeys(_word(p) for p in step.hosts.values() if p.attempt):
                hosts = tuple(p.host for p in step.hosts.values() if p.attempt and _word(p) == word)
                groups.setdefault((word, hosts), []).append(step.name)
    return [
        _line(word, ", ".join(names) + (f" on {', '.join(hosts)}" if any(hosts) else ""))
        for (word, hosts), names in groups.items()
    ]


def _live(row: RunRow, view: RunView, link: PlannedStep) -> list[str]:
    before = {host.name: host.current for host in row.plan.hosts}
    undone = next((step.hosts for step in view.steps if step.name == undo_name(link.name)), {})
    said: dict[str, list[str]] = {}
    for host, progress in next((step.hosts for step in view.steps if step.name == link.name), {}).items():
        if not progress.attempt or progress.outcome is Outcome.SKIPPED:
            now = before.get(host) or "no release"
        elif host in undone and undone[host].outcome is Outcome.OK:
            now = row.plan.rollback_target or before.get(host) or "no release"
        elif progress.outcome is Outcome.OK and host not in undone:
            now = row.plan.release
        else:
            now = f"{before.get(host) or 'no release'} or {row.plan.release}, look at it"
        said.setdefault(now, []).append(host)
    return [_line("current", f"is {now} on {', '.join(hosts)}") for now, hosts in said.items()]


def migrated(step: StepProgress) -> tuple[str, bool]:
    """What a step that migrates has done to the database, or may have, and whether it may have changed it. Empty when
    it was not begun."""
    hosts = [each for each in step.hosts.values() if each.attempt and each.outcome is not Outcome.SKIPPED]
    if not hosts:
        return "", False
    well = all(each.outcome is Outcome.OK for each in hosts)
    counts = [each.migrated for each in hosts if each.migrated is not None]
    if sum(counts):
        # A migration that failed is not recorded, whatever it has done until then.
        return f"{plural(sum(counts), 'migration')} ran" + ("" if well else ", another may have run in part"), True
    if not well:
        return "migrations may have run in part", True
    if len(counts) < len(hosts):
        return "migrations may have run, they were not counted", True
    return "no migration ran", False


def _word(progress: HostProgress) -> str:
    return (
        "not ended"
        if progress.outcome is None
        else "finished"
        if progress.outcome is Outcome.OK
        else str(progress.outcome)
    )


def _line(head: str, text: str) -> str:
    return f"  {head:<10} {text}"
