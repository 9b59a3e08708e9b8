"""Laravel's log line, from bytes to a record."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.log_format import HEAD, Level, logged_chain, parse
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
        b"[2026-1-5] a.INFO: y",
        b"[2026-01-05 10:00:00] a.LOUD: y",
        b"[2026-01-05 10:00:00] INFO: y",
    ],
)
def test_what_is_no_head(line: bytes) -> None:
    assert HEAD.match(line) is None
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
