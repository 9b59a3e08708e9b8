"""Themes from TOML files: tokens become Textual themes, and a broken file falls back token by token.

Owns the tokens and their defaults; no other module of the screen names a colour. Must not know any widget of ours.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from textual.theme import Theme

DARK = {
    "background": "#0f1419",
    "raised": "#131a21",
    "line": "#2b3640",
    "text": "#c9d1d9",
    "dim": "#8593a1",
    "accent": "#5fb3ff",
    "ok": "#57c785",
    "warning": "#e6b450",
    "error": "#f07178",
    "protected": "#a8322e",
    "on_protected": "#ffffff",
    "selection": "#1c2935",
}
"""Every token with the value it has when no file gives one."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme read from a file. `problems` are sentences about what was replaced by a default."""

    name: str
    title: str
    dark: bool
    tokens: dict[str, str]
    problems: tuple[str, ...] = ()

    def textual(self) -> Theme:
        """The same as Textual takes it; the tokens that Textual has no name for become variables."""
        token = self.tokens
        return Theme(
            name=self.name,
            primary=token["accent"],
            secondary=token["dim"],
            accent=token["accent"],
            warning=token["warning"],
            error=token["error"],
            success=token["ok"],
            foreground=token["text"],
            background=token["background"],
            surface=token["background"],
            panel=token["raised"],
            dark=self.dark,
            variables=variables(token),
        )


def variables(tokens: dict[str, str]) -> dict[str, str]:
    """CSS variables for the tokens Textual has no name for, and for its own parts that we use."""
    return {
        "raised": tokens["raised"],
        "line": tokens["line"],
        "dim": tokens["dim"],
        "protected": tokens["protected"],
        "on-protected": tokens["on_protected"],
        "selection": tokens["selection"],
        "block-cursor-background": tokens["selection"],
        "block-cursor-foreground": tokens["text"],
        "input-cursor-background": tokens["accent"],
        "input-cursor-foreground": tokens["background"],
        "input-selection-background": tokens["selection"],
        "scrollbar": tokens["line"],
        "scrollbar-hover": tokens["dim"],
        "scrollbar-active": tokens["accent"],
        "scrollbar-background": tokens["background"],
        "scrollbar-background-hover": tokens["background"],
        "scrollbar-background-active": tokens["background"],
        "scrollbar-corner-color": tokens["background"],
        "border": tokens["accent"],
        "border-blurred": tokens["line"],
    }


def parse_theme(text: str, name: str) -> ThemeFile:
    """A theme from a file's text; never fails: what is wrong is named in `problems` and replaced."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return ThemeFile(name, name, True, dict(DARK), (f"{name}: not TOML: {error}",))
    given = document.get("tokens")
    given = given if isinstance(given, dict) else {}
    tokens, problems = {}, []
    for token, default in DARK.items():
        value = given.get(token, default)
        if isinstance(value, str) and _COLOUR.fullmatch(value):
            tokens[token] = value
        else:
            tokens[token] = default
            problems.append(f"{name}: {token} is not a colour like #1c2935")
        if token not in given:
            problems.append(f"{name}: {token} is missing")
    problems += [f"{name}: {token} is no token" for token in given if token not in DARK]
    title = document.get("title")
    return ThemeFile(
        name, title if isinstance(title, str) else name, document.get("dark") is not False, tokens, tuple(problems)
    )


def load_themes(folder: Path) -> tuple[ThemeFile, ...]:
    """Every theme of a folder by name; the built-in dark one when the folder holds none."""
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    themes = tuple(parse_theme(file.read_text("utf-8"), file.stem) for file in files)
    return themes or (ThemeFile("dark", "Dark", True, dict(DARK)),)
