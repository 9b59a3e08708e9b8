"""The data sources, one file each; the index below is the only list of them. Their helpers are `kinds` (what every
source is made of), and `names`, `queue_keys` and `queue_usage`, which the sources of queues share.

Owns the index. Must not import a source: `SourceKind` does when one is built.
"""

from __future__ import annotations

from console.domain import readings
from console.sources.kinds import SourceKind


def source_kinds() -> dict[str, SourceKind]:
    """Every kind by the name that `sources:` and the board know it by."""
    return {
        readings.APP: SourceKind("console.sources.application", group="app", always=True),
        "sql_queues": SourceKind("console.sources.sql_queues", group="sql", always=True, from_facts=True),
        readings.FAILED: SourceKind("console.sources.failed_jobs", group="sql", always=True),
        "redis_queues": SourceKind("console.sources.redis_queues", group="redis", always=True, from_facts=True),
        "default_queue": SourceKind("console.sources.default_queue", group="app", always=True, from_facts=True),
        readings.WORKERS: SourceKind("console.sources.workers", group="workers", always=True),
        readings.RELEASES: SourceKind("console.sources.releases", group="releases", always=True),
        readings.PROBES: SourceKind("console.sources.probes", group="probes", always=True),
        readings.HOSTS: SourceKind("console.sources.hosts", group="hosts", always=True),
        readings.MAINTENANCE: SourceKind("console.sources.maintenance", group="maintenance", always=True),
    }
