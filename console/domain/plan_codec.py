"""Plans as documents: the stored form, and the part of it that a confirmation is bound to.

Owns what a plan's hash covers. Must not make plans nor compare them with the world.
"""

from __future__ import annotations

from console.domain.codec import decode, encode
from console.domain.documents import Json, digest
from console.domain.old_plans import with_facts
from console.domain.runs import Plan

# What an operator reads beside the facts, or when; everything else in a plan binds.
_UNBOUND = ("made_at", "title", "notes")


def encode_plan(plan: Plan) -> Json:
    """The whole plan as a document; `decode_plan` gives back an equal one."""
    return encode(plan)


def decode_plan(document: Json) -> Plan:
    """The plan of a stored document. ValueError when it is none."""
    return with_facts(decode(Plan, document), document)


def plan_document(plan: Plan) -> Json:
    """What a confirmation binds: environment, hosts with keys and releases before, commands, config, operator.

    `made_at`, `title` and `notes` are left out: planning the same thing again a second later is the same plan.
    """
    document = encode(plan)
    assert isinstance(document, dict)  # noqa: S101 -- a dataclass always encodes to an object
    return {name: value for name, value in document.items() if name not in _UNBOUND}


def plan_hash(plan: Plan) -> str:
    """SHA-256 of `plan_document`, 64 hex characters."""
    return digest(plan_document(plan))
