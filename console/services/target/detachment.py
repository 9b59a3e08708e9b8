"""Hosts where nothing can detach a command from the link that started it, and the consent to run `once` steps there.

Owns that question, asked while planning, and its answer in the plan. Must not start anything; at the start the host is
asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.parameters import ALLOW_ATTACHED
from console.domain.runs import PlannedStep
from console.errors import RefusedError
from console.ports import Reach
from console.services.target.remote_step import detaching_text, parse_detaching
from console.services.threads.parallel import each


def detaching_advice(reach: Reach, steps: Sequence[PlannedStep], params: Mapping[str, Json]) -> list[str]:
    """A sentence for each host whose `once` steps may die with the link; RefusedError where the plan does not consent
    to that."""
    once = [step for step in steps if step.effect is Effect.ONCE and (step.scripts or step.facts.starts_commands)]
    concerned = {host for step in once for host in step.hosts}
    hosts = [host.name for host in reach.environment.hosts if host.name in concerned]
    able = each(hosts, lambda name: parse_detaching(reach.shell(name).run(detaching_text(), deadline=15.0)))
    attached = [name for name in hosts if not able[name]]
    refused = [name for name in attached if not consented(params, name)]
    if refused:
        raise RefusedError(
            f"Nothing on {', '.join(refused)} can detach a command (setsid, perl, python3 or php): "
            "a step that must run once may die there with the link, and its end is then unknown.",
            done="Nothing was planned.",
            fix=f"Install setsid (util-linux) there, or consent: --param {ALLOW_ATTACHED}={','.join(attached)}",
        )
    return [
        f"Steps on {name} may die with the link: nothing there can detach them, and you consent." for name in attached
    ]


def consented(params: Mapping[str, Json], host: str) -> bool:
    """Whether a plan's parameters consent to attached steps on a host."""
    allowed = params.get(ALLOW_ATTACHED)
    return isinstance(allowed, list) and host in allowed
