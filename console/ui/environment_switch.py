"""Which environment the banner names, and who has to know that it is another one now.

Owns that switch and the names of the environment's checklists. Must not draw anything itself.
"""

from __future__ import annotations

from collections.abc import Callable

from console.domain.environment import Environment
from console.domain.runs import RunState
from console.services.container import Services
from console.ui.banner import BANNER_READS
from console.ui.bridge import Bridge
from console.ui.pane import Attached
from console.ui.pane_group import PaneGroup


class EnvironmentSwitch:
    """Makes one environment after the other the banner's; the first one at once."""

    def __init__(self, services: Services, bridge: Bridge, panes: PaneGroup, command: Callable[[str], str]) -> None:
        self.services = services
        self._bridge = bridge
        self._panes = panes
        self._command = command
        self.environment = services.environments[0]
        self.checklist_names: tuple[str, ...] = ()
        self._greeted = False

    def select(self, name: str, *, local: bool) -> Environment:
        """Reads and shows this environment from now on, its times in the local zone or in UTC."""
        self.environment = next(each for each in self.services.environments if each.name == name)
        self._bridge.advance()
        self.services.polling.select(name)
        self.services.tails.select(name)
        shown = frozenset((*BANNER_READS, *self._panes.reads))
        attached = Attached(self.services, self.environment, self._bridge.ask, local, shown, self._command)
        self._panes.attach(attached)
        self._greeted = False
        self._ask_checklists(name)
        return self.environment

    def meets_unfinished_run(self) -> bool:
        """Whether the selected environment turns out to have a run that goes on; told once for each selection."""
        current = None if self._greeted else self.services.runs.current(self.environment.name)
        self._greeted = self._greeted or current is not None
        return current is not None and current.state is not RunState.FINISHED

    def _ask_checklists(self, name: str) -> None:
        def known(names: tuple[str, ...]) -> None:
            self.checklist_names = names

        self.checklist_names = ()
        self._bridge.ask(lambda: self.services.checklists.names(name), known, lambda _: None, "checklists")
