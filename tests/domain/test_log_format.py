"""Laravel's log line, from bytes to a record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.log_format import EXCEPTION, logged_chain, parse, parse_simple
from console.domain.log_heads import head_at
from console.domain.log_levels import Level
from console.domain.untrusted import Raw

FULL = (
    b'[2026-01-05 10:00:00] production.ERROR: Payment declined {"userId":7,"exception":"[object]'
    b" (App\\\\Declined(code: 402)"
    b": declined at noon at /var/www/app/app/Jobs/Charge.php:33)\n"
    b"[stacktrace]\n"
    b"#0 /var/www/app/vendor/laravel/framework/src/x.php(3): Illuminate\\\\Foo->bar()\n"
    b'#1 /var/www/app/app/Jobs/Charge.php(12): call_user_func(\\"x\\")\n'
    b"#2 {main}\n"
    b"\n"
    b"[previous exception] [object] (RuntimeException(code: 0): inner at /a/b.php:3)\n"
    b"[stacktrace]\n"
    b"#0 {main}\n"
    b'"} {"trace_id":"abc"} \n'
)


def test_an_exception_is_taken_out_of_its_context() -> None:
    record = parse(FULL, host="web1", file="laravel.log", offset=7)
    assert (record.host, record.file, record.offset) == ("web1", "laravel.log", 7)
    assert record.at == Raw(b"2026-01-05 10:00:00")
    assert record.channel == Raw(b"production")
    assert record.level is Level.ERROR
    assert record.message == Raw(b"Payment declined")
    assert record.context == Raw(b'{"userId":7} {"trace_id":"abc"}')
    assert record.rest.lines()[0] == "[stacktrace]"
    declined, cause = logged_chain(record.exception)
    assert declined.exception_class == Raw(b"App\\Declined")
    assert declined.message == Raw(b"declined at noon")
    assert declined.location == Raw(b"/var/www/app/app/Jobs/Charge.php:33")
    assert [frame.vendor for frame in declined.frames] == [True, False, True]
    assert declined.frames[1].call == Raw(b'call_user_func("x")')
    assert cause.exception_class == Raw(b"RuntimeException")
    assert len(cause.frames) == 1


@pytest.mark.parametrize(
    ("line", "message", "context"),
    [
        (b'plain {x} text {"a":1} {"b":[2]} \n', b"plain {x} text", b'{"a":1} {"b":[2]}'),
        (b"nothing at all\n", b"nothing at all", b""),
        (b'whole {"a":1} \nstray line\n', b"whole\nstray line", b'{"a":1}'),
        (b'over\ntwo lines {"a":"}"} \n', b"over\ntwo lines", b'{"a":"}"}'),
        (b"list [1,2] here []  \n", b"list [1,2] here", b"[]"),
        (b'{"only":"context"} \n', b"", b'{"only":"context"}'),
        (b"ends in a brace }\n", b"ends in a brace }", b""),
        (b" \n", b"", b""),
        (b"caf\xe9 \x1b[2J \n", b"caf\xe9 \x1b[2J", b""),
    ],
)
def test_messages_and_contexts(line: bytes, message: bytes, context: bytes) -> None:
    record = parse(b"[2026-01-05 10:00:00] local.INFO: " + line, host="", file="", offset=0)
    assert (record.message.data, record.context.data) == (message, context)
    assert record.level is Level.INFO


OBJECT = '"exception":"[object] (App\\\\Declined(code: 402): no \\"credit\\" at noon at /srv/Charge.php:33)'
TRACE = "\n[stacktrace]\n#0 {main}\n"


@pytest.mark.parametrize(
    ("body", "message", "context"),
    [
        ("no {" + OBJECT + '"}', "no", ""),
        ("no {" + OBJECT + '"} {"url":"/pay","ip":"::1"}', "no", '{"url":"/pay","ip":"::1"}'),
        ("no {" + OBJECT + '","user":"x"}', "no", '{"user":"x"}'),
        ('no {"note":"x {y, \\" {z","id":7,' + OBJECT + TRACE + '"}', "no", '{"note":"x {y, \\" {z","id":7}'),
        ('no {"job":{"id":7,' + OBJECT + TRACE + '"},"a":"b {c"}', "no", '{"job":{"id":7},"a":"b {c"}'),
        ("no {x} and {" + OBJECT + TRACE + '"}', "no {x} and", ""),
        ("no {x {" * 30 + " {" + OBJECT + TRACE + '"}', ("no {x {" * 30), ""),
        ('no {"note":"x {y",' + OBJECT + TRACE + '"} \nstray {line}', "no", '{"note":"x {y"} \nstray {line}'),
        ('no {"note":"x {y",' + OBJECT + TRACE, "no", '{"note":"x {y"'),
    ],
)
def test_an_exception_keeps_its_message_and_place(body: str, message: str, context: str) -> None:
    record = parse(f"[2026-01-05 10:00:00] local.ERROR: {body} \n".encode(), host="", file="", offset=0)
    assert (record.message.exact(), record.context.exact()) == (message, context)
    (thrown,) = logged_chain(record.exception)
    assert thrown.exception_class == Raw(b"App\\Declined")
    assert (thrown.message.exact(), thrown.location.exact()) == ('no "credit" at noon', "/srv/Charge.php:33")


def test_causes_in_monologs_first_form_keep_their_places() -> None:
    text = "[object] (A(code: 0): one, two at /a.php:11, B\\C(code: 3): gone at /b.php:2)\n[stacktrace]\n#0 {main}"
    first, cause = logged_chain(Raw(text.replace("\\\\", "\\").encode()))
    assert (first.message.exact(), first.location.exact(), len(first.frames)) == ("one, two", "/a.php:11", 1)
    assert (cause.exception_class.exact(), cause.location.exact()) == ("B\\C", "/b.php:2")


def test_an_exception_with_two_character_line_ends_has_its_frames() -> None:
    record = parse(FULL.replace(b"\n", b"\r\n"), host="", file="", offset=0)
    assert [len(thrown.frames) for thrown in logged_chain(record.exception)] == [3, 1]


def test_what_php_wrote_of_an_exception_that_nothing_caught() -> None:
    text = (
        "[29-Nov-2026 10:00:01 UTC] PHP Fatal error:  Uncaught App\\Gone: not there in /srv/a.php:3\n"
        "Stack trace:\n#0 /srv/b.php(7): x()\n#1 {main}\n  thrown in /srv/a.php on line 3\n"
    )
    record = parse(text.encode(), host="", file="", offset=0)
    (thrown,) = logged_chain(record.exception)
    assert (thrown.exception_class.exact(), thrown.message.exact()) == ("App\\Gone", "not there")
    assert (thrown.location.exact(), len(thrown.frames)) == ("/srv/a.php:3", 2)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-01-05 10:00:00",
        "2026-01-05T10:00:00",
        "2026-01-05T10:00:00.123456+02:00",
        "2026-01-05T10:00:00Z",
        "2026-01-05 10:00:00.5",
    ],
)
@pytest.mark.parametrize("level", [level for level in Level if level])
def test_every_stamp_and_level_is_a_head(stamp: str, level: Level) -> None:
    record = parse(f"[{stamp}] my-app.{level.name}: hi\n".encode(), host="", file="", offset=0)
    assert (record.at.show(), record.level, record.message.show()) == (stamp, level, "hi")


@pytest.mark.parametrize(
    "line",
    [
        b"x [2026-01-05 10:00:00] a.INFO: y",
        b"[x] a.INFO: y",
    ],
)
def test_what_is_no_head(line: bytes) -> None:
    assert head_at(line) is None
    assert parse(line, host="", file="", offset=0).message == Raw(line)


def test_a_trace_that_was_cut_is_shown_as_far_as_it_goes() -> None:
    for cut in range(40, len(FULL)):
        record = parse(FULL[:cut], host="", file="", offset=0)
        for thrown in logged_chain(record.exception):
            assert thrown.exception_class.data in (b"App\\Declined", b"App\\\\Declined", b"RuntimeException", b"")
    record = parse(FULL[:300], host="", file="", offset=0)
    assert logged_chain(record.exception)[0].frames


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=120),
    st.sampled_from(
        [b"", b"[2026-01-05 10:00:00] a.ERROR: ", b'[2026-01-05 10:00:00] a.ERROR: x {"exception":"[object] (']
    ),
)
def test_any_bytes_parse(data: bytes, head: bytes) -> None:
    record = parse(head + data, host="", file="", offset=0)
    logged_chain(record.exception)
    for part in (record.message, record.context, record.exception, record.rest):
        part.show()


def test_levels_by_name() -> None:
    assert Level.named("warning") is Level.WARNING
    assert Level.named("err") is Level.ERROR
    with pytest.raises(KeyError):
        Level.named("w")
    with pytest.raises(KeyError):
        Level.named("none")


BODIES = st.lists(
    st.sampled_from(
        [
            " message",
            ' {"a":1}',
            ' {"a":"b"} ',
            " []",
            " {}",
            ' {"a":NaN}',
            " [1,2]",
            " {broken",
            ' "x"}',
            " [x]",
            "{",
            "[",
            "}",
            "]",
        ]
    )
    | st.text(alphabet=st.characters(exclude_characters="\n"), max_size=12),
    max_size=5,
).map("".join)


@given(BODIES, st.sampled_from(["\n", "\r\n", " \n", ""]))
def test_the_short_way_says_what_the_long_one_says(body: str, end: str) -> None:
    head = b"[2026-01-05 10:00:00] local.INFO:"
    data = body.encode("utf-8", "surrogatepass") + end.encode()
    simple = parse_simple(data.decode("utf-8", "surrogateescape"))
    record = parse(head + data, host="web1", file="laravel.log", offset=0)
    if simple is not None and EXCEPTION not in data:
        message, context = simple
        assert message.encode("utf-8", "surrogateescape") == record.message.data
        assert context.encode() == record.context.data
        assert not context or json.loads(context) is not None or context == "null"


@pytest.mark.parametrize("body", [' paid {"a":1} ', " plain words ", ' list ["a"]', " empty [] ", " q?"])
def test_the_frequent_forms_take_the_short_way(body: str) -> None:
    assert parse_simple(body) is not None
