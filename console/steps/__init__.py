"""The step kinds, one file each; the index below is the only list of them."""

from __future__ import annotations

from typing import Protocol

from console.config import kinds as config_kinds
from console.services import step_kinds as service_kinds


class StepKind(config_kinds.StepKind, service_kinds.StepKind, Protocol):
    """What one file here brings: the params for the configuration, the plan for the planner."""


def step_kinds() -> dict[str, StepKind]:
    """Every kind by the key that names it in an action file."""
    from console.steps.artisan import Artisan
    from console.steps.failed_jobs import FailedJobs
    from console.steps.performed import Manual, WaitHttp
    from console.steps.release import Release
    from console.steps.service import Service
    from console.steps.shell import Shell

    return {
        "shell": Shell(),
        "artisan": Artisan(),
        "release": Release(),
        "service": Service(),
        "failed_jobs": FailedJobs(),
        "wait_http": WaitHttp(),
        "manual": Manual(),
    }
