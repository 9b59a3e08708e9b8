"""Every command of ours that is printed or copied: made in one place, with the configuration, and one that exists."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from console.cli.main import COMMANDS
from console.own_commands import name_configuration, options_for, own_command
from tests.source import Module, modules
from tests.test_budget import must_be_empty

NAMED = re.compile(rf"opsconsole ({'|'.join(name for name in COMMANDS if not name.startswith('_'))})\b")
ELSEWHERE = {
    "console/config/reference.py": "the manual",
    "console/present/verdict_page.py": "the manual",
    "console/config/paths.py": "the demo needs no configuration",
}
SAMPLES = {"do": "deploy", "run": "7", "name": "lab", "path": "'/srv/a list.md'", "least": "", "ids": "0b54be6e"}
"""What stands in a command by the last word of the expression that is printed there; any other one is a name."""


def literals(module: Module) -> Iterator[tuple[int, str]]:
    """The texts of a module but for its docstrings."""
    texts = {
        id(each.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for each in node.body
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield node.lineno, node.value


def printed() -> Iterator[tuple[str, str]]:
    """Each call of `own_command`, with its words as they may come out."""
    for module in modules("console"):
        for node in ast.walk(module.tree):
            named = node.func if isinstance(node, ast.Call) else None
            # Panes are handed the same function as `attached.command`.
            made = (isinstance(named, ast.Name) and named.id == "own_command") or (
                isinstance(named, ast.Attribute) and named.attr == "command" and "attached" in ast.unparse(named)
            )
            if made and isinstance(node, ast.Call):
                yield module.at(node.lineno), words(node.args[0])


def words(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call):
        # `f"…".rstrip()`
        assert isinstance(node.func, ast.Attribute)
        return words(node.func.value).strip()
    assert isinstance(node, ast.JoinedStr), ast.dump(node)
    return "".join(
        str(each.value) if isinstance(each, ast.Constant) else sample(ast.unparse(each.value))
        for each in node.values
        if isinstance(each, ast.Constant | ast.FormattedValue)
    )


def sample(expression: str) -> str:
    if "offer_words" in expression:
        return "maintenance --param do=up"
    if "self.COMMAND" in expression:
        return "status"
    if "quote" in expression:
        return "/tmp/p.json"
    last = re.findall(r"\w+", expression)[-1]
    return SAMPLES.get(last, "7" if last in ("id", "run", "number") else "done" if "choices" in expression else "lab")


def test_no_command_is_printed_past_the_one_place() -> None:
    found = [
        f"{module.at(line)}: {text.strip()[:80]}"
        for module in modules("console")
        if module.path.as_posix() not in ELSEWHERE and not module.path.as_posix().startswith("console/demo/")
        for line, text in literals(module)
        if NAMED.search(text)
    ]
    must_be_empty(found, "`own_commands.own_command` names the configuration behind it")


@pytest.mark.parametrize(("place", "text"), sorted(printed()))
def test_every_printed_command_is_one(place: str, text: str) -> None:
    name_configuration(Path("/etc/my o.yaml"))
    argv = shlex.split(own_command(text.replace("| ", ""), configured=not text.startswith("checklist")))
    assert argv[0] == "opsconsole", place
    parsed(argv[1:])


def parsed(argv: list[str]) -> None:
    """Reads a command line as the command line would, and does nothing."""
    module, _, attribute = COMMANDS[argv[0]].target.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    rest = argv[1:]
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, rest[0]
        command, rest = found, rest[1:]
    # "N", "ENV" and other words in capitals stand for what only the reader knows.
    rest = ["7" if word == "N" else word for word in rest]
    command.make_context("opsconsole", rest)


def test_a_command_to_paste_names_the_config_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPSCONSOLE_CONFIG", raising=False)
    assert options_for(Path("/etc/my o.yaml")) == " --config '/etc/my o.yaml'"
    monkeypatch.setenv("OPSCONSOLE_CONFIG", "/etc/my o.yaml")
    assert options_for(Path("/etc/my o.yaml")) == ""
    assert options_for(None) == ""


@pytest.mark.parametrize("variable", ["", "lab/o.yaml"])
def test_a_command_to_paste_finds_a_relative_config_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("OPSCONSOLE_CONFIG", variable)
    monkeypatch.chdir(tmp_path)
    assert options_for(Path("lab/o.yaml")) == f" --config {tmp_path}/lab/o.yaml"
