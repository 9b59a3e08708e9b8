"""Payloads and exception texts as Laravel records them, and failures grouped by cause."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.documents import Json
from console.domain.exception_text import exception_chain, is_vendor, thrown_head
from console.domain.failures import FailedJob, decode_payload, group, job_name, shown_payload
from console.domain.signatures import signature
from console.domain.untrusted import Raw
from tests.domain.samples import failed_rows, payloads

MAILABLE = "Illuminate\\Mail\\SendQueuedMailable"
WRAPPERS = ("CallQueuedListener", "SendQueuedNotifications", "SendQueuedMailable")


def test_every_recorded_payload_decodes_and_names_the_job_that_did_the_work() -> None:
    names = set()
    for text in payloads():
        payload, command = decode_payload(Raw.of(text))
        assert isinstance(payload, dict)
        assert isinstance(command, dict)
        assert "@unreadable" not in command
        name = job_name(payload).show()
        assert name.startswith(("App\\", "Closure ("))
        assert not any(wrapper in name for wrapper in WRAPPERS)
        assert job_name(text) == job_name(payload)
        names.add(name)
    assert {"App\\Listeners\\SendOrderReceipt", "App\\Notifications\\StockLow"} <= names


def test_wrappers_are_looked_through_where_the_display_name_does_not_do_it() -> None:
    for text in payloads():
        payload = json.loads(text)
        wrapper = payload["data"]["commandName"]
        if not wrapper.endswith(("CallQueuedListener", "SendQueuedNotifications")):
            continue
        shown = payload["displayName"]
        payload["displayName"] = wrapper
        assert job_name(payload).show() == shown


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"job": "App\\Legacy@fire", "data": [1]}, "App\\Legacy@fire"),
        ({"displayName": MAILABLE, "data": {"command": "broken"}}, MAILABLE),
        (
            {
                "displayName": MAILABLE,
                "data": {
                    "command": 'O:34:"Illuminate\\Mail\\SendQueuedMailable":1:{s:8:"mailable";O:8:"App\\Mail":0:{}}'
                },
            },
            "App\\Mail",
        ),
        ('{"uuid":"x","displayName":"App\\\\Jobs\\\\Cut","data":{"comm', "App\\Jobs\\Cut"),
        ("not json", "?"),
        ("", "?"),
        (None, "?"),
        ([], "?"),
        ({"displayName": 5}, "?"),
        ({"displayName": ""}, "?"),
    ],
)
def test_job_name_of_odd_payloads(payload: Json, name: str) -> None:
    assert job_name(payload).show() == name


@pytest.mark.parametrize("hidden", [{"token": 's:5:"s3cr3";'}, {"a": {"b": "s3cr3"}}, ["s3cr3"], "s3cr3"])
def test_what_the_context_hides_is_never_shown(hidden: Json) -> None:
    text = json.dumps({"illuminate:log:context": {"data": {"trace": "seen"}, "hidden": hidden}, "uuid": "u"})
    payload, _ = decode_payload(Raw.of(text))
    assert "s3cr3" not in json.dumps(payload) and "seen" in json.dumps(payload)
    assert isinstance(payload, dict) and payload["uuid"] == "u"
    for cut in range(len(text)):
        # A payload longer than what is fetched is cut off somewhere.
        assert "s3cr3" not in shown_payload(Raw.of(text[:cut])).exact()
    assert shown_payload(Raw(b'{"hidden": 1')).exact() == '{"hidden": 1'


def test_recorded_payloads_hide_what_their_context_hides() -> None:
    hiding = [text for text in payloads() if '"hidden":{"' in text]
    assert hiding
    for text in hiding:
        payload, _ = decode_payload(Raw.of(text))
        assert "laravel_unique_job_key" not in json.dumps(payload)


def test_undecodable_payloads_are_told_apart() -> None:
    assert decode_payload(Raw(b"\xff\x00")) == (None, None)
    assert decode_payload(Raw(b"[" * 100_000)) == (None, None)
    assert decode_payload(Raw(b'{"data":{"command":"eyJpdiI6"}}'))[1] == {"@encrypted": 8}
    broken = decode_payload(Raw(b'{"data":{"command":"O:1:\\"X\\":1:{"}}'))[1]
    assert isinstance(broken, dict)
    assert "@unreadable" in broken
    assert decode_payload(Raw(b'{"data":[1]}'))[1] is None


def test_every_recorded_exception_ends_in_the_one_the_job_threw() -> None:
    for row in failed_rows():
        text = Raw.of(row["exception"])
        chain = exception_chain(text)
        assert len(chain) == 1 + row["exception"].count("\n\nNext ")
        assert (chain[0].exception_class, chain[0].message) == thrown_head(text)
        for thrown in chain:
            assert thrown.exception_class.show().endswith(("Exception", "Error"))
            assert thrown.location.show().rpartition(":")[2].isdigit()
            assert thrown.location.show().startswith("/")
            assert thrown.frames[-1].call.show() == "{main}"
            assert [frame.number for frame in thrown.frames] == list(range(len(thrown.frames)))
            whole = (
                f"{thrown.exception_class.exact()}: {thrown.message.exact()} in {thrown.location.exact()}\nStack trace:"
            )
            assert whole in row["exception"]


def test_the_last_next_block_is_the_one_thrown() -> None:
    row = next(row for row in failed_rows() if "Next DomainException" in row["exception"])
    name, message = thrown_head(Raw.of(row["exception"]))
    assert name.show() == "DomainException"
    assert message.lines()[0] == "Payment declined for order #172890: insufficient_funds"
    assert "Do not retry before contacting the customer." in message.lines()[-1]
    assert [thrown.exception_class.show() for thrown in exception_chain(Raw.of(row["exception"]))] == [
        "DomainException",
        "RuntimeException",
    ]


@pytest.mark.parametrize(
    ("text", "name", "message", "location"),
    [
        ("A\\B: out of in stock in /a in b.php:3\nStack trace:\n#0 {main}", "A\\B", "out of in stock", "/a in b.php:3"),
        ("RuntimeException in /a.php:3\nStack trace:\n#0 {main}", "RuntimeException", "", "/a.php:3"),
        (
            "E: said\nStack trace:\n#0 f(1): f() in /a:3\nStack trace:\n#0 {main}",
            "E",
            "said\nStack trace:\n#0 f(1): f()",
            "/a:3",
        ),
        ("E: cut off before its pl", "E", "cut off before its pl", ""),
        ("E:", "E", "", ""),
        ("class@anonymous\0/x.php:12$0: boo in /a.php:3", "class@anonymous\0/x.php:12$0", "boo", "/a.php:3"),
        ("", "", "", ""),
        ("\x1b[31m no class", "", "\x1b[31m no class", ""),
    ],
)
def test_heads(text: str, name: str, message: str, location: str) -> None:
    assert thrown_head(Raw.of(text)) == (Raw.of(name), Raw.of(message))
    chain = exception_chain(Raw.of(text))
    assert (chain[0].location if chain else Raw(b"")) == Raw.of(location)


def test_frames_over_several_lines_stay_one_call() -> None:
    text = "E: x in /a.php:1\nStack trace:\n#0 /app/a.php(3): f('one\ntwo')\n#1 [internal function]: g()\n#2 {main}"
    frames = exception_chain(Raw.of(text))[0].frames
    assert [frame.call.exact() for frame in frames] == ["f('one\ntwo')", "g()", "{main}"]
    assert [frame.vendor for frame in frames] == [False, True, True]


def test_what_lies_outside_the_application() -> None:
    assert is_vendor("/var/www/app/vendor/laravel/framework/src/x.php(3)")
    assert is_vendor("/usr/share/php/Illuminate/Queue/Worker.php(750)")
    assert is_vendor("/var/www/app/artisan(37)")
    assert not is_vendor("/var/www/app/releases/7/app/Jobs/Send.php(12)")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_never_raises(data: bytes) -> None:
    raw = Raw(data)
    decode_payload(raw)
    job_name(raw.exact())
    exception_chain(raw)
    signature(*thrown_head(raw))


def test_mutated_exceptions_never_raise_and_lose_no_text() -> None:
    dice = random.Random(2)
    rows = [row["exception"] for row in failed_rows() if len(row["exception"]) < 20_000]
    for _ in range(500):
        text = dice.choice(rows)
        cut = dice.randrange(len(text))
        text = (
            text[:cut]
            + dice.choice(["", "\n", "\n\nNext ", "Stack trace:\n#0", " in /x:1", "\x1b", "#1 "])
            + text[cut + dice.randrange(40) :]
        )
        chain = exception_chain(Raw.of(text))
        assert chain
        signature(chain[0].exception_class, chain[0].message)


def failed(number: int, job: str, message: str) -> FailedJob:
    return FailedJob(
        uuid=f"u{number}",
        id=number,
        connection="redis",
        queue="default",
        job=Raw.of(job),
        exception_class=Raw.of("RuntimeException"),
        message=Raw.of(message),
        failed_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
    )


def test_groups_count_span_and_name_their_members() -> None:
    rows = [failed(5, "A", "order 5"), failed(4, "B", "order 4"), failed(3, "A", "order 3"), failed(2, "A", "other")]
    groups = group(rows)
    assert [(g.job.show(), g.signature, g.count) for g in groups] == [
        ("A", "RuntimeException: order …", 2),
        ("B", "RuntimeException: order …", 1),
        ("A", "RuntimeException: other", 1),
    ]
    assert groups[0].names == ("u5", "u3")
    assert groups[0].message.show() == "order 5"
    assert (groups[0].first_seen, groups[0].last_seen) == (rows[2].failed_at, rows[0].failed_at)
