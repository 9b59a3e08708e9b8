"""What answers of health URLs mean: a table of answers as applications give them, and the rules around it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.answers import json_statements
from console.domain.documents import Json
from console.domain.health import ProbeSpec, Status
from console.domain.probes import HttpAnswer, ProbeVerdict, verdict
from console.domain.untrusted import harmless

OK, WARNING, FAILED, CRASHED, SKIPPED = (
    Status.OK,
    Status.WARNING,
    Status.FAILED,
    Status.CRASHED,
    Status.SKIPPED,
)
JSON, HTML, PLAIN = "application/json", "text/html; charset=UTF-8", "text/plain; charset=utf-8"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
UP_PAGE = "<!DOCTYPE html>\n<html><head><title>Shop</title></head><body><h2>Application up</h2></body></html>"


def judged(body: object = b"", kind: str = JSON, status: int = 200, **spec: Any) -> ProbeVerdict:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = HttpAnswer(status=status, body=raw, content_type=kind, at=NOW)
    return verdict(ProbeSpec(name="up", url="http://x/up", **spec), answer)


def text(body: str, kind: str = PLAIN, status: int = 200, **spec: Any) -> ProbeVerdict:
    return judged(body.encode(), kind, status, **spec)


def part(name: str, status: str, **more: object) -> dict[str, object]:
    said = {"notificationMessage": "", "shortSummary": "", "meta": [], **more}
    return {"name": name, "label": name.title(), "status": status, **said}


TABLE = [
    # the framework's own `/up`, as page and as JSON
    (text(UP_PAGE, HTML), OK, ""),
    (text(UP_PAGE.replace("up<", "experiencing problems<"), HTML, 500), FAILED, "HTTP 500"),
    (judged({"status": "up"}), OK, ""),
    (judged({"status": "down"}, status=500), FAILED, "HTTP 500; status: down"),
    (judged({"message": "Service Unavailable"}, status=503), FAILED, "HTTP 503; Service Unavailable"),
    # stored results of a checking package: a list, or an object with numbers as keys
    (judged({"finishedAt": NOW.timestamp(), "checkResults": [part("db", "ok"), part("mail", "skipped")]}), OK, ""),
    (judged({"checkResults": {"0": part("db", "ok"), "3": part("queue", "warning")}}), WARNING, "Queue: warning"),
    (
        judged({"checkResults": [part("disk", "failed", notificationMessage="92%\nfull"), part("a", "ok")]}),
        FAILED,
        "Disk: failed (92%␊full)",
    ),
    (judged({"checkResults": [part("job", "crashed", meta={"ok": False})]}), CRASHED, "Job: crashed"),
    (judged({"checkResults": [part("job", "skipped")]}), SKIPPED, ""),
    (judged({"finishedAt": 1, "checkResults": []}), WARNING, "finishedAt: old"),
    (judged(json.dumps({"checkResults": [part("db", "failed")]})), FAILED, "Db: failed"),
    (judged({"healthy": True}), OK, ""),
    (judged({"healthy": False}), FAILED, "healthy: false"),
    (judged([]), WARNING, '"[]" says nothing of health that is understood'),
    # what applications write themselves
    (judged({"status": "ok", "database": "connected", "queue": 0}), OK, ""),
    (judged({"status": "ok", "database": "disconnected", "queue": 0}), FAILED, "database: disconnected"),
    (judged({"status": "ok", "database": False, "debug": False}), FAILED, "database: false"),
    (judged({"status": "ok", "debug": False, "maintenance": False}), OK, ""),
    (judged({"status": "ok", "maintenance": True}), WARNING, "maintenance: true"),
    (
        judged({"status": "warn", "checks": {"queue": {"status": "warn"}, "db": {"status": "ok", "ms": 4}}}),
        WARNING,
        "checks.queue: warn",
    ),
    (
        judged({"status": "fail", "checks": {"mail": {"status": "fail", "error": "no server"}}}, status=503),
        FAILED,
        "HTTP 503; checks.mail: fail (no server)",
    ),
    (judged({"status": "ok", "checks": {"mail": {"status": "fail"}}}), FAILED, "checks.mail: fail"),
    (judged({"status": "ok", "queue": {"waiting": 3, "status": "error"}}), FAILED, "queue: error"),
    (judged({"checks": {"db": True, "cache": 1, "mail": 0}}), FAILED, "checks.mail: 0"),
    (judged({"checks": {"db": {"connected": True}, "disk": {"writable": False}}}), FAILED, "checks.disk.writable"),
    (judged({"checks": {"db": {"ms": 3}}}), WARNING, 'checks.db: "{"ms": 3}" is not understood'),
    (judged({"status": "UP", "components": {"db": {"status": "OUT_OF_SERVICE"}}}), FAILED, "components.db: OUT_OF"),
    (judged({"status": "pass", "checks": {"cpu": [{"status": "warn"}, {"status": "pass"}]}}), WARNING, "checks.cpu.0"),
    (judged({"status": "ok", "error": {}, "info": {"db": {"status": "up"}}}), OK, ""),
    (judged({"status": "ok", "error": "disk full"}), FAILED, "error: disk full"),
    (judged({"database": True, "cache": False}), FAILED, "cache: false"),
    (judged({"app": "ok", "version": "1.4.2"}), OK, ""),
    (judged({"data": {"status": "ok"}, "meta": {"cached": False}}), OK, ""),
    (judged({"status": {"db": "ok", "api": "shiny"}}), WARNING, 'status.api: "shiny" is not understood'),
    (judged([{"name": "db", "status": "pass"}, {"name": "mail", "status": "fail"}]), FAILED, "mail: fail"),
    (judged(["ok", "ok"]), OK, ""),
    (judged(["ok", "problem"]), FAILED, "1: problem"),
    # single words and truths
    (judged({"status": "Healthy"}), OK, ""),
    (judged({"status": True}), OK, ""),
    (judged({"status": 1}), OK, ""),
    (judged({"status": 0}), FAILED, "status: 0"),
    (judged({"status": 200, "message": "OK"}), OK, ""),
    (judged({"status": 503}), FAILED, "status: 503"),
    (judged({"status": "DEGRADED"}), WARNING, "status: DEGRADED"),
    (judged({"status": "critical"}), FAILED, "status: critical"),
    (judged({"status": "unhealthy"}), FAILED, "status: unhealthy"),
    (judged({"status": "not ok"}), FAILED, "status: not ok"),
    (judged({"status": "Grün"}), WARNING, 'status: "Grün" is not understood'),
    (judged({"status": None}), WARNING, "is not understood"),
    (judged("down"), FAILED, '"down"'),
    (judged(False), FAILED, '"false"'),
    (judged({}), WARNING, '"{}" says nothing'),
    # what denies health stands deeper than where verdicts usually are
    (judged({"status": "ok", "errors": {"db": "connection refused"}}), FAILED, "errors: {"),
    (judged({"status": "ok", "errors": {"count": 0, "latest": []}}), OK, ""),
    (judged({"status": "ok", "failures": {"db": {"status": "ok"}}}), OK, ""),
    (judged({"status": "ok", "rows": [[{"name": "db", "status": "fail"}]]}), FAILED, "rows.0.db: fail"),
    (judged({"version": "1.4.2"}), WARNING, "says nothing of health"),
    # texts and pages
    (text("OK"), OK, ""),
    (text("ok\n", "text/html"), OK, ""),
    (text("DOWN"), FAILED, '"DOWN"'),
    (text("0"), FAILED, '"0"'),
    (text("not ok"), FAILED, '"not ok"'),
    (text("3 ok, 0 failed"), OK, ""),
    (text("no errors"), WARNING, "says nothing"),
    (text("pong"), WARNING, '"pong" says nothing'),
    (text("up 0"), WARNING, '"up 0" says nothing'),
    (text('up{job="app"} 1'), OK, ""),
    (text("WARNING - load average: 9.81"), WARNING, "WARNING - load"),
    (text("database: ok\nqueue: 0\ncache: fail\n"), FAILED, "cache: fail"),
    (text("status: borked\ndatabase: ok"), WARNING, 'status: "borked" is not understood'),
    (text("Please log in to set up your account now"), WARNING, "says nothing"),
    (text("<html><body>all is down</body></html>", HTML), OK, ""),
    (text('{"status":"fail"}', HTML), FAILED, "status: fail"),
    (text("<?xml version='1.0'?><health>down</health>", "application/xml"), FAILED, '"down"'),
    # nothing, or nothing that can be read
    (text("", JSON), WARNING, "claims to be JSON and is empty"),
    (text("<html>Fatal error", JSON), WARNING, "is no JSON that can be read"),
    (text("{status: ok}"), WARNING, "is no JSON that can be read"),
    (text("", PLAIN), OK, ""),
    (text("", JSON, 204), OK, ""),
    (judged(b"\x89PNG\x00", "image/png"), WARNING, "type image/png is not understood"),
    (text("", HTML, 301), FAILED, "HTTP 301, a redirect that was not followed"),
    (text("OK", status=404), FAILED, "HTTP 404"),
]


@pytest.mark.parametrize(("found", "status", "said"), TABLE)
def test_the_verdict_table(found: ProbeVerdict, status: Status, said: str) -> None:
    assert found.status is status
    assert found.detail.startswith(said) or (said and said in found.detail)
    assert bool(found.concerns) == (status not in (OK, SKIPPED))
    assert not (found.status is OK and found.detail)


def test_the_bodys_own_word_is_kept_verbatim() -> None:
    assert judged({"Status": "Grün"}).body_status == "Grün"
    assert judged({"status": "ok"}, status=503).body_status == "ok"
    assert judged({"healthy": True}).body_status == "true"
    assert judged({"checkResults": [part("db", "ok")]}).body_status is None
    assert text("OK").body_status is None


def test_only_what_was_understood_says_so() -> None:
    assert judged({"status": "degraded"}).understood
    assert not judged({"status": "shiny"}).understood
    assert not judged({"status": "ok", "checks": {"a": "warn", "b": "shiny"}}).understood
    assert not text("pong").understood


def test_a_concern_stays_the_same_while_its_figures_change() -> None:
    assert text("WARNING - load 9.81").concerns == text("WARNING - load 10.02").concerns
    assert judged({"checks": {"a": "warn"}}).concerns != judged({"checks": {"b": "warn"}}).concerns
    late, later = (judged({"finishedAt": NOW.timestamp() - s, "status": "ok"}) for s in (700, 7000))
    assert late.concerns == later.concerns == ("finishedAt: old",)


@pytest.mark.parametrize(
    ("stored", "old"),
    [
        (NOW.timestamp() - 60, False),
        (int(NOW.timestamp() * 1000) - 60_000, False),
        (NOW.timestamp() - 3600, True),
        ((NOW - timedelta(hours=1)).isoformat(), True),
        ("2026-03-04T05:06:00+00:00", False),
        ("sometime", True),
        (1e300, True),
    ],
)
def test_results_that_nobody_renews_are_a_warning(stored: object, old: bool) -> None:
    found = judged({"finishedAt": stored, "checkResults": [part("db", "ok")]})
    assert found.status is (WARNING if old else OK)
    if found.understood and old:
        assert "60 min ago" in found.detail


def test_an_answer_from_elsewhere_fails_whatever_it_says() -> None:
    answer = HttpAnswer(status=200, body=b'{"status":"ok"}', misled="landed at /login, which is not what was asked")
    found = verdict(ProbeSpec(name="a", url="u"), answer)
    assert (found.status, found.body_status) == (FAILED, None)
    assert "landed at /login" in found.detail


def test_no_answer_fails_with_its_reason() -> None:
    found = verdict(ProbeSpec(name="a", url="u"), HttpAnswer(problem="no connection: refused\x1b[2J"))
    assert (found.status, found.detail) == (FAILED, "no connection: refused␛[2J")


def test_an_expected_status_replaces_the_rule() -> None:
    assert judged(status=503, expect_status=503).status is OK
    assert judged({"status": "fail"}, status=503, expect_status=503).status is OK
    assert text("", HTML, 302, expect_status=302).status is OK
    assert judged({"status": "ok"}, expect_status=204).detail == "HTTP 200, expected 204"
    assert judged({"status": "fail"}, expect_status=200).status is FAILED
    assert judged({"status": "shiny"}, expect_status=200).status is WARNING


def test_an_expected_text_or_document_replaces_the_words() -> None:
    assert text("pong", expect_text="pong").status is OK
    assert text("pang", expect_text="pong").detail == 'the answer does not hold "pong"'
    assert judged({"status": "shiny"}, expect_json={"status": "shiny"}).status is OK
    body = {"status": "warn", "checks": {"db": {"ok": True, "ms": 4}}, "list": [1, 2]}
    assert judged(body, expect_json={"checks": {"db": {"ok": True}}}).status is OK
    assert judged(body, expect_json={"list": [1, 2], "checks": {"db": {"ms": 4.0}}}).status is OK
    assert judged(body, expect_json={"status": "ok"}).detail == 'status is "warn", expected "ok"'
    assert judged(body, expect_json={"checks": {"db": {"ok": 1}}}).detail == "checks.db.ok is true, expected 1"
    assert judged(body, expect_json={"checks": {"mail": {}}}).detail == "checks.mail is missing"
    assert text("nope", expect_json={"a": 1}).detail == "the answer is not a JSON object"


def test_a_cut_or_huge_body_is_not_understood_but_a_page() -> None:
    whole = HttpAnswer(status=200, body=b'{"status":"ok"}', content_type=JSON, cut=True)
    spec = ProbeSpec(name="a", url="u")
    assert verdict(spec, whole).status is WARNING
    assert verdict(spec, replace(whole, body=b"<html>", content_type=HTML)).status is OK
    assert judged(b"[" * 500_000).status is WARNING
    assert judged(b'{"a":' * 90_000).status is WARNING
    assert judged({"checks": [{"status": "ok"}] * 5000}).status is WARNING


def test_a_text_of_more_lines_than_are_read_is_not_ok() -> None:
    assert text("a: ok\n" * 500).status is OK
    assert text("a: ok\n" * 500 + "db: down").detail == '"more than 500 lines" is not understood'
    assert text("a: ok\n" * 600).status is WARNING


@pytest.mark.parametrize("begin", [b"<", b"<a "])
def test_tags_that_never_end_cost_no_time(begin: bytes) -> None:
    begun = time.process_time()
    assert judged(begin * 100_000, PLAIN).status is WARNING
    assert time.process_time() - begun < 2


def test_a_long_name_is_not_repeated_whole_for_each_of_its_parts() -> None:
    document: Json = {"checks": {"k" * 100_000: {str(number): {"ok": 0} for number in range(400)}}}
    assert judged(document).status is FAILED
    assert max(len(each.place) for each in json_statements(document)) <= 200


def test_secrets_in_an_answer_are_not_shown() -> None:
    found = judged({"status": "fail", "message": "login failed: password=hunter22222"})
    assert "hunter22222" not in repr(found)
    assert "password" in found.detail


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_the_charset_that_is_named_is_used(encoding: str) -> None:
    body = '{"status": "ok", "name": "Müller"}'.encode(encoding)
    assert judged(body, f"application/json; charset={encoding}").status is OK


KEYS = ["status", "healthy", "checkResults", "checks", "error", "message", "name", "label", "finishedAt", "db"]


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from(["ok", "fail", "warn"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
        max_leaves=8,
    ),
    st.integers(100, 599),
)
def test_any_document_has_a_harmless_verdict(body: Any, status: int) -> None:
    found = judged(json.dumps(body).encode(), status=status)
    assert harmless(found.detail) == found.detail and "\n" not in found.detail
    assert found.status is not OK or (200 <= status < 300 and not found.concerns)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([JSON, HTML, PLAIN, "", "image/png"]))
def test_any_bytes_have_a_harmless_verdict(body: bytes, kind: str) -> None:
    found = judged(body, kind)
    assert harmless(found.detail) == found.detail
    if found.status is OK and kind == JSON:
        assert json.loads(body.decode())


def test_a_document_that_says_one_thing_twice_fulfils_no_expectation() -> None:
    body = b'{"status": "fail", "status": "ok"}'
    twice = 'it has the key "status" twice, with two values'
    plain = judged(body)
    assert (plain.status, plain.detail) == (WARNING, twice)
    expecting = judged(body, expect_json={"status": "ok"})
    assert (expecting.status, expecting.detail) == (FAILED, f"the answer is not a JSON object; {twice}")
    assert judged(b'{"status": "ok", "status": "ok"}', expect_json={"status": "ok"}).status is OK
