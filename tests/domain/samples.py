"""The recorded payloads, as the parser tests read them. Must not interpret them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data"


def failed_rows() -> list[dict[str, Any]]:
    """Every recorded row of failed_jobs, both Laravel versions."""
    samples = json.loads((DATA / "payload_samples.json").read_text())
    return [row for version in ("laravel8", "laravel12") for row in samples[version]["failed_jobs"]]


def payloads() -> list[str]:
    """Every recorded payload text: failed rows, waiting rows, Redis queues, Horizon's hashes."""
    samples = json.loads((DATA / "payload_samples.json").read_text())
    found = [row["payload"] for row in failed_rows()]
    for version in ("laravel8", "laravel12"):
        found += [row["payload"] for row in samples[version]["jobs"]]
        for key in samples[version]["redis_queues"].values():
            found += [text for text in _texts(key["sample"]) if text.startswith("{")]
    horizon = json.loads((DATA / "horizon_dump.json").read_text())
    found += [text for text in _texts(horizon["keys"]) if text.startswith("{") and '"displayName"' in text]
    return found


def batch_options() -> list[str]:
    """The serialized options of every recorded batch."""
    samples = json.loads((DATA / "payload_samples.json").read_text())
    return [row["options"] for version in ("laravel8", "laravel12") for row in samples[version]["job_batches"]]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else []
