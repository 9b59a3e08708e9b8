"""Themes: every shipped one is readable, broken ones fall back."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.ui.themes import DARK, ThemeFile, load_themes, parse_theme

THEMES = load_themes(Path(__file__).parents[2] / "themes")
BACKGROUNDS = ("background", "raised", "selection")
FOREGROUNDS = ("text", "dim", "accent", "ok", "warning", "error")


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two `#rrggbb` colours as WCAG defines it, 1 to 21."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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
    assert contrast(token["on_protected"], token["protected"]) >= 4.5


def test_a_broken_theme_is_reported_and_falls_back() -> None:
    theme = parse_theme('title = "Odd"\n[tokens]\naccent = "blue"\nok = "#00ff00"\nextra = "#000000"\n', "odd")
    assert theme.tokens["accent"] == DARK["accent"]
    assert theme.tokens["ok"] == "#00ff00"
    assert "odd: accent is not a colour like #1c2935" in theme.problems
    assert "odd: line is missing" in theme.problems
    assert "odd: extra is no token" in theme.problems
    assert parse_theme("not toml at all", "odd").tokens == DARK


def test_an_empty_folder_still_gives_a_theme(tmp_path: Path) -> None:
    assert [theme.name for theme in load_themes(tmp_path)] == ["dark"]
    assert [theme.name for theme in load_themes(tmp_path / "missing")] == ["dark"]
