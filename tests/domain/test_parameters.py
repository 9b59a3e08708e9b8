"""Parameters of actions: types, defaults, and the sentences for what is wrong."""

from __future__ import annotations

import pytest

from console.domain.actions import Action, GateSpec, Param, ParamType
from console.domain.documents import Json
from console.domain.parameters import coerce, resolve
from console.errors import UsageError

UUID = "7c6f1d4e-0000-4000-8000-000000000001"


def action(*params: Param, gate: bool = False) -> Action:
    return Action(name="deploy", title="Deploy", steps=(), params=params, gate=GateSpec() if gate else None)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (ParamType.TEXT, "x y", "x y"),
        (ParamType.INT, "-12", -12),
        (ParamType.BOOL, "yes", True),
        (ParamType.BOOL, "off", False),
        (ParamType.DURATION, "10m", 600.0),
        (ParamType.DURATION, "1.5h", 5400.0),
        (ParamType.DURATION, 90, 90.0),
        (ParamType.GIT_REF, "feature/x", "feature/x"),
        (ParamType.RELEASE, "20260101", "20260101"),
        (ParamType.QUEUE, "high", "high"),
        (ParamType.UUID, UUID, UUID),
        (ParamType.UUIDS, f"{UUID}, {UUID},7", [UUID, "7"]),
        (ParamType.PATH, "/srv/x", "/srv/x"),
    ],
)
def test_values_get_their_type(kind: ParamType, given: Json, value: Json) -> None:
    assert coerce(Param(name="p", type=kind), given) == value


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (ParamType.TEXT, "a\nb"),
        (ParamType.TEXT, ["a"]),
        (ParamType.INT, "1.5"),
        (ParamType.INT, True),
        (ParamType.BOOL, "perhaps"),
        (ParamType.DURATION, "soon"),
        (ParamType.DURATION, True),
        (ParamType.GIT_REF, "--upload-pack=x"),
        (ParamType.GIT_REF, "a..b"),
        (ParamType.RELEASE, "../etc"),
        (ParamType.QUEUE, "-x"),
        (ParamType.UUID, "nope"),
        (ParamType.UUIDS, f"{UUID},'; drop"),
        (ParamType.UUIDS, ",".join(str(number) for number in range(1001))),
        (ParamType.PATH, "-x"),
    ],
)
def test_what_does_not_fit_is_refused(kind: ParamType, given: Json) -> None:
    with pytest.raises(UsageError, match="--param p"):
        coerce(Param(name="p", type=kind), given)


def test_defaults_required_and_unknown() -> None:
    declared = action(
        Param(name="ref", type=ParamType.GIT_REF, default="{app.source.ref}"),
        Param(name="ids", type=ParamType.UUIDS),
        Param(name="size", type=ParamType.CHOICE, choices=("s", "l"), default="s"),
    )
    scope: dict[str, Json] = {"app": {"source": {"ref": "main"}}}
    assert resolve(declared, {}, scope) == {"ref": "main", "ids": [], "size": "s"}
    assert resolve(declared, {"ref": "v2"}, scope)["ref"] == "v2"
    with pytest.raises(UsageError, match="one of s, l"):
        resolve(declared, {"size": "m"}, scope)
    with pytest.raises(UsageError, match="no parameter reff") as caught:
        resolve(declared, {"reff": "x"}, scope)
    assert caught.value.fix == "Did you mean ref?"
    with pytest.raises(UsageError, match="needs --param x"):
        resolve(action(Param(name="x", type=ParamType.TEXT, required=True)), {}, {})


def test_an_empty_value_is_not_the_default() -> None:
    """`--param ref="$TAG"` of a script that never set TAG."""
    ref = Param(name="ref", type=ParamType.GIT_REF, default="main")
    with pytest.raises(UsageError, match="--param ref: it is empty") as caught:
        resolve(action(ref), {"ref": ""}, {})
    assert (caught.value.exit_code, caught.value.fix) == (2, "Leave it out for the default.")
    may_be_empty = Param(name="to", type=ParamType.RELEASE, default="")
    assert resolve(action(may_be_empty), {"to": ""}, {}) == {"to": None}


def test_probes_may_be_allowed_to_fail_only_where_there_is_a_gate() -> None:
    assert resolve(action(gate=True), {"allow_failing": "a, b"}, {}) == {"allow_failing": ["a", "b"]}
    assert resolve(action(gate=True), {"allow_failing": ["a"]}, {}) == {"allow_failing": ["a"]}
    with pytest.raises(UsageError):
        resolve(action(), {"allow_failing": "a"}, {})
