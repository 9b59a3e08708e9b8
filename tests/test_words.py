"""The repository's words: nothing names the machine it was made on, and names in the code are those of the glossary."""

from __future__ import annotations

import re

from tests.source import modules, texts
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
OTHERS = re.compile(
    r"(?i)(manager|helper|^utils?$|_utils?$|^common$|fetcher|connector|mutex|backlog|todo|dao$|shortcut|^misc$|singleton)"
)


def test_no_place_of_the_machine_it_was_made_on() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if any(place.search(line) for place in PLACES)
    ]
    must_be_empty(found, "a reader has neither that directory nor that host")


def test_names_are_those_of_the_glossary() -> None:
    found = []
    for module in modules("console"):
        names = [(1, part) for part in module.name.split(".")]
        names += [(each.lineno, each.name) for each in (*module.functions, *module.classes)]
        found += [f"{module.at(line)}: {name}" for line, name in names if OTHERS.search(name)]
    must_be_empty(found, "the glossary has a word for that (docs/architecture.md)")
