"""Plans that were stored before a step carried its facts: the facts, read off what such a step always held.

Owns that reading, so that a run which an earlier version began can be shown and gone on with. Must not be used for a
plan that has facts: only the kind that planned a step knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from console.domain.artisan import artisan_facts
from console.domain.documents import Json
from console.domain.plans import Plan, PlannedStep
from console.domain.step_facts import StepFacts, Upload


def with_facts(plan: Plan, document: Json) -> Plan:
    """The plan of `document`, with facts for each step that the document holds none of."""
    listed = document.get("steps") if isinstance(document, dict) else None
    if not isinstance(listed, list) or all(isinstance(one, dict) and "facts" in one for one in listed):
        return plan
    steps = (
        step if isinstance(one, dict) and "facts" in one else replace(step, facts=_facts(step))
        for step, one in zip(plan.steps, listed, strict=True)
    )
    return replace(plan, steps=tuple(steps))


def _facts(step: PlannedStep) -> StepFacts:
    """What the params and the texts of such a step say: each verb belonged to one kind only."""
    do, argv = step.params.get("do"), step.params.get("argv")
    words = [str(word) for word in argv] if isinstance(argv, list) else []
    return replace(
        artisan_facts([words]),
        creates_release=do == "create",
        switches_link=do == "link",
        prunes_failed_jobs=do == "prune",
        undone_last=any(one.text == "service-restart" for one in step.undo),
        upload=_upload(step.params.get("upload")),
    )


def _upload(value: Json) -> Upload | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("to"), Mapping):
        return None
    size, to = value.get("size"), value["to"]
    return Upload(
        path=str(value.get("path")),
        sha256=str(value.get("sha256")),
        size=size if isinstance(size, int) else 0,
        to={str(host): str(place) for host, place in to.items()} if isinstance(to, Mapping) else {},
    )
