"""The first and the last line of the screen, from what the services say now.

Owns which values the banner and the footer are made from. Must not choose their words: `banner` and `footer` do.
"""

from __future__ import annotations

from console.domain.environment import Environment
from console.domain.maintenance import MaintenanceReading
from console.domain.releases import ReleaseReading
from console.domain.runs import RunView
from console.present.readings import judge, snapshots
from console.services.container import Services
from console.ui.action_flow import ActionFlow
from console.ui.banner import banner
from console.ui.footer import footer
from console.ui.widgets.status_bar import StatusBar


def draw_banner(bar: StatusBar, services: Services, environment: Environment, *, local: bool) -> None:
    """Shows which environment every key acts on, and how it stands."""
    board, name = services.board, environment.name
    left, right, under = banner(
        environment,
        releases=snapshots(board, name, ReleaseReading),
        maintenance=snapshots(board, name, MaintenanceReading),
        window=services.windows.current(name),
        operator=services.operator,
        alerts=len(judge(board, name, services.clock.monotonic()).troubles),
        now=services.clock.now(),
        local=local,
    )
    bar.show(left, right, under)


def draw_footer(bar: StatusBar, services: Services | None, acting: ActionFlow | None, run: RunView | None) -> None:
    """Shows the keys that matter, and what goes on; `run` is the one that the drawer shows behind other panes."""
    now = services.clock.now() if services else None
    left, right = footer(acting.names if acting else (), run, now, acting.busy if acting else "")
    bar.show(left, right, "raised")
