"""Reads the repository's own source for the tests about it. Parses files, judges nothing."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SKIPPED = {".git", ".venv", "build", "dist", "__pycache__", "node_modules"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path from the root, its dotted name, text and tree."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count("\n")

    @property
    def functions(self) -> list[Function]:
        """All functions and methods."""
        return [each for each in ast.walk(self.tree) if isinstance(each, Function)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        """All classes."""
        return [each for each in ast.walk(self.tree) if isinstance(each, ast.ClassDef)]

    def at(self, line: int) -> str:
        """A place to click on."""
        return f"{self.path}:{line}"


def modules(folder: str) -> list[Module]:
    """Every Python file below a folder of the repository."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        if SKIPPED & set(path.parts):
            continue
        text = path.read_text()
        short = path.relative_to(ROOT)
        name = ".".join(short.with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(short, name, text, ast.parse(text)))
    return found


def texts() -> list[tuple[Path, str]]:
    """Every text file of the repository that a reader of it would get, with its path from the root.

    What git ignores is left out: a test that fails may leave a report behind, and that is no second failure.
    """
    found = []
    for short in _kept() or _all():
        path = ROOT / short
        if path.is_symlink() or not path.is_file():
            continue
        try:
            found.append((short, path.read_text()))
        except UnicodeDecodeError:
            continue
    return found


def _kept() -> list[Path]:
    """The files that git keeps, or would keep; none where it cannot be asked, as in an unpacked archive."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return sorted(Path(name) for name in done.stdout.split("\0") if name) if done.returncode == 0 else []


def _all() -> list[Path]:
    found = []
    for path in sorted(ROOT.rglob("*")):
        short = path.relative_to(ROOT)
        hidden = any(part.startswith(".") and part != ".ci" for part in short.parts[:-1])
        if not hidden and not SKIPPED & set(short.parts):
            found.append(short)
    return found
