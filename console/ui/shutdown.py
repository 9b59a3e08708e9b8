"""Leaving the screen: the services are closed, and a last word is written to the terminal.

Owns the one closing of the services, and the words for a run that goes on or a screen that failed. Must not touch a
widget: by then there is none.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.domain.redact import Redactor
from console.domain.runs import RunState
from console.errors import OpsconsoleError
from console.services.container import Services
from console.ui import safety

if TYPE_CHECKING:
    from console.domain.environment import Environment


class Closing:
    """Closes the services once, whoever asks first: the screen as it leaves, or the watch of a terminal that has gone.

    `services` gives them, None while they are still being built.
    """

    def __init__(self, services: Callable[[], Services | None]) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Ends polling, follows and links, and gives back what this session holds. The second caller waits."""
        with self._lock:
            services = None if self._closed else self._services()
            self._closed = True
            if services is not None:
                services.close()


def tell_run(services: Services, environment: Environment | None, command: Callable[[str], str]) -> None:
    """Names, on stderr, the unfinished run of the banner's environment, if any. `command` turns words of ours into a
    command line that can be pasted."""
    view = services.runs.current(environment.name) if environment is not None else None
    if view is None or view.state is RunState.FINISHED:
        return
    # The terminal may have gone, and cannot be written to then.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"Run {view.run} goes on. Come back with: {command(f'runs attach {view.run}')}\n")
        sys.stderr.flush()


def failed(crash: BaseException) -> OpsconsoleError:
    """An unexpected error of our own, told by its id; the redacted trace is written to a file."""
    id, path = safety.crash_report(crash, safety.crash_folder(os.environ), Redactor())
    where = f"; a redacted trace is in {path}" if path else ""
    return OpsconsoleError(
        f"The screen failed unexpectedly (id {id}){where}.",
        done="Runs go on without the screen.",
        fix="Start it again, and report the trace.",
    )
