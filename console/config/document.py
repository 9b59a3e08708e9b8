"""YAML text as plain values in which every key and value knows its line and column.

Owns the reading of YAML: caps on size, depth, aliases and expansion, duplicate keys, the plain scalars of YAML 1.2.
Must not know what a key means, and raises nothing but what it returns as problems.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from console.domain.documents import Json
from console.domain.untrusted import elide, harmless
from console.errors import Problem

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_ALIASES = 100
MAX_VALUES = 100_000

_INT = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,2})?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MERGE = "<<"

Spot = tuple[int, int]
"""Line and column, counted from 1."""


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    anchor: str | None
    tag: str | None
    start_mark: _Mark


@dataclass(slots=True, eq=False)
class Node:
    """One value: `entries` when it is a mapping, `items` when it is a list, else `scalar`."""

    spot: Spot
    scalar: Json = None
    entries: dict[str, Node] | None = None
    items: list[Node] | None = None
    keys: dict[str, Spot] = field(default_factory=dict)

    def plain(self) -> Json:
        """The value without positions."""
        if self.entries is not None:
            return {key: node.plain() for key, node in self.entries.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return self.scalar

    def get(self, path: Sequence[object]) -> Json:
        """The scalar that `path` leads to, passing over what the document does not have; None for anything else."""
        node = self
        for step in path:
            if node.entries is not None and isinstance(step, str) and step in node.entries:
                node = node.entries[step]
            elif node.items is not None and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
        return node.scalar

    def find(self, path: Sequence[object], *, key: bool = False) -> Spot:
        """The position of what `path` leads to, or of the deepest part of it that is there; with `key`, of its key.

        Elements that the document does not have (the names a validator gives to alternatives) are passed over.
        """
        node, spot = self, self.spot
        for step in path:
            if node.entries is not None and isinstance(step, str) and step in node.entries:
                key_spot, node = node.keys[step], node.entries[step]
                spot = key_spot if key else node.spot
            elif node.items is not None and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
                spot = node.spot
        return spot

    def excess(self) -> str:
        """Why this is too much once its aliases are written out, empty when it is not."""
        count, rest = 0, [(self, 1)]
        while rest:
            node, depth = rest.pop()
            count += 1
            if count > MAX_VALUES:
                return f"written out, the aliases make more than {MAX_VALUES} values"
            if depth > MAX_DEPTH + 1:
                return f"written out, the aliases nest deeper than {MAX_DEPTH} levels"
            rest.extend((child, depth + 1) for child in (node.items or ()))
            rest.extend((child, depth + 1) for child in (node.entries or {}).values())
        return ""


@dataclass(slots=True, eq=False)
class _OpenNode:
    """A collection whose end has not come yet. `key` is the key that waits for its value."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_spot: Spot = (0, 0)
    merges: list[Node] = field(default_factory=list)
    is_key: bool = False


@dataclass(slots=True)
class Document:
    """One read file: its root (None when nothing could be read) and everything wrong with its text."""

    file: str
    root: Node | None
    problems: list[Problem]

    def problem(self, message: str, path: Sequence[object] = (), *, key: bool = False) -> Problem:
        """A problem at what `path` leads to."""
        line, column = self.root.find(path, key=key) if self.root else (1, 1)
        return Problem(self.file, line, column, message)


def quoted(text: str) -> str:
    """A word of the document inside a message: harmless, short, in double quotes."""
    return f'"{elide(harmless(text), 60)}"'


