"""Plans survive storage exactly, and the hash binds what it must and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.actions import Effect, GateSpec
from console.domain.codec import encode, time_text, time_value
from console.domain.documents import Json, canonical
from console.domain.plan_codec import decode_plan, encode_plan, plan_document, plan_hash
from console.domain.policy import Operator
from console.domain.runs import Danger, HostScript, Plan, PlannedHost, PlannedStep

OPERATOR = Operator(uid=1000, login="ana", host="bastion", origin="10.0.0.7")
# Lone surrogates stand for bytes that are not UTF-8: they must survive too.
TEXT = st.text(st.characters(exclude_characters="\x00"), max_size=12) | st.just("caf\udce9")
DOCUMENT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SCRIPT = st.builds(HostScript, host=TEXT, script=TEXT, text=TEXT)
SCRIPTS = st.lists(SCRIPT, max_size=2).map(tuple)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
SECONDS = st.floats(0, 1e6) | st.integers(0, 10_000)
STEP = st.builds(
    PlannedStep,
    name=TEXT,
    kind=TEXT,
    hosts=TEXTS,
    text=TEXT,
    effect=st.sampled_from(Effect),
    danger=st.sampled_from(Danger),
    timeout=SECONDS,
    params=st.dictionaries(TEXT, DOCUMENT, max_size=3),
    scripts=SCRIPTS,
    check=SCRIPTS,
    when=SCRIPTS,
    undo=SCRIPTS,
    on_abort=SCRIPTS,
    secrets=TEXTS,
)
HOST = st.builds(PlannedHost, name=TEXT, address=TEXT, host_key=TEXT, current=TEXT, releases=TEXTS)
PLAN = st.builds(
    Plan,
    action=TEXT,
    title=TEXT,
    environment=TEXT,
    protected=st.booleans(),
    params=st.dictionaries(TEXT, DOCUMENT, max_size=3),
    steps=st.lists(STEP, max_size=3).map(tuple),
    hosts=st.lists(HOST, max_size=2).map(tuple),
    operator=st.builds(Operator, uid=st.integers(0, 2**31), login=TEXT, host=TEXT, origin=TEXT),
    lock=st.booleans(),
    gate=st.none() | st.builds(GateSpec, probes=TEXTS, duration=SECONDS, every=SECONDS, on_failure=TEXT),
    release=TEXT,
    commit=TEXT,
    rollback_target=TEXT,
    notes=TEXTS,
    config_hash=TEXT,
    made_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


def small_plan() -> Plan:
    step = PlannedStep(
        name="link",
        kind="release",
        hosts=("web1",),
        text="link 5",
        effect=Effect.ONCE,
        scripts=(HostScript(host="web1", script="ln -sfn 5 current", text="link 5"),),
    )
    return Plan(
        action="deploy",
        title="Deploy",
        environment="production",
        protected=True,
        params={"ref": "main"},
        steps=(step,),
        hosts=(PlannedHost(name="web1", address="10.0.0.1:22", host_key="SHA256:abc", current="4"),),
        operator=OPERATOR,
        config_hash="c" * 64,
        made_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


@given(PLAN)
@settings(max_examples=25, deadline=None)
def test_a_plan_survives_storage_exactly(plan: Plan) -> None:
    stored = canonical(encode_plan(plan))
    again = decode_plan(json.loads(stored))
    assert again == plan
    assert plan_hash(again) == plan_hash(plan)
    assert canonical(encode_plan(again)) == stored


def test_a_plan_made_again_later_has_the_same_hash() -> None:
    plan = small_plan()
    later = replace(plan, made_at=datetime(2026, 5, 5, tzinfo=UTC), title="Deploy code", notes=("a word",))
    assert plan_hash(later) == plan_hash(plan)


@pytest.mark.parametrize(
    "changed",
    [
        replace(small_plan(), environment="staging"),
        replace(small_plan(), config_hash="d" * 64),
        replace(small_plan(), params={"ref": "other"}),
        replace(small_plan(), release="6"),
        replace(small_plan(), commit="abc"),
        replace(small_plan(), operator=replace(OPERATOR, login="eve")),
        replace(small_plan(), gate=GateSpec()),
        replace(small_plan(), hosts=(replace(small_plan().hosts[0], host_key="SHA256:xyz"),)),
        replace(small_plan(), hosts=(replace(small_plan().hosts[0], current="5"),)),
        replace(small_plan(), hosts=()),
        replace(small_plan(), steps=(replace(small_plan().steps[0], timeout=601.0),)),
        replace(
            small_plan(),
            steps=(replace(small_plan().steps[0], scripts=(HostScript(host="web1", script="rm x", text="link 5"),)),),
        ),
    ],
)
def test_every_bound_part_changes_the_hash(changed: Plan) -> None:
    assert plan_hash(changed) != plan_hash(small_plan())


def test_a_document_of_an_older_console_reads_with_defaults_and_of_a_newer_one_without_its_news() -> None:
    document = encode_plan(small_plan())
    assert isinstance(document, dict)
    del document["rollback_target"]
    document["something_new"] = 1
    assert decode_plan(document) == small_plan()


@pytest.mark.parametrize("document", [None, 5, "x", [], {"action": "deploy"}, {"steps": 5}])
def test_what_is_no_plan_is_refused(document: Json) -> None:
    with pytest.raises(ValueError):
        decode_plan(document)


def test_times_are_utc_and_sort_as_text() -> None:
    berlin = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert time_text(berlin) == "2025-12-31T23:30:00.000000Z"
    assert time_value(time_text(berlin)) == berlin
    assert time_text(berlin) < time_text(berlin + timedelta(microseconds=1))
    with pytest.raises(ValueError, match="zone"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001 -- the point of the test


def test_what_no_document_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be stored"):
        encode_plan(replace(small_plan(), params=cast(dict[str, Json], {"x": object()})))
    with pytest.raises(ValueError, match="no dataclass"):
        encode("text")


def test_the_bound_part_names_no_time() -> None:
    document = plan_document(small_plan())
    assert isinstance(document, dict)
    assert "made_at" not in document
