"""Everything defined in the console is used by the console: what only its tests call is not part of it.

Counts references by name, with the tests left out. What stands at the top of a module must be named there, imported
from there, or asked of that module; a method or class attribute must be asked of some object. A name that two classes
share therefore hides one of them; what is reported is certain.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tests.source import ROOT, Function, Module, modules
from tests.test_budget import must_be_empty

CONSOLE = modules("console")
NAMES = {each.name for each in CONSOLE}
PLAIN = {
    "property", "staticmethod", "classmethod", "cached_property", "abstractmethod", "contextmanager", "overload",
    "override", "dataclass", "setter", "cache", "lru_cache", "runtime_checkable", "final", "total_ordering",
}  # fmt: skip
"""Decorators after which somebody still has to use what they decorate; any other one may hand it to a library."""
FOR_DRIVERS = {
    "console/clients/ssh_transport.py": "WatchedSocket",
    "console/clients/tunnel.py": "ChannelSocket",
}
"""Classes that a driver takes in place of a socket: their methods are called by the driver alone."""
BY_NAME = re.compile(r"_?(on|watch|key|compute|validate)_|do_[A-Z]+")
"""Methods that Textual, or the standard library's web server, finds by their name."""
LATER = {"Source.decode", "PerformContext.doing", "Performance.doing"}
"""The other half of a codec whose first half is in use; the way back of a step that the runner performs."""
NAMED = re.compile(r"(?:[\w.]+[:.])?(\w+)(?:\(.*\))?")
"""A string that may name something: an attribute, `module:attribute`, or a key's `action(argument)`."""


class References:
    """Who is named where: by name alone, or by the module that it comes from."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.strings: Counter[str] = Counter()
        self.paths: Counter[str] = Counter(re.findall(r"\w+", (ROOT / "Makefile").read_text()))
        self.of_module: Counter[tuple[str, str]] = Counter()
        self.loaded_by_name: set[str] = set()
        for module in CONSOLE:
            self._read(module)

    def _read(self, module: Module) -> None:
        known: dict[str, str] = {}
        for each in ast.walk(module.tree):
            if isinstance(each, ast.Import):
                known |= {alias.asname or alias.name: alias.name for alias in each.names}
            elif isinstance(each, ast.ImportFrom) and each.module:
                for alias in each.names:
                    self.of_module[each.module, alias.name] += 1
                    known[alias.asname or alias.name] = f"{each.module}.{alias.name}"
        for each in ast.walk(module.tree):
            if isinstance(each, ast.Attribute):
                self.asked[each.attr] += 1
                if isinstance(each.value, ast.Name):
                    self.of_module[known.get(each.value.id, ""), each.attr] += 1
            elif isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Store):
                self.of_module[module.name, each.id] += 1
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                if each.value.partition(":")[0] in NAMES:
                    self.loaded_by_name.add(each.value.partition(":")[0])
                if named := NAMED.fullmatch(each.value):
                    (self.paths if ":" in each.value else self.strings)[named[1]] += 1


def inside(definition: ast.AST, name: str, *, of_object: bool) -> int:
    """How often a definition uses itself: as something of an object, or by its bare name."""
    if of_object:
        return sum(isinstance(each, ast.Attribute) and each.attr == name for each in ast.walk(definition))
    return sum(
        isinstance(each, ast.Name) and each.id == name and not isinstance(each.ctx, ast.Store)
        for each in ast.walk(definition)
    )


def handed_over(definition: ast.AST) -> bool:
    """Whether a decorator gives the thing to somebody who calls it."""
    marks = getattr(definition, "decorator_list", [])
    names = {ast.unparse(mark.func if isinstance(mark, ast.Call) else mark).split(".")[-1] for mark in marks}
    return bool(names - PLAIN)


def defined(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """What a module or class defines, with its names; a dataclass' fields are left out, a codec reads them all."""
    for each in body:
        if isinstance(each, Function | ast.ClassDef) and not handed_over(each):
            yield each, each.name
        elif isinstance(each, ast.Assign):
            yield from ((each, target.id) for target in each.targets if isinstance(target, ast.Name))


def outer(module: Module, name: str) -> set[str]:
    """What a class inherits from outside the console, and so may define for whoever is there."""
    found: Any = getattr(import_module(module.name), name)
    bases = [base for base in found.__mro__ if not base.__module__.startswith("console") and base is not object]
    return {each for base in bases for each in dir(base)} | ({"*"} if "Enum" in {b.__name__ for b in bases} else set())


def unused_in_class(module: Module, found: ast.ClassDef, references: References) -> Iterator[str]:
    theirs = outer(module, found.name)
    if "*" in theirs or FOR_DRIVERS.get(module.path.as_posix()) == found.name:
        return
    for each, name in defined(found.body):
        if name.startswith("__") or name in theirs or f"{found.name}.{name}" in LATER or BY_NAME.match(name):
            continue
        used = (
            references.asked[name]
            - inside(each, name, of_object=True)
            + references.strings[name.removeprefix("action_")]
        )
        if used <= 0:
            yield f"{module.at(each.lineno)} {found.name}.{name}"


def test_everything_is_used_by_more_than_its_tests() -> None:
    references = References()
    found: list[str] = []
    for module in CONSOLE:
        for each, name in defined(module.tree.body):
            used = references.of_module[module.name, name] + references.paths[name]
            used += references.asked[name] if module.name in references.loaded_by_name else 0
            if used - inside(each, name, of_object=False) <= 0 and not name.startswith("__"):
                found.append(f"{module.at(each.lineno)} {name}")
            elif isinstance(each, ast.ClassDef):
                found += unused_in_class(module, each, references)
    must_be_empty(found, "nothing of the console uses it: take it away, with the tests that only test it")
