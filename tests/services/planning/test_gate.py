"""When samples of health URLs pass or fail the gate of a run."""

from __future__ import annotations

import json
from dataclasses import replace

from console.domain.documents import Json
from console.domain.event_codec import decode_payload, encode_payload
from console.domain.events import EventKind, PreflightDone
from console.domain.health import ProbeResult, ProbeSpec, Status
from console.services.planning.gate import Before, Gate, before_of, samples_before
from tests.fakes.http import answered


def sample(status: Status, *concerns: str, understood: bool = True) -> ProbeResult:
    result = answered(ProbeSpec(name="a", url="http://x/a"), status)
    return replace(result, concerns=concerns, detail="; ".join(concerns), understood=understood)


OK = sample(Status.OK)
BAD = sample(Status.FAILED, "HTTP 503")
WARN = sample(Status.WARNING, "checks.queue: warn")


def gate(*samples: dict[str, ProbeResult], before: dict[str, Before] | None = None) -> Gate:
    built = Gate(("a", "b"), before or {})
    for one in samples:
        built.add(one)
    return built


def test_three_failed_in_a_row_of_one_probe_fail_at_once() -> None:
    good = {"a": OK, "b": OK}
    assert gate(good, {"a": BAD, "b": OK}, {"a": BAD, "b": OK}).failed() == ()
    crashed = {"a": BAD, "b": sample(Status.CRASHED, "job: crashed")}
    assert gate({"a": BAD, "b": BAD}, {"a": OK, "b": BAD}, crashed).failed() == ("b (job: crashed)",)
    assert gate(*[{"a": BAD, "b": OK}, good] * 3).failed() == ()


def test_at_the_end_the_last_three_must_be_good() -> None:
    good = {"a": OK, "b": OK}
    assert gate(good, good, good).verdict() == ()
    assert gate({"a": BAD, "b": OK}, good, good, good).verdict() == ()
    assert gate(good, good, {"a": BAD, "b": OK}, good).verdict() == ("a (HTTP 503)",)
    assert gate(good, good).verdict() == ("a (too few samples)", "b (too few samples)")
    assert not gate(good, good).enough()
    assert gate(good, good, {**good, "stranger": BAD}).verdict() == ()


def test_a_warning_is_good_only_if_it_was_there_before_step_1() -> None:
    warned = [{"a": OK, "b": WARN}] * 3
    assert gate(*warned).verdict() == ("b (checks.queue: warn, not so before step 1)",)
    assert gate(*warned).failed() == ()
    assert gate(*warned, before=before_of(samples_before([replace(WARN, name="b")]))).verdict() == ()
    other = {"b": Before(concerns=frozenset({"checks.mail: warn"}))}
    assert gate(*warned, before=other).verdict() != ()
    # One that goes away in time leaves no mark.
    assert gate(*warned, *[{"a": OK, "b": OK}] * 3).verdict() == ()


def test_what_is_skipped_or_not_understood_is_no_better() -> None:
    strange = sample(Status.WARNING, "pong says nothing", understood=False)
    for one in (sample(Status.SKIPPED), strange):
        samples = [{"a": OK, "b": one}] * 3
        assert gate(*samples).verdict() != ()
        assert gate(*samples, before=before_of(samples_before([replace(one, name="b")]))).verdict() == ()


def test_after_a_failure_a_known_warning_is_better_than_before() -> None:
    before = before_of(samples_before([replace(BAD, name="b")]))
    assert gate(*[{"a": OK, "b": WARN}] * 3, before=before).verdict() == ()
    strange = sample(Status.WARNING, "pong says nothing", understood=False)
    assert gate(*[{"a": OK, "b": strange}] * 3, before=before).verdict() != ()
    assert gate(*[{"a": OK, "b": BAD}] * 3, before=before).verdict() != ()


def test_samples_from_before_survive_the_journal() -> None:
    samples = samples_before([replace(BAD, name="a"), replace(WARN, name="b")])
    stored = json.loads(json.dumps(encode_payload(PreflightDone(probes=samples))))
    assert journaled(stored["probes"]) == {
        "a": Before(failed=True, concerns=frozenset({"HTTP 503"})),
        "b": Before(concerns=frozenset({"checks.queue: warn"})),
    }
    strange: list[Json] = [["x"], {"a": 1, "b": {"concerns": "no list"}}]
    assert [journaled(each) for each in strange] == [{}, {}]


def journaled(probes: Json) -> dict[str, Before]:
    payload = decode_payload(EventKind.PREFLIGHT_DONE, {"probes": probes})
    assert isinstance(payload, PreflightDone) and payload.probes is not None
    return before_of(payload.probes)
