"""The small rules around a run: the comparison with a plan, preflight, identity, parallel questions."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.environment import Identity, SqlTarget, Tier
from console.domain.plan_codec import plan_hash
from console.domain.releases import HostReleases, Release
from console.domain.runs import Plan, PlannedHost
from console.errors import IdentityError, RefusedError, UnreachableError
from console.services.planning.staleness import compare_fresh
from console.services.running.mask import begun
from console.services.target.identity import proposal, prove
from console.services.threads.parallel import each
from tests.fakes.reach import make_environment, make_facts
from tests.services.running.stage import OPERATOR


def make_plan(**changes: Any) -> Plan:
    hosts = tuple(
        PlannedHost(name=name, address=name, host_key=f"key {name}", current="2", releases=("1", "2"))
        for name in ("web1", "web2")
    )
    plan = Plan(
        action="deploy",
        title="Deploy",
        environment="lab",
        protected=False,
        params={},
        steps=(),
        hosts=hosts,
        operator=OPERATOR,
        config_hash="c",
    )
    return replace(plan, **changes)


STATES = st.fixed_dictionaries(
    {
        "current": st.sampled_from(["1", "2", ""]),
        "releases": st.sampled_from([("1", "2"), ("1", "2", "3"), ("2",)]),
        "key": st.sampled_from(["key web1", "another"]),
        "config": st.sampled_from(["c", "d"]),
    }
)


@settings(max_examples=200, deadline=None)
@given(STATES)
def test_any_difference_refuses(state: dict[str, object]) -> None:
    plan = make_plan()
    names = state["releases"]
    assert isinstance(names, tuple)
    found = {
        "web1": HostReleases(
            host="web1", current=str(state["current"]), releases=tuple(Release(name=name) for name in names)
        ),
        "web2": HostReleases(host="web2", current="2", releases=(Release(name="1"), Release(name="2"))),
    }
    keys = {"web1": str(state["key"]), "web2": "key web2"}
    same = state == {"current": "2", "releases": ("1", "2"), "key": "key web1", "config": "c"}
    try:
        compare_fresh(plan, found, keys, config_hash=str(state["config"]), confirmed=plan_hash(plan))
    except RefusedError:
        assert not same
    else:
        assert same


def test_an_altered_plan_is_refused_too() -> None:
    plan = make_plan()
    found = {
        name: HostReleases(host=name, current="2", releases=(Release(name="1"), Release(name="2")))
        for name in ("web1", "web2")
    }
    keys = {name: f"key {name}" for name in found}
    with pytest.raises(RefusedError, match="altered"):
        compare_fresh(replace(plan, release="9"), found, keys, config_hash="c", confirmed=plan_hash(plan))


def test_a_release_marked_bad_since_the_plan_is_not_gone_to() -> None:
    plan = make_plan(release="1")

    def found(*, bad: str) -> dict[str, HostReleases]:
        releases = {
            host: tuple(Release(name=name, bad=(host, name) == ("web2", bad)) for name in ("1", "2"))
            for host in ("web1", "web2")
        }
        return {host: HostReleases(host=host, current="2", releases=each) for host, each in releases.items()}

    keys = {name: f"key {name}" for name in ("web1", "web2")}
    compare_fresh(plan, found(bad=""), keys, config_hash="c", confirmed=plan_hash(plan))
    compare_fresh(plan, found(bad="2"), keys, config_hash="c", confirmed=plan_hash(plan))
    with pytest.raises(RefusedError, match="1 is marked bad on web2"):
        compare_fresh(plan, found(bad="1"), keys, config_hash="c", confirmed=plan_hash(plan))


def test_identity_of_every_kind() -> None:
    facts = make_facts()
    pinned = Identity(app_env="production", app_key="3f9ac1d2e4b5", database="app@db:3306")
    assert proposal(facts) == ("identity: {app_env: production, app_key: 3f9ac1d2e4b5, database: 'app@db:3306'}")
    host = make_environment().hosts[0]
    prove(make_environment(identity=pinned, tier=Tier.PROTECTED), host, facts)
    prove(make_environment(), host, facts)
    with pytest.raises(RefusedError, match="pins no identity"):
        prove(make_environment(tier=Tier.PROTECTED), host, facts)
    other = make_facts(
        app_env="staging", sql={"mysql": SqlTarget(driver="mysql", host="db", port=3306, database="stage")}
    )
    with pytest.raises(IdentityError) as caught:
        prove(make_environment(identity=pinned), host, other)
    assert "app_env is staging, pinned is production" in caught.value.what
    assert "database is stage@db:3306" in caught.value.what
    assert "staging" in caught.value.fix


def test_each_asks_side_by_side_and_raises_the_first_error() -> None:
    met = threading.Barrier(2, timeout=10)
    assert each(["a", "b"], lambda name: (met.wait(), name)[1]) == {"a": "a", "b": "b"}

    def work(name: str) -> str:
        if name != "a":
            raise UnreachableError(f"{name} is away")
        return name

    with pytest.raises(UnreachableError, match="b is away"):
        each(["a", "b", "c"], work)
    assert each([], work) == {}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12), st.binary(min_size=1, max_size=5))
def test_the_beginning_of_a_secret_is_found(data: bytes, secret: bytes) -> None:
    size = begun(data, secret)
    assert data.endswith(secret[:size])
    assert all(not data.endswith(secret[:longer]) for longer in range(size + 1, min(len(data), len(secret) - 1) + 1))
