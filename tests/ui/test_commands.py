"""The command table: ids, keys and what is made from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.ui.commands import CHAINS, COMMANDS, WHERE, bindings, command, commands, hint, keys_document

FORBIDDEN = {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q"}
PORTABLE = {f"ctrl+{letter}" for letter in "cdefgklnoprtuvwxyz"} | {"shift+tab"}


def test_ids_are_unique_and_every_row_is_complete() -> None:
    ids = [each.id for each in COMMANDS]
    assert len(ids) == len(set(ids))
    for each in COMMANDS:
        assert each.keys and each.title and each.help and each.where in WHERE
        assert len(each.help) <= 40, "the help has two columns at 120"


@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
def test_a_key_belongs_to_one_command_within_a_focus_chain(chain: tuple[str, ...]) -> None:
    seen: dict[str, str] = {}
    for where in chain:
        for each in commands(where):
            for key in each.keys.split(","):
                assert key not in seen, f"{key}: {seen[key]} and {each.id}"
                seen[key] = each.id


def test_every_place_stands_in_a_chain() -> None:
    assert {where for chain in CHAINS for where in chain} == set(WHERE)


def test_no_key_that_terminals_or_multiplexers_keep_for_themselves() -> None:
    for each in COMMANDS:
        for key in each.keys.split(","):
            assert key not in FORBIDDEN
            if "+" in key:
                assert key in PORTABLE, f"{key} is only sent with the kitty protocol"


def test_colon_names_are_unique() -> None:
    names = [each.name for each in COMMANDS if each.name]
    assert len(names) == len(set(names))


def test_production_actions_are_the_only_capitals_that_plan() -> None:
    keys = {each.keys: each.production for each in COMMANDS if each.production}
    assert keys == {
        "D": "deploy",
        "R": "rollback",
        "C": "cleanup",
        "B": "backup",
        "W": "workers",
        "M": "maintenance",
    }


def test_bindings_carry_the_ids_for_a_keymap() -> None:
    made = bindings("failed")
    assert {binding.id for binding in made} == {each.id for each in commands("failed")}
    assert hint(["failed.retry", "failed.forget"]) == "r retry  x forget"
    assert command("help.show").label == "?"
    with pytest.raises(KeyError):
        command("nothing")


def test_the_reference_is_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "keys.md"
    assert page.read_text("utf-8") == keys_document()
