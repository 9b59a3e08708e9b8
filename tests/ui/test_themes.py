"""Themes: every shipped one is readable, broken ones fall back."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.ui.themes import DARK, DARK_16, ThemeFile, load_themes, parse_theme
from tests.colours import PALETTES_16, contrast, hex_256

THEMES = load_themes(Path(__file__).parents[2] / "themes")
BACKGROUNDS = ("background", "raised", "selection")
ON = {"protected": "on_protected", "selection": "on_selection"}
FOREGROUNDS = ("text", "dim", "accent", "ok", "warning", "error")


def test_dark_and_light_are_shipped_whole() -> None:
    assert {theme.name for theme in THEMES} >= {"dark", "light"}
    assert [theme.problems for theme in THEMES] == [()] * len(THEMES)
    assert {theme.name: theme.dark for theme in THEMES}["light"] is False


def test_contrast_is_measured_as_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_colour_can_be_read_on_every_background(theme: ThemeFile) -> None:
    token = theme.tokens
    for back in BACKGROUNDS:
        for front in FOREGROUNDS:
            assert contrast(token[front], token[back]) >= 4.5, f"{front} on {back}"
    for back, front in ON.items():
        assert contrast(token[front], token[back]) >= 4.5, f"{front} on {back}"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_in_256_colours_every_text_can_be_read_and_the_cursors_row_and_protection_are_seen(theme: ThemeFile) -> None:
    token = {name: hex_256(number) for name, number in theme.tokens_256.items()}
    for back in BACKGROUNDS:
        for front in FOREGROUNDS:
            assert contrast(token[front], token[back]) >= 4.5, f"{front} on {back}"
    for back, front in ON.items():
        assert contrast(token[front], token[back]) >= 4.5, f"{front} on {back}"
    assert token["selection"] not in (token["background"], token["raised"])
    red, green, blue = (int(token["protected"][at : at + 2], 16) for at in (1, 3, 5))
    assert red > 2 * max(green, blue)


@pytest.mark.parametrize("palette", PALETTES_16)
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_in_sixteen_colours_too_whichever_the_terminal_takes_for_them(theme: ThemeFile, palette: str) -> None:
    token = {name: PALETTES_16[palette][number] for name, number in theme.tokens_16.items()}
    for back in ("background", "raised"):
        for front in FOREGROUNDS:
            assert contrast(token[front], token[back]) >= 4.5, f"{front} on {back}"
    for back, front in ON.items():
        assert contrast(token[front], token[back]) >= 4.5, f"{front} on {back}"
    # The row of the cursor is told from any other by far, not by a shade.
    assert contrast(token["selection"], token["background"]) >= 4.5
    assert theme.tokens_16["protected"] == 1


def test_a_broken_theme_is_reported_and_falls_back() -> None:
    theme = parse_theme('title = "Odd"\n[tokens]\naccent = "blue"\nok = "#00ff00"\nextra = "#000000"\n', "odd")
    assert theme.tokens["accent"] == DARK["accent"]
    assert theme.tokens["ok"] == "#00ff00"
    assert "odd: accent is not a colour like #1c2935" in theme.problems
    assert "odd: line is missing" in theme.problems
    assert "odd: extra is no token" in theme.problems
    assert "odd: tokens_256: line is missing" in theme.problems
    few = parse_theme('[tokens_16]\nok = "greenish"\nerror = "bright_red"\n[tokens_256]\nok = 7\n', "few")
    assert few.tokens_16["ok"] == DARK_16["ok"] and few.tokens_16["error"] == 9
    assert "few: tokens_16: ok is not a name like red or bright_red" in few.problems
    assert "few: tokens_256: ok is not a number from 16 to 255" in few.problems
    assert parse_theme("not toml at all", "odd").tokens == DARK


def test_an_empty_folder_still_gives_a_theme(tmp_path: Path) -> None:
    assert [theme.name for theme in load_themes(tmp_path)] == ["dark"]
    assert [theme.name for theme in load_themes(tmp_path / "missing")] == ["dark"]
