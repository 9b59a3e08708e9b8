"""No module outside `steps/` names a step kind: what is known about a step, its kind has said."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

import pytest

from console.steps import step_kinds
from tests.source import Module, modules

KINDS = frozenset(step_kinds())
OUTSIDE = [each for each in modules("console") if not each.name.startswith("console.steps")]
# The same words as names of something else. A new line here needs a word why.
HOMONYMS: dict[str, Set[str]] = {
    "console.demo": KINDS,  # the embedded application plays artisan, supervisorctl and the tables of failed jobs
    "console.domain.artisan": {"artisan"},  # the file of that name in a command
    "console.domain.dangers": {"artisan"},  # the same
    "console.domain.advice": {"artisan"},  # the same
    "console.domain.worker_arguments": {"artisan"},  # the same
    "console.domain.actions": {"release"},  # a type of parameter
    "console.domain.shellwords": {"release"},  # a kind of word
    "console.domain.answers": {"maintenance"},  # a key of an answer
    "console.domain.facts": {"maintenance"},  # a part of the application's configuration
    "console.domain.readings": {"maintenance"},  # a source
    "console.sources": {"maintenance"},  # the thread that reads it
    "console.domain.templates": {"release"},  # a root of templates
    "console.domain.plan_context": {"release"},  # the same, and a place to run artisan in
    "console.domain.releases": {
        "release",
        "artisan",
    },  # a line of the script that lists them, and the file by whose age
    "console.cli.read": {"release", "maintenance"},  # columns
    "console.config.actions": {"release"},  # a type of parameter
    "console.ui.commands": {"maintenance"},  # an action
    "console.formats.markdown": {"artisan", "shell", "service"},  # commands and languages of code blocks
    "console.present.run_documents": {"release"},  # a key of the plan's JSON
    "console.present.hosts": {"release", "maintenance"},  # keys of the hosts' JSON
    "console.present.offers": {"maintenance"},  # an action
    "console.present.payload": {"release"},  # a key of the status' JSON
    # Laravel's default table, and a part of the application's configuration
    "console.services.discovery.laravel_config": {"failed_jobs", "maintenance"},
    "console.services.discovery.facts": {"failed_jobs", "maintenance"},
    "console.services.discovery.from_env": {"failed_jobs", "maintenance"},
    "console.services.running.maintenance_end": {"maintenance"},  # an action
}


def allowed(module: Module) -> Set[str]:
    parents = [module.name, ".".join(module.name.split(".")[:2])]
    return next((HOMONYMS[name] for name in parents if name in HOMONYMS), frozenset())


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in KINDS:
            yield node


def compared_kinds(tree: ast.AST) -> Iterator[ast.Compare]:
    """Comparisons of something called `kind` with a text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        kind = any(
            (isinstance(side, ast.Attribute) and side.attr == "kind")
            or (isinstance(side, ast.Name) and side.id == "kind")
            for side in sides
        )
        if kind and any(list(literals(side)) for side in sides):
            yield node


def test_no_kind_is_compared_outside_steps() -> None:
    found = [f"{module.at(each.lineno)}" for module in OUTSIDE for each in compared_kinds(module.tree)]
    assert found == [], "ask the step's facts, or let its kind bring what it does"


def test_no_kind_is_named_outside_steps() -> None:
    found = [
        f"{module.at(each.lineno)} {each.value!r}"
        for module in OUTSIDE
        for each in literals(module.tree)
        if each.value not in allowed(module)
    ]
    assert found == [], "ask the step's facts, or say above why the word means something else"


def test_every_homonym_is_still_there() -> None:
    named = {(name, word) for name, words in HOMONYMS.items() if name != "console.demo" for word in words}
    seen = {(module.name, each.value) for module in OUTSIDE for each in literals(module.tree)}
    assert named - seen == set()


@pytest.mark.parametrize(
    "text", ["step.kind == 'manual'", "x = kind in ('shell', 'artisan')", "'release' != one.step.kind"]
)
def test_a_comparison_would_be_found(text: str) -> None:
    assert list(compared_kinds(ast.parse(text)))
