"""Data is never parsed as markup: whatever Textual would parse gets literals, Content, or markup switched off."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "console" / "ui"
FILES = sorted(UI.rglob("*.py"))
# Calls whose first argument Textual parses as markup when it is a plain string.
SINKS = {"Static", "Label", "Button", "notify", "Option", "Tab", "Checkbox", "RadioButton", "Collapsible"}
# Calls that always parse.
PARSERS = {"from_markup", "render_markup", "from_text", "escape"}
TITLES = {"border_title", "border_subtitle", "tooltip", "placeholder_markup"}
SAFE = {"Content", "compose_line", "Text", "assemble"}


def offenders(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in PARSERS:
                found.append((node.lineno, f"{name} parses markup"))
            off = any(
                keyword.arg == "markup" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                for keyword in node.keywords
            )
            if name in SINKS and not off and any(not harmless(argument) for argument in node.args):
                found.append((node.lineno, f"{name} gets something that is no literal"))
            # Widget.update of a Static takes markup; ours only ever get Content.
            if name == "update" and "query_one" in ast.dump(node.func) and not all(map(harmless, node.args)):
                found.append((node.lineno, "update gets something that is no Content"))
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in TITLES and not harmless(node.value):
                    found.append((node.lineno, f"{target.attr} gets something that is no Content"))
    return found


def harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute):
            return function.attr in SAFE or (function.attr == "join" and harmless(function.value))
        return isinstance(function, ast.Name) and function.id in SAFE
    return False


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(UI)))
def test_no_data_reaches_a_markup_parser(file: Path) -> None:
    assert offenders(ast.parse(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "Static(name)",
        "Static(f'{name}')",
        "self.notify(text)",
        "self.notify(text, markup=True)",
        "box.border_title = title",
        "Content.from_markup('x')",
        "self.query_one('#x', Static).update(text)",
    ],
)
def test_the_test_would_find(code: str) -> None:
    assert offenders(ast.parse(code))


def test_only_one_function_writes_to_the_clipboard() -> None:
    writers = [file.name for file in FILES if "]52;" in file.read_text("utf-8")]
    assert writers == ["safety.py"]
