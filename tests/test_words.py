"""The repository's words: nothing names the machine it was made on, and names in the code are those of the glossary."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.source import ROOT, Module, modules, texts
from tests.test_budget import must_be_empty

# Written in parts, because this file is read by its own test.
PLACES = [
    re.compile("/" + r"work/(?!flows)"),
    re.compile(r"\." + "library"),
    re.compile("/opt/" + "(wheels|pypi)"),
    re.compile("py" + r"pi\.(org|python)"),
    re.compile("pythonhosted" + r"\.org"),
    re.compile("packagist" + r"\.org"),
    re.compile("registry" + r"\.npmjs"),
    re.compile("/tmp/" + "boot"),
    re.compile("FIX" + "ME|XX" + "X"),
]
OTHERS = re.compile(r"(?i)(manager|helper|^utils?$|_utils?$|^common$|^misc$|singleton)")
ROOMS = {"planning", "polling", "running", "tailing", "wiring"}
"""Packages: what goes on there is their subject."""
VAGUE = {"answer", "desk", "ended", "look", "means", "once", "opened", "told"}
"""Words of which everybody would ask: whose, and in what? As a part of a class's name they may stand."""
PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def test_no_place_of_the_machine_it_was_made_on() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if any(place.search(line) for place in PLACES)
    ]
    must_be_empty(found, "a reader has neither that directory nor that host")


def test_names_are_those_of_the_glossary() -> None:
    rejected = rejected_words()
    assert {"wish", "told", "acting", "mutex", "backlog"} <= rejected
    found = [
        f"{module.at(line)}: {name}"
        for module in modules("console")
        for line, name in names(module)
        if OTHERS.search(name) or pieces(name) & rejected
    ]
    must_be_empty(found, "the glossary has a word for that (docs/architecture.md)")


def test_modules_are_nouns() -> None:
    found = [
        str(module.path)
        for module in modules("console")
        for part in module.name.split(".")
        if part.endswith("ing") and part not in ROOMS
    ]
    must_be_empty(found, "a module is called by the thing it holds, not by what is done")


def test_one_name_is_one_class() -> None:
    places = defaultdict(list)
    for module in modules("console"):
        for each in module.tree.body:
            if isinstance(each, ast.ClassDef):
                places[each.name].append(module.at(each.lineno))
    found = [f"{name}: {', '.join(at)}" for name, at in sorted(places.items()) if len(at) > 1]
    must_be_empty(found, "two classes of one name are two meanings of one word")


def test_names_say_of_what_they_are() -> None:
    found = []
    for module in modules("console"):
        own = [(1, module.name.rsplit(".", 1)[-1])]
        own += [(each.lineno, each.name) for each in module.tree.body if isinstance(each, ast.ClassDef)]
        found += [f"{module.at(line)}: {name}" for line, name in own if name.lower() in VAGUE]
    must_be_empty(found, "a name says of what it is: `ProbeAnswer`, not `Answer`")


def names(module: Module) -> list[tuple[int, str]]:
    """The parts of the module's name, its functions and its classes, each with its line."""
    own = [(1, part) for part in module.name.split(".")]
    return own + [(each.lineno, each.name) for each in (*module.functions, *module.classes)]


def pieces(name: str) -> set[str]:
    """The words of a name: `HeldLock` and `held_lock` have the same."""
    return {piece.lower() for piece in PIECE.findall(name)}


def rejected_words() -> set[str]:
    """What the glossary says a thing is not called."""
    glossary = (ROOT / "docs/architecture.md").read_text().partition("\n## Glossary\n")[2]
    rows = [line.strip().strip("|").split(" | ") for line in glossary.splitlines() if line.startswith("| ")]
    return {word for row in rows[2:] for word in row[2].strip().split(", ")} - {"–"}
