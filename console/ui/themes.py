"""Themes from TOML files: tokens become Textual themes, and a broken file falls back token by token.

Owns the tokens and their defaults; no other module of the screen names a colour. Must not know any widget of ours.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

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
    "on_selection": "#c9d1d9",
}
"""Every token with the value it has when no file gives one."""
DARK_256 = {
    "background": 233,
    "raised": 234,
    "line": 240,
    "text": 252,
    "dim": 248,
    "accent": 75,
    "ok": 78,
    "warning": 179,
    "error": 210,
    "protected": 124,
    "on_protected": 231,
    "selection": 237,
    "on_selection": 252,
}
"""The same in the fixed part of 256 colours, 16 to 255: the first sixteen look different on each terminal."""
DARK_16 = {
    "background": 0,
    "raised": 0,
    "line": 8,
    "text": 15,
    "dim": 7,
    "accent": 14,
    "ok": 10,
    "warning": 11,
    "error": 9,
    "protected": 1,
    "on_protected": 15,
    "selection": 7,
    "on_selection": 0,
}
"""The same in sixteen colours; what is written on `selection` is always `on_selection`."""
NAMES_16 = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")

T = TypeVar("T", str, int)
_Reader = Callable[[object], T | None]
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme read from a file. `tokens` are `#rrggbb`, the others numbers of colours. `problems` are sentences about
    what was replaced by a default."""

    name: str
    title: str
    dark: bool
    tokens: dict[str, str]
    problems: tuple[str, ...] = ()
    tokens_256: dict[str, int] = field(default_factory=lambda: dict(DARK_256))
    tokens_16: dict[str, int] = field(default_factory=lambda: dict(DARK_16))

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
        "on-selection": tokens["on_selection"],
        "block-cursor-background": tokens["selection"],
        "block-cursor-foreground": tokens["on_selection"],
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
    tokens, problems = _table(document, f"{name}: ", _Table("tokens", DARK, _rgb, "a colour like #1c2935"))
    many, more = _table(
        document, f"{name}: tokens_256: ", _Table("tokens_256", DARK_256, _of_256, "a number from 16 to 255")
    )
    few, most = _table(
        document, f"{name}: tokens_16: ", _Table("tokens_16", DARK_16, _of_16, "a name like red or bright_red")
    )
    title = document.get("title")
    shown = title if isinstance(title, str) else name
    return ThemeFile(name, shown, document.get("dark") is not False, tokens, (*problems, *more, *most), many, few)


@dataclass(frozen=True, slots=True)
class _Table(Generic[T]):
    """One table of a theme file: its name, the defaults, what reads a value, and what a value should have been."""

    name: str
    defaults: Mapping[str, T]
    read: _Reader[T]
    wanted: str


def _table(document: Mapping[str, object], at: str, table: _Table[T]) -> tuple[dict[str, T], list[str]]:
    """The tokens of one table, and what was wrong with it."""
    found = document.get(table.name)
    given = found if isinstance(found, dict) else {}
    tokens: dict[str, T] = {}
    problems = []
    for token, default in table.defaults.items():
        value = table.read(given[token]) if token in given else None
        tokens[token] = default if value is None else value
        if value is None:
            problems.append(f"{at}{token} is not {table.wanted}" if token in given else f"{at}{token} is missing")
    return tokens, problems + [f"{at}{token} is no token" for token in given if token not in table.defaults]


def _rgb(value: object) -> str | None:
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else None


def _of_256(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 16 <= value <= 255 else None


def _of_16(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    name = value.removeprefix("bright_")
    return NAMES_16.index(name) + 8 * (name != value) if name in NAMES_16 else None


def load_themes(folder: Path) -> tuple[ThemeFile, ...]:
    """Every theme of a folder by name; the built-in dark one when the folder holds none."""
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    themes = tuple(parse_theme(file.read_text("utf-8"), file.stem) for file in files)
    return themes or (ThemeFile("dark", "Dark", True, dict(DARK)),)
