"""What is said once the screen has gone: the run that goes on without it, or that it failed.

Owns those words. Must not touch a widget: by then there is none.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.domain.redact import Redactor
from console.domain.runs import RunState
from console.errors import OpsconsoleError
from console.services.container import Services
from console.ui import safety

if TYPE_CHECKING:
    from console.domain.environment import Environment


def tell_run(services: Services, environment: Environment | None, command: Callable[[str], str]) -> None:
    """Names the run of the banner's environment that goes on, on stderr, as whoever follows one is told. `command`
    makes words of ours a line that can be pasted."""
    view = services.runs.current(environment.name) if environment is not None else None
    if view is None or view.state is RunState.FINISHED:
        return
    # A terminal that has gone cannot be told.
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
