"""What every reading command does: load the configuration, open one environment, read its sources once, judge the end.

Owns the exit codes of reading. Must not know a single source or document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from console.domain.environment import Environment
from console.domain.readings import APP, WORKERS
from console.domain.snapshot import left_unread
from console.errors import OpsconsoleError
from console.ports import Clock, Reach, Source
from console.services.polling.single import SingleRead, read_all
from console.services.threads.loop import SystemClock

if TYPE_CHECKING:
    from console.config.load import Config
    from console.wiring.sources import EnvironmentSources

PARTIAL = 3


@dataclass(frozen=True, slots=True)
class OpenEnvironment:
    """One environment, ready to be read; closed when its block ends."""

    environment: Environment
    reach: Reach
    sources: EnvironmentSources
    clock: Clock


def load_config(path: Path | None) -> Config:
    """The configuration; ConfigError with every problem."""
    from console.wiring.configuration import load_environments

    return load_environments(path)


@contextmanager
def opened(config: Config, environment: Environment) -> Iterator[OpenEnvironment]:
    """One environment's sources over real clients."""
    from console.wiring.reach import open_reach
    from console.wiring.sources import build_sources

    clock = SystemClock()
    reach = open_reach(environment, clock=clock, state_dir=config.state_path)
    try:
        yield OpenEnvironment(environment, reach, build_sources(reach, clock=clock, state_dir=config.state_path), clock)
    finally:
        reach.close()


def read(
    environment: OpenEnvironment, wanted: Callable[[Source[Any]], bool], *, discover: bool = False, names: bool = False
) -> dict[str, SingleRead]:
    """The wanted sources, read once, side by side; with `discover` also what only discovery makes known, and with
    `names` the workers before that, because they name queues that are empty."""
    sources = environment.sources
    first = [source for source in sources.steady if wanted(source)]
    last: list[Source[Any]] = []
    if discover:
        # What needs the application's facts waits for them: else two threads would ask the host the same question.
        last = [source for source in first if source.needs_facts]
        first = [source for source in first if not source.needs_facts]
        if names and not any(source.name == WORKERS for source in first):
            first += [source for source in sources.steady if source.name == WORKERS]
        first.append(sources.app)
        # Hosts answer last. Were all drivers imported at once, theirs would be ready when the slowest is.
        import_module("console.clients.ssh")
        Thread(target=_import_drivers, daemon=True).start()

    def then() -> Sequence[Sequence[Source[Any]]]:
        found = [source for source in sources.found() if wanted(source)] if discover else []
        return [[source] for source in [*last, *found]]

    return read_all(
        [[source] for source in first], then, clock=environment.clock, before=(APP, WORKERS) if names else (APP,)
    )


def exit_code(read: Sequence[SingleRead], *, partial: bool = False) -> int:
    """0 when everything could be read; 3 when a part could not; the cause's own code when nothing could."""
    failures = [one.error for one in read if one.error is not None]
    if failures and len(failures) == len(read):
        codes = {error.exit_code for error in failures}
        return codes.pop() if len(codes) == 1 else PARTIAL
    return PARTIAL if failures or partial or any(left_unread(one.snapshot) for one in read) else 0


def raise_if_nothing(read: Sequence[SingleRead]) -> None:
    """Raises the first failure when no source at all could be read: then there is no document to print."""
    failures: list[OpsconsoleError] = [one.error for one in read if one.error is not None]
    if failures and len(failures) == len(read):
        raise failures[0]


def _import_drivers() -> None:
    # While the first answers travel: importing them takes longer than asking.
    for name in ("console.clients.sql", "console.clients.redis"):
        import_module(name)
