"""Markdown files as checklists: items with their exact line, section and commands, and the commands beside them.

Owns what counts as an item and as a command. Tolerant: any bytes give a checklist, perhaps an empty one. Must not mark
anything: the file is only read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from console.domain.checklists import Checklist, Item, LooseCommand
from console.errors import OpsconsoleError

MAX_BYTES = 1_048_576
_BOX = re.compile(r"\s*(?:\[([ xX]?)\]|([\u2610\u2611\u2612]))(?:\s+|$)")
_SHELLS = frozenset({"", "bash", "sh", "shell", "zsh", "console", "shell-session", "shellsession"})
_PROGRAMS = frozenset(
    (
        "artisan",
        "aws",
        "composer",
        "cp",
        "crontab",
        "curl",
        "docker",
        "git",
        "kubectl",
        "ln",
        "logrotate",
        "mkdir",
        "mv",
        "mysql",
        "mysqladmin",
        "mysqldump",
        "npm",
        "npx",
        "opsconsole",
        "php",
        "pg_dump",
        "psql",
        "redis-cli",
        "rm",
        "rsync",
        "scp",
        "service",
        "sh",
        "ssh",
        "sudo",
        "supervisorctl",
        "systemctl",
        "tail",
        "tar",
        "yarn",
    )
)
_ASSIGNMENT = re.compile(r"\s*(?:#.*|(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*=\S*(?:\s+#.*)?)?")
_PROGRAM_LINE = re.compile(r"\s*(?:command|ExecStart)\s*=\s*(\S.*)")
_SEPARATOR = " › "


def read_checklist(path: Path) -> Checklist:
    """The checklist in a file; OpsconsoleError when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise OpsconsoleError(f"The checklist {path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise OpsconsoleError(f"The checklist {path} is larger than {MAX_BYTES // 1024} KiB.")
    return parse_checklist(data.decode("utf-8-sig", "replace"), path.stem)


def parse_checklist(text: str, name: str) -> Checklist:
    """The checklist in a Markdown text; `name` is also its title when it has no heading."""
    walk = _Walk()
    for token in _parser().parse(text):
        walk.take(token)
    return Checklist(
        name=name,
        title=walk.title or name,
        items=_items(walk.drafts),
        commands=tuple(sorted(walk.loose, key=lambda command: command.line)),
    )


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True})
    return parser.enable("table").use(front_matter_plugin)


