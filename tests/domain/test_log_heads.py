"""Which lines begin a record, and of which level it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.log_format import Record, logged_chain, parse
from console.domain.log_heads import head_at, heads_behind, last_head
from console.domain.log_levels import Level
from console.domain.untrusted import Raw


def parsed(data: bytes) -> Record:
    return parse(data, host="web1", file="laravel.log", offset=0)


@pytest.mark.parametrize(
    ("line", "at", "level", "message"),
    [
        ("[2026-11-29 10:00:01] Shop API.ERROR: two", "2026-11-29 10:00:01", "ERROR", "two"),
        ("[2026-11-29 10:00:01] shop:eu.ERROR: two", "2026-11-29 10:00:01", "ERROR", "two"),
        ("[2026-11-29 10:00:01] app.v2.ERROR: two", "2026-11-29 10:00:01", "ERROR", "two"),
        ("[2026-11-29 10:00:01] local.INFO: a.ERROR: two", "2026-11-29 10:00:01", "INFO", "a.ERROR: two"),
        ("[2026-11-29 10:00:01] Shop API.INFO: a.ERROR: two", "2026-11-29 10:00:01", "INFO", "a.ERROR: two"),
        ("[2026-11-29 10:00:01] local.error: two", "2026-11-29 10:00:01", "ERROR", "two"),
        ("[2026-11-29 10:00:01] ERROR: two", "2026-11-29 10:00:01", "ERROR", "two"),
        ("2026-11-29 10:00:01 local.ERROR: two", "2026-11-29 10:00:01", "ERROR", "two"),
        ("[29.11.2026 10:00:01] local.ERROR: two", "29.11.2026 10:00:01", "ERROR", "two"),
        ("[01/02/2026 10:00:01] local.ERROR: two", "01/02/2026 10:00:01", "ERROR", "two"),
        ("[10:00:01.5] local.ERROR: two", "10:00:01.5", "ERROR", "two"),
        ("\ufeff[2026-11-29 10:00:01] local.ERROR: two", "2026-11-29 10:00:01", "ERROR", "two"),
        (
            "[2026-11-29 10:00:01][1234] Failed:     App\\Jobs\\X",
            "2026-11-29 10:00:01",
            "ERROR",
            "[1234] Failed:     App\\Jobs\\X",
        ),
        ("[2026-11-29 10:00:01] local.LOUD: two", "2026-11-29 10:00:01", "NONE", "local.LOUD: two"),
        ("[29-Nov-2026 10:00:01 UTC] called", "29-Nov-2026 10:00:01 UTC", "NONE", "called"),
        (
            "[29-Nov-2026 10:00:01 UTC] PHP Fatal error:  two",
            "29-Nov-2026 10:00:01 UTC",
            "ERROR",
            "PHP Fatal error:  two",
        ),
        ("PHP Parse error:  two", "", "ERROR", "PHP Parse error:  two"),
        ("PHP Warning:  two", "", "WARNING", "PHP Warning:  two"),
        ("PHP Deprecated:  two", "", "NOTICE", "PHP Deprecated:  two"),
        ("Fatal error: two in /a.php on line 3", "", "ERROR", "Fatal error: two in /a.php on line 3"),
        ("Parse error: two in the cart in /a b.php:3", "", "ERROR", "Parse error: two in the cart in /a b.php:3"),
    ],
)
def test_every_form_is_a_head_with_its_level(line: str, at: str, level: str, message: str) -> None:
    record = parsed(line.encode() + b" \n")
    assert (record.at.exact(), record.level, record.message.exact()) == (at, Level[level], message)
    assert len(heads_behind(b"above\n" + line.encode() + b" \nbelow\n")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "[stacktrace]",
        "[previous exception] [object] (PDOException(code: 2002): gone at /b.php:2)",
        "#0 /a.php(3): x()",
        "[2026-01-05] no time",
        "[2026-01-05 10:00:00]",
        "    [2026-01-05 10:00:00] a.ERROR: indented",
        "[0] => a.ERROR: dumped",
        "ERROR: a word",
        "Fatal error: no place",
        "Fatal error: no number in /a.php",
        "Fatal error: no file in :3",
        "Fatal error:  in /a.php:3",
        "Fatal error: more in /a.php on line 3 behind",
        "Warning: a word in /a.php on line 3",
        "PHP Stack trace:",
        '{"a":1}',
        '{"message":"without more"}',
        "{",
        "  thrown in /a.php on line 3",
    ],
)
def test_lines_that_belong_to_the_record_above(line: str) -> None:
    assert heads_behind(b"above\n" + line.encode() + b"\nbelow\n") == []


def test_what_a_program_printed_into_a_message_begins_no_record() -> None:
    quoted = b"[2026-11-29 10:00:01] a.ERROR: failed\n\nError Output:\n================\nPHP Fatal error:  Uncaught\n"
    assert heads_behind(quoted) == []


LINE = {
    "message": "two",
    "context": {
        "order": 7,
        "exception": {
            "class": "App\\Declined",
            "message": "no at all",
            "code": 402,
            "file": "/srv/app/Charge.php:33",
            "trace": ["/srv/vendor/a.php:3", "/srv/app/Jobs/Charge.php:12"],
            "previous": {"class": "PDOException", "message": "gone", "code": 2002, "file": "/b.php:2"},
        },
    },
    "level": 400,
    "level_name": "ERROR",
    "channel": "production",
    "datetime": "2026-11-29T10:00:01.000000+00:00",
    "extra": {},
}


def test_a_json_line_is_a_record_with_its_exception() -> None:
    record = parsed(json.dumps(LINE).encode() + b"\n")
    assert (record.level, record.channel, record.message) == (Level.ERROR, Raw(b"production"), Raw(b"two"))
    assert record.at == Raw(b"2026-11-29T10:00:01.000000+00:00")
    assert json.loads(record.context.exact()) == {"order": 7}
    declined, cause = logged_chain(record.exception)
    assert (declined.exception_class.data, declined.message.data) == (b"App\\Declined", b"no at all")
    assert declined.location == Raw(b"/srv/app/Charge.php:33")
    assert [frame.location.show() for frame in declined.frames] == [
        "/srv/vendor/a.php(3)",
        "/srv/app/Jobs/Charge.php(12)",
    ]
    assert (cause.exception_class.data, cause.location.data) == (b"PDOException", b"/b.php:2")


@pytest.mark.parametrize(
    ("members", "at", "level"),
    [
        ({"@timestamp": "2026-11-29T10:00:01Z", "level": "error", "message": "x"}, "2026-11-29T10:00:01Z", "ERROR"),
        ({"@timestamp": "2026-11-29T10:00:01Z", "log.level": "ERROR", "message": "x"}, "2026-11-29T10:00:01Z", "ERROR"),
        (
            {"@timestamp": "2026-11-29T10:00:01Z", "log": {"level": "crit"}, "message": "x"},
            "2026-11-29T10:00:01Z",
            "CRITICAL",
        ),
        ({"message": "x", "severity": "ALERT", "time": "2026-11-29T10:00:01Z"}, "2026-11-29T10:00:01Z", "ALERT"),
        ({"level": 400, "message": "x", "ts": 1795946400}, "1795946400", "ERROR"),
        (
            {
                "message": "x",
                "level": 250,
                "datetime": {"date": "2026-11-29 10:00:01.000000", "timezone": "Europe/Berlin"},
            },
            "2026-11-29 10:00:01.000000 Europe/Berlin",
            "NOTICE",
        ),
        ({"message": "x", "level": "loud", "context": {"a": {}}}, "", "NONE"),
        ({"message": "x", "level": 3}, "", "NONE"),
    ],
)
def test_json_lines_of_other_forms(members: dict[str, object], at: str, level: str) -> None:
    record = parsed(json.dumps(members).encode() + b"\n")
    assert (record.at.exact(), record.level, record.message.exact()) == (at, Level[level], "x")


def test_a_json_line_that_was_cut_is_a_record_whose_level_is_not_known() -> None:
    line = json.dumps(LINE).encode()
    head = head_at(line[:300])
    assert head is not None and head[3] == b""
    assert head_at(line[:300], ended=False) is None, "more of it may come"
    assert parsed(line[:300]).message == Raw(line[:300])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*LINE, "exception", "class", "previous", "trace", "file", "log", "@timestamp", "x"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=25,
    )
)
def test_any_json_parses(value: object) -> None:
    for data in (json.dumps(value).encode(), json.dumps({"message": value, "level": value, "context": value}).encode()):
        record = parsed(data)
        logged_chain(record.exception)
        for part in (record.at, record.message, record.context, record.exception):
            part.show()


@given(
    st.lists(
        st.sampled_from([b"[2026-11-29 10:00:01] a.INFO: x\n", b"#0 x\n", b"PHP Warning:  x\n", b"y" * 3000]),
        max_size=9,
    )
)
def test_the_last_head_is_the_last_of_all(lines: list[bytes]) -> None:
    data = b"".join(lines)
    every, last = heads_behind(data), last_head(data)
    assert (last.start() if last else None) == (every[-1].start() if every else None)
