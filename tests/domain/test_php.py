"""The bounded PHP reader: right on what the framework writes, harmless on anything else."""

from __future__ import annotations

import json
import random
import time

import pytest

from console.domain import php
from console.domain.documents import Json
from tests.domain.samples import batch_options, payloads


def serialized(value: object) -> bytes:
    """PHP's text of a Python value; a dict with `@class` becomes an object."""
    if value is None:
        return b"N;"
    if isinstance(value, bool):
        return b"b:%d;" % value
    if isinstance(value, int):
        return b"i:%d;" % value
    if isinstance(value, float):
        return f"d:{value!r};".encode()
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        return b's:%d:"%b";' % (len(data), data)
    if isinstance(value, list):
        value = dict(enumerate(value))
    assert isinstance(value, dict)
    name = value.get(php.CLASS)
    entries = [(key, entry) for key, entry in value.items() if key != php.CLASS]
    body = b"".join(serialized(key) + serialized(entry) for key, entry in entries)
    if name is None:
        return b"a:%d:{%b}" % (len(entries), body)
    return b'O:%d:"%b":%d:{%b}' % (len(name.encode()), name.encode(), len(entries), body)


def any_value(dice: random.Random, depth: int = 0) -> Json:
    """A random value whose PHP text reads back as itself."""
    kind = dice.randrange(9 if depth < 4 else 6)
    if kind < 3:
        return dice.choice([None, True, False, 0, -5, 2**62, 1.5, -0.25, 1e300])
    if kind < 6:
        return "".join(
            chr(dice.choice([0, 34, 59, 65, 125, 228, 8364, 0x1F600, 0xDC80])) for _ in range(dice.randrange(8))
        )
    if kind == 6:
        return [any_value(dice, depth + 1) for _ in range(dice.randrange(5))]
    entries: dict[str, Json] = {f"k{n}": any_value(dice, depth + 1) for n in range(1 + dice.randrange(4))}
    return entries if kind == 7 else {php.CLASS: "App\\Jobs\\Ünder", **entries}


def test_every_recorded_command_reads_and_shows_its_class() -> None:
    seen = 0
    for text in payloads():
        data = json.loads(text)["data"]
        command = data["command"] if isinstance(data, dict) else ""
        if command.startswith("O:"):
            value = php.read(command.encode())
            assert isinstance(value, dict)
            assert value[php.CLASS] == data["commandName"]
            assert not any("\0" in key for key in value)
            seen += 1
    assert seen > 200
    assert all(isinstance(php.read(options.encode()), dict) for options in batch_options())


def test_scalars_arrays_objects_enums_and_references() -> None:
    assert php.read(b"a:3:{i:0;i:7;i:1;d:0.5;i:2;N;}") == [7, 0.5, None]
    assert php.read(b'a:2:{s:1:"a";b:1;i:5;b:0;}') == {"a": True, "5": False}
    assert php.read(b"a:0:{}") == []
    assert php.read(b'O:8:"stdClass":0:{}') == {"@class": "stdClass"}
    assert php.read(b'E:17:"App\\Status:Active";') == {"@enum": "App\\Status::Active"}
    assert php.read(b'a:2:{i:0;O:1:"X":0:{}i:1;r:2;}') == [{"@class": "X"}, {"@reference": 2}]
    assert php.read(b'C:3:"Abc":4:{x;}}}') == {"@class": "Abc", "@data": "x;}}"}
    assert php.read(b"d:INF;") == "INF"
    assert php.read(b"d:1e999;") == "1e999"


def test_visibility_marks_are_stripped_and_a_parents_private_keeps_its_class() -> None:
    text = b'O:1:"B":3:{s:4:"\0*\0a";i:1;s:4:"\0B\0p";i:2;s:4:"\0A\0p";i:3;}'
    assert php.read(text) == {"@class": "B", "a": 1, "p": 2, "A::p": 3}


def test_a_parents_private_never_takes_the_place_of_another_property() -> None:
    # As PHP 8.2 writes it: the parent's first. A child may have a public property of that name, or none at all.
    assert php.read(b'O:1:"B":2:{s:4:"\0A\0p";i:1;s:4:"\0B\0p";i:2;}') == {"@class": "B", "A::p": 1, "p": 2}
    assert php.read(b'O:1:"B":2:{s:4:"\0A\0p";i:1;s:1:"p";i:2;}') == {"@class": "B", "A::p": 1, "p": 2}
    assert php.read(b'O:1:"C":1:{s:4:"\0A\0p";i:1;}') == {"@class": "C", "A::p": 1}
    own = b'O:19:"class@anonymous\0/a:":1:{s:22:"\0class@anonymous\0/a:\0p";i:1;}'
    assert php.read(own) == {"@class": "class@anonymous\0/a:", "p": 1}


