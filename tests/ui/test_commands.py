"""The command table: ids, keys and what is made from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.ui.command_index import all_commands, commands_of, keys_document, places, with_panes
from console.ui.commands import bindings, command, commands, hint
from console.ui.pane import Pane
from console.ui.panes import PANES, load, panes

CHAINS = (
    *(("app", "main", *pane.CHAIN, pane.NAME) for pane in panes()),
    ("app", "main", "table", "drawer"),
    ("app", "input"),
    ("app", "detail", "text"),
    ("app", "confirm", "text"),
    ("app", "help", "text"),
)
"""Places whose keys are live together; within a chain a key belongs to one command."""
FORBIDDEN = {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q"}
PORTABLE = {f"ctrl+{letter}" for letter in "cdefgklnoprtuvwxyz"} | {"shift+tab"}


def test_ids_are_unique_and_every_row_is_complete() -> None:
    ids = [each.id for each in all_commands()]
    assert len(ids) == len(set(ids))
    for each in all_commands():
        assert each.keys and each.title and each.help and each.where in places()
        assert len(each.help) <= 40, "the help has two columns at 120"


@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
def test_a_key_belongs_to_one_command_within_a_focus_chain(chain: tuple[str, ...]) -> None:
    seen: dict[str, str] = {}
    for where in chain:
        for each in commands_of(where):
            for key in each.keys.split(","):
                assert key not in seen, f"{key}: {seen[key]} and {each.id}"
                seen[key] = each.id


def test_every_place_stands_in_a_chain() -> None:
    assert {where for chain in CHAINS for where in chain} == set(places())


class Greedy(Pane):
    """A pane that takes a key which its table has."""

    NUMBER, NAME, TITLE = 4, "failed", "Failed jobs"
    CHAIN = ("table", "logs")


def test_a_pane_whose_keys_are_taken_where_it_is_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"in the pane failed the key j is that of table.down and of logs.down"):
        with_panes((Greedy,))


def test_two_panes_with_one_digit_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="digit 4 or its name 'failed' is another pane's"):
        load((*PANES, f"{__name__}:Greedy"))


def test_each_pane_is_a_digit_a_word_and_a_place_with_a_heading() -> None:
    for pane in panes():
        digit = next(each for each in all_commands() if each.id == f"pane.{pane.NUMBER}")
        assert (digit.keys, digit.name, digit.where) == (str(pane.NUMBER), pane.NAME, "main")
        assert places()[pane.NAME] == f"{pane.TITLE} pane"
    assert [pane.NUMBER for pane in panes()] == list(range(1, len(PANES) + 1))


def test_no_key_that_terminals_or_multiplexers_keep_for_themselves() -> None:
    for each in all_commands():
        for key in each.keys.split(","):
            assert key not in FORBIDDEN
            if "+" in key:
                assert key in PORTABLE, f"{key} is only sent with the kitty protocol"


def test_colon_names_are_unique() -> None:
    names = [each.name for each in all_commands() if each.name]
    assert len(names) == len(set(names))


def test_production_actions_are_the_only_capitals_that_plan() -> None:
    keys = {each.keys: each.production for each in all_commands() if each.production}
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
