"""YAML text with positions: plain scalars, syntax errors, duplicate keys, and the caps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.config.document import MAX_BYTES, read_document, resolve_plain
from console.domain.documents import Json


def said(text: str | bytes) -> list[str]:
    """What is wrong with a text, as `line:column: message`."""
    data = text.encode() if isinstance(text, str) else text
    return [str(problem).removeprefix("f.yaml:") for problem in read_document(data, "f.yaml").problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("off", "off"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".nan", ".nan"),
        ("2026-11-21", "2026-11-21"),
        ("12:30", "12:30"),
        ("9" * 30, float("9" * 30)),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: Json) -> None:
    assert resolve_plain(text) == value
    assert type(resolve_plain(text)) is type(value)


def test_values_and_keys_know_their_place() -> None:
    root = read_document(b"a:\n  b: [1, {c: two}]\n'd e': |\n  text\n", "f.yaml").root
    assert root is not None
    assert root.plain() == {"a": {"b": [1, {"c": "two"}]}, "d e": "text\n"}
    assert root.find(("a", "b", 1, "c")) == (2, 14)
    assert root.find(("a", "b", 1, "c"), key=True) == (2, 11)
    assert root.find(("d e",), key=True) == (3, 1)
    assert root.find(("a", "no-such", "b", 0)) == (2, 7)


def test_numbers_and_words_as_keys_stay_what_was_written() -> None:
    root = read_document(b"{80: a, yes: b, 0x1: c}", "f.yaml").root
    assert root is not None
    assert root.plain() == {"80": "a", "yes": "b", "0x1": "c"}


def test_aliases_and_merges() -> None:
    text = b"base: &b {x: 1, y: 2}\nlist: &l [1]\none: {<<: *b, y: 3}\ntwo: {<<: [*b], z: *l}\n"
    root = read_document(text, "f.yaml").root
    assert root is not None
    plain = root.plain()
    assert isinstance(plain, dict)
    assert plain["one"] == {"y": 3, "x": 1}
    assert plain["two"] == {"z": [1], "x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2\nb: 3", "2:2: not YAML: expected ',' or ']', but got ':', while parsing a flow sequence"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ("a: \x07", "1:4: a control character stands here, which YAML does not allow"),
        ('a: "\\e[31m"', "1:4: a control character stands here, which no value may hold"),
        ('a: "\\ud800"', "1:4: a control character stands here, which no value may hold"),
        ("a: 1\n---\nb: 2", "2:1: a second document starts here; only one is read"),
        ("", "1:1: the file is empty"),
        ("# only a comment\n", "1:1: the file is empty"),
        ("a: !!python/object:os.system x", "1:4: tags are not supported here"),
        ("? [a]\n: b", "1:3: a key must be a single word, not a list or mapping"),
        ("a: *b", '1:4: the alias "b" names nothing that ends before it'),
        ("a: &x [*x]", '1:8: the alias "x" names nothing that ends before it'),
        ("<<: 5", '1:1: "<<" takes an alias of a mapping, or a list of them'),
        ('- "\\UFFFFFFFF"', "1:1: the YAML parser cannot read on from here"),
    ],
)
def test_one_fault_is_said_at_its_place(text: str, expected: str) -> None:
    assert said(text) == [expected]


def test_every_duplicate_is_named_and_the_first_value_counts() -> None:
    document = read_document(b"a: 1\nb: {c: 2, c: 3}\na: 4\n", "f.yaml")
    assert [str(problem) for problem in document.problems] == [
        'f.yaml:2:11: "c" stands here a second time (first on line 2)',
        'f.yaml:3:1: "a" stands here a second time (first on line 1)',
    ]
    assert document.root is not None
    assert document.root.plain() == {"a": 1, "b": {"c": 2}}


def test_bytes_that_are_not_text_are_placed() -> None:
    assert said(b"a: 1\nb: \xff") == ["2:4: this is not UTF-8 text"]


@pytest.mark.parametrize("text", ["[" * 40 + "]" * 40, "{a: " * 40 + "1" + "}" * 40])
def test_depth_is_capped(text: str) -> None:
    assert any("nested deeper than 32 levels" in line for line in said(text))


def test_size_is_capped() -> None:
    assert said(b"#" * (MAX_BYTES + 1)) == ["1:1: the file is larger than 1024 KiB"]


def test_aliases_are_capped() -> None:
    assert any("more than 100 aliases" in line for line in said("a: &a 1\nb: [" + "*a, " * 101 + "]"))


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert any("written out, the aliases make more than" in line for line in said("\n".join(lines)))


def test_a_ladder_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 " + "[" * 20 + "x" + "]" * 20]
    lines += [f"a{n}: &a{n} " + "[" * 20 + f"*a{n - 1}" + "]" * 20 for n in range(1, 90)]
    assert any("written out, the aliases nest deeper" in line for line in said("\n".join(lines)))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-[]{},&*?|>'\"#!%@ \n\t\\u0\x00é<", max_size=40))
def test_any_text_is_a_document_or_has_a_placed_problem(text: str) -> None:
    document = read_document(text.encode(), "f.yaml")
    assert document.root is not None or document.problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in document.problems)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_document_or_have_a_problem(data: bytes) -> None:
    document = read_document(data, "f.yaml")
    assert document.root is not None or document.problems