def test_no_key_poses_as_what_the_reader_says_itself() -> None:
    text = b'O:1:"X":2:{s:6:"@class";s:1:"Y";s:1:"a";a:2:{s:5:"@enum";i:1;s:10:"@reference";i:2;}}'
    assert php.read(text) == {"@class": "X", "@@class": "Y", "a": {"@@enum": 1, "@@reference": 2}}
    assert php.read(b'O:1:"X":1:{s:9:"\0*\0@class";i:1;}') == {"@class": "X", "@@class": 1}
    assert php.read(b'a:1:{s:6:"@class";s:1:"Y";}') == {"@@class": "Y"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"i:1;i:2;", 1),
        (b'O:1:"X":0:{}junk', {"@class": "X"}),
        (b"i:99999999999999999999999;", 2**63 - 1),
        (b"i:-99999999999999999999999;", -(2**63)),
        (b"d:0.1000000000000000055511151231257827021181583404541015625000000000000000;", 0.1),
        (b"d:.5;", 0.5),
        (b"d:5.;", 5.0),
        (b"d:+1.5E+3;", 1500.0),
        (b'S:3:"a\\62c";', "abc"),
        (b'S:4:"\\41\\42c\\44";', "ABcD"),
        (b'a:2:{S:1:"\\41";S:1:"b";i:0;S:0:"";}', {"A": "b", "0": ""}),
        (b'a:1:{S:1:"\\41";S:2:"\\\\5c\\22";}'.replace(b"\\\\", b"\\"), {"A": '\\"'}),
        (b's:01:"a";', "a"),
        (b'O:8:"stdClass":+1:{i:5;i:1;}', {"@class": "stdClass", "5": 1}),
        (b"a:2:{i:0;i:1;i:0;i:2;}", {"0": 2}),
    ],
)
def test_what_php_takes_is_taken_as_it_takes_it(text: bytes, value: Json) -> None:
    assert php.read(text) == value


def test_undecodable_bytes_stay_exact() -> None:
    value = php.read(b's:2:"\xff\x00";')
    assert isinstance(value, str)
    assert value.encode("utf-8", "surrogateescape") == b"\xff\x00"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b"i:1",
        b's:5:"abc";',
        b's:3:"abc"',
        b"a:1:{i:0;}",
        b"a:1:{N;N;}",
        b"a:1:{a:0:{}N;}",
        b"a:2:{i:0;N;}",
        b'O:3:"X":0:{}',
        b'O:1:"X":x:{}',
        b'C:1:"X":9:{}',
        b"b:2;",
        b"d:--;",
        b"d:+INF;",
        b"d:-NAN;",
        b"d:.;",
        b's:-1:"";',
        b'S:1:"\\zz";',
        b'S:3:"\\41";',
        b'S:1:"\\41\\42";',
        b'S:2:"a\\4";',
        b"a:1:{b:1;N;}",
        b'E:1:"X"',
    ],
)
def test_broken_text_is_refused_with_its_place(text: bytes) -> None:
    with pytest.raises(php.PhpSyntaxError):
        php.read(text)


def test_generated_values_read_back() -> None:
    dice = random.Random(3)
    for _ in range(3_000):
        value = any_value(dice)
        assert php.read(serialized(value)) == value


def mutated(dice: random.Random, text: bytes) -> bytes:
    """The text with a few bytes replaced, removed, doubled or cut."""
    data = bytearray(text)
    for _ in range(1 + dice.randrange(4)):
        if not data:
            break
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] = dice.choice(b'0123456789:;{}"asiObdNCErR\0\xff')
            case 1:
                del data[at : at + 1 + dice.randrange(8)]
            case 2:
                data[at:at] = data[at : at + 1 + dice.randrange(30)]
            case _:
                del data[at:]
    return bytes(data)


def bombard(count: int, seed: int) -> None:
    """Mutated text ends in a value or in one of the reader's two errors, and is JSON either way."""
    dice = random.Random(seed)
    seeds = [json.loads(text)["data"]["command"].encode() for text in payloads()[:60]]
    for number in range(count):
        base = dice.choice(seeds)[:3000] if number % 4 == 0 else serialized(any_value(dice))
        try:
            json.dumps(php.read(mutated(dice, base)), allow_nan=False)
        except (php.PhpSyntaxError, php.PhpLimitError):
            continue


def test_mutated_text_never_raises_anything_else() -> None:
    bombard(6_000, seed=5)


@pytest.mark.fuzz
@pytest.mark.timeout(1200)
def test_mutated_text_at_full_size() -> None:
    bombard(500_000, seed=6)


def test_escaped_text_is_read_in_little_time() -> None:
    started = time.process_time()
    assert php.read(b'S:1000000:"' + b"\\41" * 1_000_000 + b'";') == "A" * 1_000_000
    assert php.read(b'S:1000000:"' + b"\\41b" * 500_000 + b'";') == "Ab" * 500_000
    plain = b'S:1:"a";' * 50_000
    assert php.read(b"a:50000:{" + b"".join(b"i:%d;" % n + b'S:1:"a";' for n in range(50_000)) + b"}" + plain)
    assert time.process_time() - started < 2


def test_depth_is_read_but_not_shown_and_never_recursed() -> None:
    deep = b"a:1:{i:0;" * 66_000 + b"N;" + b"}" * 66_000
    value = php.read(deep)
    depth = 0
    while isinstance(value, list):
        value, depth = value[0], depth + 1
    assert value == php.DEEPER
    assert depth == php.MAX_DEPTH
    with pytest.raises(php.PhpSyntaxError):
        php.read(b"a:1:{i:0;" * 90_000)


def test_limits_hold_and_come_soon() -> None:
    started = time.process_time()
    with pytest.raises(php.PhpLimitError):
        php.read(b"a:900000:{" + b"".join(b"i:%d;N;" % n for n in range(300_000)))
    with pytest.raises(php.PhpLimitError):
        php.read(b" " * (php.MAX_BYTES + 1))
    big = b's:10485000:"' + b"\xff" * 10_485_000 + b'";'
    assert php.read(big)
    assert time.process_time() - started < 2
