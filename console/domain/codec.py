"""Frozen values to JSON documents and back, by their declared types.

Owns one exact round trip for every dataclass that is stored or sent between our processes: a field added with a default
reads from older documents too. Must not know any particular value, nor take what is not a dataclass of ours.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from console.domain.documents import Json
from console.domain.untrusted import Raw

T = TypeVar("T")
LATER: Mapping[str, bool] = {"later": True}
"""The metadata of a field that was added when documents with a hash were stored already: it is left out while it has
its default, so that their hashes stay the same."""


def time_text(at: datetime) -> str:
    """An aware time as RFC 3339 in UTC with microseconds: equal times give equal text, and text sorts as time does."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def time_value(text: str) -> datetime:
    """The aware UTC time of such a text; ValueError when it is none."""
    return datetime.fromisoformat(text).astimezone(UTC)


def encode(value: object) -> Json:
    """The document of a frozen dataclass. ValueError for a value no document can hold."""
    kind = type(value)
    if not dataclasses.is_dataclass(kind):
        raise ValueError(f"{kind.__name__} is no dataclass")
    return _encode(kind, value)


def decode(kind: type[T], document: Json) -> T:
    """The value of a document that `encode` made. ValueError when it is not one of this kind."""
    if not isinstance(document, dict):
        raise ValueError(f"not a {kind.__name__}: no object")
    try:
        return cast(T, _decode(kind, document))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


@cache
def _fields(kind: type[Any]) -> Mapping[str, Any]:
    # Resolving annotations costs a thousand times what reading one value does.
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


@cache
def _later(kind: type[Any]) -> Mapping[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(kind) if field.metadata.get("later")}


def _optional(kind: Any) -> Any:
    """The one real type of `X | None`; None for anything else."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return None
    real = [arg for arg in typing.get_args(kind) if arg is not type(None)]
    return real[0] if len(real) == 1 else None


def _encode(kind: Any, value: Any) -> Json:
    if value is None:
        return None
    kind = _optional(kind) or kind
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return [_encode(args[0], each) for each in value]
    if origin is Mapping:
        return {str(key): _encode(args[1], each) for key, each in value.items()}
    if kind is Raw:
        return Raw.exact(value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        later = _later(kind)
        return {
            name: _encode(hint, getattr(value, name))
            for name, hint in _fields(kind).items()
            if name not in later or getattr(value, name) != later[name]
        }
    if kind is datetime:
        return time_text(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(kind(value).value)
    if kind is float:
        # An int where a float is declared would read back equal and yet hash differently.
        return float(value)
    return _plain(value)


def _plain(value: Any) -> Json:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    raise ValueError(f"a {type(value).__name__} cannot be stored")


def _decode(declared: Any, document: Any) -> Any:
    if document is None:
        return None
    kind: Any = _optional(declared) or declared
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(_decode(args[0], each) for each in document)
    if origin is Mapping:
        return {key: _decode(args[1], each) for key, each in document.items()}
    if kind is Raw:
        return Raw.of(document)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _fields(kind)
        return kind(**{name: _decode(hints[name], each) for name, each in document.items() if name in hints})
    if kind is datetime:
        return time_value(document)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(document)
    return float(document) if kind is float else document