@dataclass(slots=True)
class _Draft:
    text: str
    section: str
    line: int
    done: bool
    commands: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Row:
    line: int
    cells: list[Token] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    """What has been met so far, token by token."""

    title: str = ""
    headings: list[tuple[int, str]] = field(default_factory=list)
    drafts: list[_Draft] = field(default_factory=list)
    loose: list[LooseCommand] = field(default_factory=list)
    entries: list[_Draft | None] = field(default_factory=list)
    level: int = 0
    fresh: bool = False
    row: _Row | None = None

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self.level = int(token.tag[1:])
            case "heading_close":
                self.level = 0
            case "list_item_open":
                self.entries.append(None)
                self.fresh = True
            case "list_item_close":
                self.entries.pop()
                self.fresh = False
            case "tr_open":
                self.row = _Row(line=_line(token))
            case "tr_close":
                self._end_row()
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self.fresh = False
                self._block(token)

    @property
    def section(self) -> str:
        return _SEPARATOR.join(text for _level, text in self.headings)

    def _inline(self, token: Token) -> None:
        if self.level:
            self._heading(_plain(token.children or ()))
        elif self.row is not None:
            self.row.cells.append(token)
        elif self.fresh:
            self.fresh = False
            self._entry(token)
        else:
            self._spans(token)

    def _heading(self, text: str) -> None:
        if not self.title and not self.headings:
            # the first heading names the file, it is no part of any section's path
            self.title = text or self.title
            return
        self.headings = [(level, heading) for level, heading in self.headings if level < self.level]
        self.headings.append((self.level, text))

    def _entry(self, token: Token) -> None:
        box = _BOX.match(token.content)
        text = _unboxed(_plain(token.children or ()))
        if box is None or not text:
            self._spans(token)
            return
        draft = _Draft(text, self.section, _line(token), _ticked(box))
        self.drafts.append(draft)
        self.entries[-1] = draft
        self._spans(token)

    def _owner(self) -> _Draft | None:
        return next((draft for draft in reversed(self.entries) if draft is not None), None)

    def _spans(self, token: Token) -> None:
        """Code spans: an item's own are its commands, others only when they look like one."""
        owner = self._owner()
        for span in _code(token.children or ()):
            if owner is not None:
                owner.commands.append(span)
            elif _looks_run(span):
                self.loose.append(LooseCommand(line=_line(token), section=self.section, text=span))

    def _block(self, token: Token) -> None:
        language = token.info.strip().split(" ", 1)[0].lower() if token.info else ""
        text = token.content.rstrip("\n")
        if language == "ini":
            self._programs(token)
        if language not in _SHELLS or all(_ASSIGNMENT.fullmatch(line) for line in text.splitlines()):
            return
        owner = self._owner()
        if owner is not None:
            owner.commands.append(text)
        elif language or any(_looks_run(line) for line in text.splitlines()):
            self.loose.append(LooseCommand(line=_line(token), section=self.section, text=text))

    def _programs(self, token: Token) -> None:
        """The commands that a supervisor or systemd entry starts."""
        for number, line in enumerate(token.content.splitlines(), 1):
            if found := _PROGRAM_LINE.fullmatch(line):
                self.loose.append(LooseCommand(line=_line(token) + number, section=self.section, text=found[1]))

    def _end_row(self) -> None:
        row, self.row = self.row, None
        if row is None:
            return
        boxes = [(cell, box) for cell in row.cells if (box := _BOX.match(cell.content))]
        for cell, box in boxes:
            alone = len(boxes) == 1
            texts = [_unboxed(_plain(cell.children or ()))]
            if alone and not texts[0]:
                texts = [_unboxed(_plain(other.children or ())) for other in row.cells]
            text = " · ".join(part for part in texts if part)
            if text:
                draft = _Draft(text, self.section, row.line, _ticked(box))
                for source in row.cells if alone else [cell]:
                    draft.commands.extend(_code(source.children or ()))
                self.drafts.append(draft)
        if not boxes:
            for cell in row.cells:
                self._spans(cell)


def _items(drafts: Sequence[_Draft]) -> tuple[Item, ...]:
    """Ids from section and text; equal ones are told apart by their order."""
    seen: dict[str, int] = {}
    items = []
    for draft in drafts:
        short = hashlib.sha256(f"{draft.section}\0{draft.text}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
        seen[short] = seen.get(short, 0) + 1
        number = seen[short]
        items.append(
            Item(
                id=short if number == 1 else f"{short}-{number}",
                text=draft.text,
                section=draft.section,
                line=draft.line,
                done=draft.done,
                commands=tuple(draft.commands),
            )
        )
    return tuple(items)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _ticked(box: re.Match[str]) -> bool:
    return box[1] in ("x", "X") or box[2] in ("\u2611", "\u2612")


def _unboxed(text: str) -> str:
    return _BOX.sub("", text, count=1).strip()


def _plain(children: Sequence[Token]) -> str:
    """The words without marks of emphasis, links as their text, images as theirs."""
    parts = []
    for child in children:
        if child.type in ("text", "code_inline", "image", "text_special"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return " ".join("".join(parts).split())


def _code(children: Sequence[Token]) -> list[str]:
    return [child.content for child in children if child.type == "code_inline" and child.content.strip()]


def _looks_run(text: str) -> bool:
    words = text.strip().removeprefix("$ ").split()
    return len(words) > 1 and (words[0].rsplit("/", 1)[-1] in _PROGRAMS or words[0].startswith("./"))
