"""What answers of health URLs mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.health import ProbeSpec, Status
from console.domain.probes import Answer, verdict
from console.domain.untrusted import harmless


def judged(
    body: Any = None, *, status: int | None = 200, raw: bytes | None = None, **spec: Any
) -> tuple[Status, str, str | None]:
    text = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    return verdict(ProbeSpec(name="up", url="http://x/up", **spec), Answer(status=status, body=text))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ok", Status.OK),
        ("OK", Status.OK),
        ("up", Status.OK),
        ("warn", Status.WARNING),
        ("warning", Status.WARNING),
        ("fail", Status.FAILED),
        ("failed", Status.FAILED),
        ("error", Status.FAILED),
        ("down", Status.FAILED),
        ("crashed", Status.CRASHED),
        ("skipped", Status.SKIPPED),
        ("Grün", Status.OK),
    ],
)
def test_the_body_speaks_and_its_word_is_kept_verbatim(word: str, expected: Status) -> None:
    assert judged({"status": word}) == (expected, "", word)


def test_without_expectation_an_http_error_fails_whatever_the_body_says() -> None:
    status, detail, word = judged({"status": "ok", "message": "half"}, status=503)
    assert (status, word) == (Status.FAILED, "ok")
    assert "HTTP 503" in detail
    assert judged(status=399)[0] is Status.OK
    assert judged(status=400)[0] is Status.FAILED
    assert judged(raw=b"<html>fine</html>") == (Status.OK, "", None)


def test_no_answer_fails_with_its_reason() -> None:
    assert verdict(ProbeSpec(name="a", url="u"), Answer(problem="no connection: refused\x1b[2J"))[:2] == (
        Status.FAILED,
        "no connection: refused␛[2J",
    )


def test_an_expected_status_replaces_the_rule() -> None:
    assert judged(status=503, expect_status=503)[0] is Status.OK
    assert judged(status=200, expect_status=204)[:2] == (Status.FAILED, "HTTP 200, expected 204")
    assert judged({"status": "fail"}, expect_status=200)[0] is Status.FAILED


def test_expected_json_is_a_subset_and_names_what_differs() -> None:
    body = {"status": "warn", "checks": {"db": {"ok": True, "ms": 4}}, "list": [1, 2]}
    assert judged(body, expect_json={"checks": {"db": {"ok": True}}})[0] is Status.OK
    assert judged(body, expect_json={"list": [1, 2], "checks": {"db": {"ms": 4.0}}})[0] is Status.OK
    assert judged(body, expect_json={"status": "ok"})[1] == 'status is "warn", expected "ok"'
    assert judged(body, expect_json={"checks": {"db": {"ok": 1}}})[1] == "checks.db.ok is true, expected 1"
    assert judged(body, expect_json={"checks": {"mail": {}}})[1] == "checks.mail is missing"
    assert judged(raw=b"nope", expect_json={"a": 1})[:2] == (Status.FAILED, "the answer is not a JSON object")


def test_spatie_documents_give_the_worst_check_and_name_the_bad_ones() -> None:
    check = {
        "name": "Db",
        "label": "Database",
        "notificationMessage": "",
        "shortSummary": "ok",
        "status": "ok",
        "meta": [],
    }
    slow = {**check, "name": "Queue", "label": "Queue", "notificationMessage": "Too\nlong", "status": "warning"}
    crash = {
        **check,
        "name": "Mail",
        "label": "Mail",
        "notificationMessage": None,
        "shortSummary": "boom",
        "status": "crashed",
    }
    skipped = {**check, "status": "skipped"}
    assert judged({"finishedAt": 1, "checkResults": [check, skipped]}) == (Status.OK, "", None)
    assert judged({"checkResults": {"0": check, "3": slow}})[:2] == (Status.WARNING, "Queue: Too␊long")
    assert judged({"checkResults": [slow, crash]})[:2] == (Status.CRASHED, "Queue: Too␊long; Mail: boom")


def test_healthy_true_and_false() -> None:
    assert judged({"healthy": True})[0] is Status.OK
    assert judged({"healthy": False})[0] is Status.FAILED


def test_a_cut_or_huge_body_is_not_parsed() -> None:
    answer = Answer(status=200, body=b'{"status":"fail"}', cut=True)
    assert verdict(ProbeSpec(name="a", url="u"), answer) == (
        Status.OK,
        "the answer is longer than 1 MB and was cut",
        None,
    )
    assert judged(raw=b"[" * 500_000)[0] is Status.OK
    assert judged(raw=b'{"a":' * 90_000)[0] is Status.OK


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["status", "healthy", "checkResults", "message", "name", "label"]), inner)
        ),
        max_leaves=8,
    ),
    st.integers(100, 599),
)
def test_any_document_has_a_harmless_verdict(body: Any, status: int) -> None:
    found, detail, word = judged(raw=json.dumps(body).encode(), status=status)
    assert isinstance(found, Status)
    assert harmless(detail) == detail and "\n" not in detail
    assert word is None or word == body["status"]
