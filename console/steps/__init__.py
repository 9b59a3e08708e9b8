"""The step kinds, one file each; the index below is the only list of them.

Their helpers are `kinds` and `scripts` for all of them, `release_code` and `cleanup` for `release`, and `workers` for
`service`, and `migrations` for `artisan`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.ports.steps import StepKind


def step_kinds() -> dict[str, StepKind]:
    """Every kind by the key that names it in an action file."""
    from console.steps.artisan import ArtisanKind
    from console.steps.failed_jobs import FailedJobsKind
    from console.steps.maintenance import MaintenanceKind
    from console.steps.manual import ManualKind
    from console.steps.release import ReleaseKind
    from console.steps.service import ServiceKind
    from console.steps.shell import ShellKind
    from console.steps.wait_http import WaitHttpKind

    return {
        "shell": ShellKind(),
        "artisan": ArtisanKind(),
        "release": ReleaseKind(),
        "service": ServiceKind(),
        "failed_jobs": FailedJobsKind(),
        "maintenance": MaintenanceKind(),
        "wait_http": WaitHttpKind(),
        "manual": ManualKind(),
    }
