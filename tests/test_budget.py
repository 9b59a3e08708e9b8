"""The budget of the source: how long a file, a function, a class may be, what is documented, that nothing circles."""

from __future__ import annotations

import ast

import pytest

from tests.source import Function, Module, modules

FILE = 360
FUNCTION = 60
METHODS = 30
SMALLER = {"console/ui/app.py": 225}
CONSOLE = modules("console")
TESTS = modules("tests")


def must_be_empty(offenders: list[str], rule: str) -> None:
    if offenders:
        pytest.fail(f"{rule}:\n  " + "\n  ".join(offenders), pytrace=False)


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def public(name: str) -> bool:
    return not name.startswith("_")


def test_files_are_short() -> None:
    too_long = [
        f"{each.path}: {each.lines}"
        for each in (*CONSOLE, *TESTS)
        if each.lines > SMALLER.get(each.path.as_posix(), FILE)
    ]
    must_be_empty(too_long, f"a file has at most {FILE} lines (ui/app.py 225): give a part of it a file of its own")


def test_functions_are_short() -> None:
    too_long = [
        f"{module.at(each.lineno)} {each.name}: {length(each)}"
        for module in (*CONSOLE, *TESTS)
        for each in module.functions
        if length(each) > FUNCTION
    ]
    must_be_empty(too_long, f"a function has at most {FUNCTION} lines: name its parts")


def test_classes_are_narrow() -> None:
    too_wide = []
    for module in (*CONSOLE, *TESTS):
        for each in module.classes:
            # A property and its setter share one name, and are one thing to whoever uses the class.
            methods = {m.name for m in each.body if isinstance(m, Function)}
            if len(methods) > METHODS:
                too_wide.append(f"{module.at(each.lineno)} {each.name}: {len(methods)}")
    must_be_empty(
        too_wide,
        f"a class has at most {METHODS} methods of any kind: give what it does beside one thing a class of its own",
    )


def test_types_are_ignored_in_clients_only() -> None:
    word = "type: " + "ignore"
    found = [
        f"{module.path}:{number}"
        for module in (*CONSOLE, *TESTS)
        if not module.path.as_posix().startswith(("console/clients/", "tests/clients/"))
        for number, line in enumerate(module.text.splitlines(), 1)
        if f"# {word}" in line
    ]
    must_be_empty(found, f"`{word}` stands in console/clients only")


def test_everything_public_is_documented() -> None:
    bare = [f"{each.path}: the module" for each in (*CONSOLE, *TESTS) if each.text.strip() and not doc(each.tree)]
    for module in CONSOLE:
        for parent, each in definitions(module):
            hidden = not public(each.name) or (parent is not None and not public(parent.name))
            if not hidden and not doc(each) and not overrides(each) and not inherited(parent):
                bare.append(f"{module.at(each.lineno)} {each.name}")
    must_be_empty(bare, "every module, public class and public function has a sentence on what it is")


def doc(thing: ast.Module | ast.ClassDef | Function) -> str | None:
    return ast.get_docstring(thing)


def definitions(module: Module) -> list[tuple[ast.ClassDef | None, ast.ClassDef | Function]]:
    """What stands at the top of a module, and the methods of its classes."""
    found: list[tuple[ast.ClassDef | None, ast.ClassDef | Function]] = []
    for each in module.tree.body:
        if isinstance(each, ast.ClassDef):
            found.append((None, each))
            found += [(each, method) for method in each.body if isinstance(method, Function)]
        elif isinstance(each, Function):
            found.append((None, each))
    return found


def overrides(each: ast.ClassDef | Function) -> bool:
    """Dunder methods and overloads say what they are by their name."""
    marks = {getattr(mark, "id", getattr(mark, "attr", "")) for mark in each.decorator_list}
    return each.name.startswith("__") or bool(marks & {"overload", "override", "setter"})


def inherited(parent: ast.ClassDef | None) -> bool:
    """A method of a class that has a base may be described there: so `action_*` and `compose` need no docstring."""
    return parent is not None and bool(parent.bases)


def test_waiting_has_one_place() -> None:
    own = [
        module.at(each.lineno)
        for module in TESTS
        for each in ast.walk(module.tree)
        if isinstance(each, ast.While) and waits(each)
    ]
    must_be_empty(own, "a test waits by `tests.waiting`, which says what did not come and looks once more when late")


def waits(loop: ast.While) -> bool:
    """Whether a loop sleeps until something holds, or until a deadline that it keeps itself has passed."""
    body = "".join(map(ast.unparse, loop.body))
    gives_up = any(isinstance(each, ast.Assert | ast.Raise) for part in loop.body for each in ast.walk(part))
    limited = gives_up and "monotonic()" in body
    limited |= isinstance(loop.test, ast.BoolOp) and "monotonic()" in ast.unparse(loop.test)
    return limited and any(word in body for word in ("sleep(", ".pause("))


def test_nothing_circles() -> None:
    """Modules import one another in one direction, as far as it happens when they load; those of `ui`, whose parts all
    tend to know the screen, also within functions and for types alone."""
    names = {each.name for each in CONSOLE}
    screen = {name for name in names if name.startswith("console.ui")}
    edges = {each.name: imports(each, names) - {each.name} for each in CONSOLE}
    for each in CONSOLE:
        if each.name in screen:
            edges[each.name] |= imports(each, screen, whenever=True) - {each.name}
    done: set[str] = set()
    while True:
        free = {name for name, needed in edges.items() if name not in done and needed <= done}
        if not free:
            break
        done |= free
    must_be_empty(
        [f"{name} needs {', '.join(sorted(edges[name] - done))}" for name in sorted(set(edges) - done)],
        "imports go round in a circle among (or above)",
    )


def imports(module: Module, names: set[str], *, whenever: bool = False) -> set[str]:
    """Our modules that a module loads when it is loaded itself; `whenever`: also what it imports inside functions and
    for types alone."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(ast.walk(module.tree) if whenever else module.tree.body)
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Import):
            found |= {alias.name for alias in each.names}
        elif isinstance(each, ast.ImportFrom) and each.module:
            whole = {f"{each.module}.{alias.name}" for alias in each.names}
            found |= (whole & names) | ({each.module} if whole - names else set())
        elif isinstance(each, ast.If) and "TYPE_CHECKING" not in ast.unparse(each.test):
            waiting += [*each.body, *each.orelse]
        elif isinstance(each, ast.Try):
            waiting += each.body
    return found & names