def read_document(data: bytes, file: str) -> Document:
    """Reads one YAML document. Never raises: what is wrong is in `problems`, in the order it was met."""
    if len(data) > MAX_BYTES:
        return Document(file, None, [Problem(file, 1, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        return Document(file, None, [Problem(file, *_spot_of(before), "this is not UTF-8 text")])
    return _NodeBuilder(file, text).read()


def resolve_plain(text: str) -> Json:
    """The value of an unquoted scalar by YAML 1.2's core rules, without its not-a-number words."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _spot_of(before: str) -> Spot:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _NodeBuilder:
    """Builds nodes from parser events, so that depth and aliases are capped before anything recurses."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self.stack: list[_OpenNode] = []
        self.anchors: dict[str, Node] = {}
        self.root: Node | None = None
        self.documents = 0
        self.aliases = 0

    def read(self) -> Document:
        try:
            self._follow()
        except MarkedYAMLError as error:
            self._syntax(error)
        except YAMLError as error:
            # the reader's error: a character that YAML does not allow, with its index in the text
            position = getattr(error, "position", 0)
            spot = _spot_of(self.text[: position if isinstance(position, int) else 0])
            self._say(spot, "a control character stands here, which YAML does not allow")
        except (ValueError, ArithmeticError, LookupError, AttributeError, AssertionError, RuntimeError):
            # the parser itself stumbles over a few malformed inputs (directives, escapes past Unicode)
            self._say(self._last_spot(), "the YAML parser cannot read on from here")
        if not self.problems and self.root is None:
            self._say((1, 1), "the file is empty")
        if self.root is not None and (excess := self.root.excess()):
            self._say((1, 1), excess)
            self.root = None
        return Document(self.file, self.root, self.problems)

    def _follow(self) -> None:
        for event in _events(self.text):
            spot = (event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._say(spot, "a second document starts here; only one is read")
                    return
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._close()
            elif isinstance(event, AliasEvent):
                self.aliases += 1
                if self.aliases > MAX_ALIASES:
                    self._say(spot, f"more than {MAX_ALIASES} aliases")
                    return
                self._take(self._alias(str(event.anchor), spot), spot, None)
            elif isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent) and not self._value(
                event, spot
            ):
                return

    def _value(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, spot: Spot) -> bool:
        """Takes a scalar or opens a collection; False when the document is too deep to read on."""
        if event.tag is not None and str(event.tag) != "!":
            self._say(spot, "tags are not supported here")
        if isinstance(event, ScalarEvent):
            plain = bool(event.implicit[0])
            text = str(event.value)
            if _CONTROL.search(text):
                self._say(spot, "a control character stands here, which no value may hold")
                text = _CONTROL.sub("", text)
            self._take(Node(spot, resolve_plain(text) if plain else text), spot, event.anchor, text)
            return True
        if len(self.stack) >= MAX_DEPTH:
            self._say(spot, f"nested deeper than {MAX_DEPTH} levels")
            return False
        node = Node(spot, entries={}) if isinstance(event, MappingStartEvent) else Node(spot, items=[])
        top = self.stack[-1] if self.stack else None
        is_key = top is not None and top.node.entries is not None and top.key is None
        if is_key:
            self._say(spot, "a key must be a single word, not a list or mapping")
        self.stack.append(_OpenNode(node, event.anchor, is_key=is_key))
        return True

    def _close(self) -> None:
        done = self.stack.pop()
        for source in done.merges:
            for key, node in (source.entries or {}).items():
                if done.node.entries is not None and key not in done.node.entries:
                    done.node.entries[key] = node
                    done.node.keys[key] = source.keys[key]
        if done.is_key:
            self.stack[-1].key, self.stack[-1].key_spot = "", done.node.spot
        else:
            self._take(done.node, done.node.spot, done.anchor)

    def _take(self, node: Node, spot: Spot, anchor: str | None, text: str | None = None) -> None:
        if anchor is not None:
            self.anchors[str(anchor)] = node
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.node.items is not None:
            top.node.items.append(node)
        elif top.key is None:
            self._take_key(top, node, spot, text)
        else:
            self._take_entry(top, node)

    def _take_key(self, top: _OpenNode, node: Node, spot: Spot, text: str | None) -> None:
        # a key is what was written, also where YAML would read a number or a yes from it
        word = text if text is not None else node.scalar if isinstance(node.scalar, str) else None
        if word is None:
            self._say(spot, "a key must be a single word, not a list or mapping")
            word = ""
        if top.node.entries is not None and word in top.node.entries:
            first = top.node.keys[word][0]
            self._say(spot, f"{quoted(word)} stands here a second time (first on line {first})")
        top.key, top.key_spot = word, spot

    def _take_entry(self, top: _OpenNode, node: Node) -> None:
        key, top.key = top.key or "", None
        if key == _MERGE:
            parts = node.items if node.items is not None else [node]
            if any(part.entries is None for part in parts):
                self._say(top.key_spot, '"<<" takes an alias of a mapping, or a list of them')
            top.merges.extend(part for part in parts if part.entries is not None)
        elif top.node.entries is not None and key not in top.node.entries:
            top.node.entries[key] = node
            top.node.keys[key] = top.key_spot

    def _alias(self, name: str, spot: Spot) -> Node:
        node = self.anchors.get(name)
        if node is None:
            self._say(spot, f"the alias {quoted(name)} names nothing that ends before it")
            return Node(spot)
        return node

    def _syntax(self, error: MarkedYAMLError) -> None:
        mark = cast("_Mark | None", error.problem_mark or error.context_mark)
        words = ", ".join(str(part) for part in (error.problem, error.context) if part)
        spot = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self._say(spot, f"not YAML: {elide(harmless(words), 200)}")

    def _last_spot(self) -> Spot:
        return self.stack[-1].node.spot if self.stack else (1, 1)

    def _say(self, spot: Spot, message: str) -> None:
        self.problems.append(Problem(self.file, *spot, message))


def _events(text: str) -> Iterator[_Event]:
    parse: Callable[[str], Iterator[_Event]] = YAML(typ="safe", pure=True).parse
    return parse(text)
