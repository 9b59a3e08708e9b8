"""What every run needs on every host, whatever its steps are: a control directory, a little room, and a login whose
processes outlive it.

Owns these needs. What steps need, their kinds declare; `needs` asks for both.
"""

from __future__ import annotations

from console.domain.environment import Environment, Host
from console.domain.step_facts import Need, NeedKind
from console.services.target.control_directory import control_fix

LITTLE_KB = 4 * 1024
"""The space that the files of a run take in the control directory, in KiB."""

_LIVES = (
    "! grep -qs '^[[:space:]]*KillUserProcesses=yes' /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf"
    " /run/systemd/logind.conf.d/*.conf"
)


def base_needs(environment: Environment) -> tuple[Need, ...]:
    """The needs of any run in this environment."""
    return tuple(need for host in environment.hosts for need in _of(environment, host))


def _of(environment: Environment, host: Host) -> tuple[Need, ...]:
    paths = environment.paths(host)
    return (
        Need(host=host.name, what=NeedKind.WRITABLE, name=paths.control, fix=control_fix(host.name, paths)),
        Need(host=host.name, what=NeedKind.SPACE, name=paths.control, amount=LITTLE_KB),
        Need(
            host=host.name,
            what=NeedKind.ANSWER,
            name="logind ends every process of a login that leaves (KillUserProcesses=yes)",
            script=_LIVES,
            doubt="a step may die then",
        ),
    )
