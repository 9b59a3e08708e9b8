"""The screen's services, built from a configuration: the only place that knows all of them.

Owns the order of building and of closing. Must not reach a host: everything connects at first use, in its own thread.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from console.own_directories import own_within
from console.ports import Publish
from console.services.container import Services
from console.services.failed_jobs.table import FailedRows
from console.services.polling.board import SnapshotBoard
from console.services.polling.poller import Poller
from console.services.records.checklists import ChecklistSessions
from console.services.records.traces import write_trace
from console.services.runs.live import LiveRuns
from console.services.tailing.tailer import Tailer
from console.services.threads.background import BackgroundThreads
from console.wiring.configuration import load
from console.wiring.reach import open_reach
from console.wiring.runs import build_control, open_state
from console.wiring.sources import EnvironmentSources, build_sources


def open_services(config_path: Path | None, publish: Publish) -> Services:
    """Everything the screen uses. ConfigError, InsecureError, StateError when it cannot start at all."""
    from console.store.checklists import Marks

    config = load(config_path)
    state = open_state(config)
    clock = state.clock

    def crashed(error: Exception) -> None:
        write_trace(error, config.state_path)

    reaches = {
        environment.name: open_reach(environment, clock=clock, state_dir=config.state_path, publish=publish)
        for environment in config.environments
    }
    sources = {name: build_sources(reach, clock=clock, state_dir=config.state_path) for name, reach in reaches.items()}
    board = SnapshotBoard(publish)
    poller = Poller({name: own.watched for name, own in sources.items()}, board, clock=clock, crashed=crashed)
    background = BackgroundThreads(publish, clock=clock, crashed=crashed)
    checklists = ChecklistSessions(
        config.environments,
        Marks(state.database),
        clock=clock,
        operator=state.operator,
        publish=publish,
        crashed=crashed,
    ).start()
    tails = Tailer(config.environments, lambda name, host: reaches[name].shell(host), clock=clock, publish=publish)
    control = build_control(config, state, windows=state.windows, reach=lambda name: nullcontext(reaches[name]))
    runs = LiveRuns(control, publish).start_following()

    def close() -> None:
        # Links last: a thread that still reads ends sooner when it is asked than when its socket goes.
        for ending in (poller.close, tails.close, checklists.close, runs.close, background.close):
            ending()
        state.windows.close_all()
        for reach in reaches.values():
            reach.close()
        state.close()

    return Services(
        environments=config.environments,
        operator=state.operator,
        clock=clock,
        board=board,
        polling=SelectedPolling(poller, sources),
        background=background,
        failed=FailedRows(reaches.__getitem__),
        runs=runs,
        checklists=checklists,
        windows=state.windows,
        tails=tails,
        archives=own_within(config.state_path, "archives"),
        close=close,
    )


class SelectedPolling:
    """`ports.Polling`: the poller, and a refresh that also looks for queues anew."""

    def __init__(self, poller: Poller, sources: dict[str, EnvironmentSources]) -> None:
        self._poller = poller
        self._sources = sources
        self._selected = ""

    def select(self, environment: str) -> None:
        """Reads this environment fully from now on; at once."""
        self._selected = environment
        self._poller.select(environment)

    def refresh(self) -> None:
        """Reads everything of the selected environment now, queue names included; at once."""
        if self._selected in self._sources:
            self._sources[self._selected].look_again()
        self._poller.refresh()
