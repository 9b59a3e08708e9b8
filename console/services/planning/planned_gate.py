"""The gate of a plan: which probes it will judge by, and what is said of those that are not well before the start.

Owns that choice and the refusal beside a failing probe. Must not watch a gate: `gate` judges samples, the runner asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.domain.actions import Action, GateSpec
from console.domain.documents import Json
from console.domain.health import ProbeSpec, Status
from console.domain.parameters import ALLOW_FAILING
from console.domain.untrusted import Raw
from console.errors import RefusedError, UsageError
from console.ports import Reach
from console.services.planning.gate import BAD
from console.services.planning.maintenance_advice import ending
from console.services.threads.parallel import each


def plan_gate(
    action: Action, params: Mapping[str, Json], reach: Reach, *, refusing: bool, down: str
) -> tuple[GateSpec | None, list[str]]:
    """The gate with its probes' names, and what to say of those failing now.

    An action that builds a new release is refused while a probe fails; one that goes back is made for that case.
    """
    if action.gate is None:
        return None, []
    health = reach.environment.health
    wanted = action.gate.probes or tuple(probe.name for probe in health)
    allowed = params.get(ALLOW_FAILING)
    allowing = [str(name) for name in allowed] if isinstance(allowed, list) else []
    unknown = [name for name in (*wanted, *allowing) if name not in {probe.name for probe in health}]
    if unknown:
        raise UsageError(f"The gate of {action.name} names probes that are not configured: {', '.join(unknown)}.")
    if not wanted:
        return None, ["No health probes are configured: the gate has nothing to judge by and is left out."]
    failing, doubtful = _unwell(reach, [probe for probe in health if probe.name in wanted])
    refused = [name for name in failing if name not in allowing]
    if refused and refusing:
        raise RefusedError(
            f"Failing before the start: {'; '.join(f'{name} ({failing[name]})' for name in refused)}."
            + (f" The site is in maintenance mode: {down}." if down else ""),
            done="Nothing was planned: a gate could not tell this failure from one of the deploy.",
            fix=(f"End it: {ending(reach.environment.name)}. " if down else "")
            + f"Mend it, or go on knowingly: --param {ALLOW_FAILING}={','.join(failing)}",
        )
    notes = [f"Failing now: {name} ({why})." for name, why in failing.items()]
    notes += [f"A warning now: {name} ({why}); the same one passes the gate." for name, why in doubtful.items()]
    judged = tuple(name for name in wanted if name not in allowing)
    if allowing:
        notes.append(f"The gate does not judge by: {', '.join(allowing)}.")
    if not judged:
        return None, [*notes, "No probe is left for the gate: it is left out."]
    spec = action.gate
    return GateSpec(probes=judged, duration=spec.duration, every=spec.every, on_failure=spec.on_failure), notes


def _unwell(reach: Reach, probes: Sequence[ProbeSpec]) -> tuple[dict[str, str], dict[str, str]]:
    """The probes that fail now, and those that are neither ok nor failing, each with what it says."""
    http = reach.http()
    by_name = {probe.name: probe for probe in probes}
    results = each(by_name, lambda name: http.probe(by_name[name]))
    said = {name: Raw.of(one.detail or one.status.value).show(120) for name, one in results.items()}
    failing = {name: said[name] for name, one in results.items() if one.status in BAD}
    return failing, {name: said[name] for name, one in results.items() if one.status not in (*BAD, Status.OK)}
