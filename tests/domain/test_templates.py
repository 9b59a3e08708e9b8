"""Templates: whole argv elements, text inside one, scripts; and values that must never become syntax."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.documents import Json
from console.domain.templates import fill, fill_script, names
from console.errors import RefusedError, UsageError

SCOPE: dict[str, Json] = {
    "param": {"ref": "main", "ids": ["a", "b"], "none": None, "yes": True, "n": 3},
    "env": {"name": "lab"},
}


def test_text_lists_and_mappings() -> None:
    document: Json = {
        "a": ["x", "{param.ref}", "--ref={param.ref}"],
        "b": "{env.name} {param.n} {param.yes}{param.none}",
    }
    assert fill(document, SCOPE) == {"a": ["x", "main", "--ref=main"], "b": "lab 3 true"}


def test_a_list_becomes_that_many_elements() -> None:
    assert fill(["queue:retry", "{param.ids}", "end"], SCOPE) == ["queue:retry", "a", "b", "end"]
    assert fill(["ids: {param.ids}"], SCOPE) == ["ids: a b"]


def test_other_braces_stay() -> None:
    text = "awk '{print $1}' ${HOME} {x} {unknown.root} {param}"
    assert fill(text, SCOPE) == text
    assert names(["{param.ref}", {"k": "{env.name}{x}"}, 5]) == {"param.ref", "env.name"}


@pytest.mark.parametrize("name", ["param.missing", "param.ref.deeper", "host.name"])
def test_unknown_names_are_an_error(name: str) -> None:
    with pytest.raises(UsageError, match="stands for nothing"):
        fill("{" + name + "}", SCOPE)


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "a\rb"])
def test_frames_are_refused(value: str) -> None:
    with pytest.raises(RefusedError):
        fill("x{param.v}", {"param": {"v": value}})


@pytest.mark.parametrize("value", ["-rf", ["ok", "--force"]])
def test_a_whole_element_never_begins_with_a_dash(value: str | list[str]) -> None:
    scope: dict[str, Json] = {"param": {"v": list(value) if isinstance(value, list) else value}}
    with pytest.raises(RefusedError, match="dash"):
        fill(["{param.v}"], scope)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=30))
def test_any_value_stays_one_word(value: str) -> None:
    if value.startswith("-"):
        return
    filled = fill(["printf", "%s", "{param.v}"], {"param": {"v": value}})
    assert isinstance(filled, list)
    script = " ".join(shlex.quote(str(word)) for word in filled)
    done = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True)
    assert done.stdout.decode() == value


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20))
def test_a_script_takes_plain_values_only(value: str) -> None:
    try:
        filled = fill_script("echo {param.v}", {"param": {"v": value}})
    except RefusedError:
        return
    assert all(letter.isalnum() or letter in "_./:@%+=,-" for letter in filled.removeprefix("echo "))
