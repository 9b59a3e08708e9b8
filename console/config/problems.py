"""What a pydantic model finds wrong, said in our words at the line and column where it stands.

Owns the sentences and the nearest-key suggestions. Must not show a value: it might be a secret at the wrong place.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from console.config.document import Document, quoted
from console.domain.documents import Json
from console.errors import Problem

Model = TypeVar("Model", bound=BaseModel)
_QUOTED = re.compile(r'"([^"]*)"')

_WANTED = {
    "string_type": "must be text; put quotes around it",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "too_short": "must not be empty",
    "too_long": "is too long",
    "finite_number": "must be a number",
}


def nearest(word: str, candidates: Collection[str]) -> str:
    """`, did you mean "x"?` when something is near, else the list when it is short, else nothing."""
    found = difflib.get_close_matches(word, sorted(candidates), n=1, cutoff=0.6)
    if found:
        return f", did you mean {quoted(found[0])}?"
    if 0 < len(candidates) <= 12:
        return f"; known are {', '.join(sorted(candidates))}"
    return ""


def validate(
    model: type[Model], value: Json, document: Document, path: Sequence[object] = ()
) -> tuple[Model | None, list[Problem]]:
    """The validated model, or None with every problem; `path` is where `value` stands in the document."""
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [_problem(model, detail, document, path) for detail in details]
    except RecursionError:
        return None, [document.problem("nested too deep", path)]


def _problem(model: type[BaseModel], detail: ErrorDetails, document: Document, path: Sequence[object]) -> Problem:
    inner = detail["loc"]
    # pydantic's word for a mapping's key, in place of what stands there
    of_key = bool(inner) and inner[-1] == "[key]"
    inner = inner[:-1] if of_key else inner
    loc = (*path, *inner)
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    # an element of a list goes by its number
    name = f"{name}[{loc[-1]}]" if name and isinstance(loc[-1], int) else name
    match detail["type"]:
        case "extra_forbidden":
            known = fields_at(model, inner[:-1])
            return document.problem(f"unknown key {quoted(name)}{nearest(name, known)}", loc, key=True)
        case "missing":
            owner = f" of {quoted(loc[-2])}" if len(loc) > 1 and isinstance(loc[-2], str) else ""
            return document.problem(f"the key {quoted(name)}{owner} is missing", loc[:-1], key=True)
        case "literal_error" | "enum":
            return document.problem(
                f"{quoted(name)} must be {_choices(detail)}{_near_choice(detail, document, loc)}", loc
            )
        case "value_error" | "assertion_error":
            reason = detail.get("ctx", {}).get("error", "is wrong")
            return document.problem(f"{quoted(name)} {reason}" if name else str(reason), loc, key=of_key)
        case kind:
            words = _WANTED.get(kind) or detail["msg"].replace("Input should", "should")
            return document.problem(f"{quoted(name)} {words}" if name else f"the file {words}", loc)


def _choices(detail: ErrorDetails) -> str:
    return str(detail.get("ctx", {}).get("expected", "one of its known words")).replace("'", '"')


def _near_choice(detail: ErrorDetails, document: Document, loc: Sequence[object]) -> str:
    """The known word nearest to what stands there, which itself is not shown."""
    value = document.root.get(loc) if document.root else None
    words = _QUOTED.findall(_choices(detail))
    found = difflib.get_close_matches(value, words, n=1, cutoff=0.6) if isinstance(value, str) else []
    return f", did you mean {quoted(found[0])}?" if found else ""


def fields_at(model: type[BaseModel], loc: Sequence[object]) -> frozenset[str]:
    """The keys that the model at `loc` inside `model` knows; several when alternatives stand there."""
    current: list[Any] = [model]
    for part in loc:
        following: list[Any] = []
        for annotation in current:
            following.extend(_step(annotation, part))
        # a part that nothing has is a validator's name for an alternative: stay where we are
        current = following or current
    return frozenset(name for annotation in current for model in _models(annotation) for name in _names(model))


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _unwrap(annotation: Any) -> list[Any]:
    """The alternatives behind Annotated and unions."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _unwrap(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [alternative for argument in typing.get_args(annotation) for alternative in _unwrap(argument)]
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _unwrap(annotation.model_fields["root"].annotation)
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [found for found in _unwrap(annotation) if isinstance(found, type) and issubclass(found, BaseModel)]


def _step(annotation: Any, part: object) -> list[Any]:
    found: list[Any] = []
    for alternative in _unwrap(annotation):
        origin, arguments = typing.get_origin(alternative), typing.get_args(alternative)
        if isinstance(alternative, type) and issubclass(alternative, BaseModel):
            found += [f.annotation for n, f in alternative.model_fields.items() if part in (n, f.alias)]
        elif origin is dict and isinstance(part, str):
            found.append(arguments[1])
        elif origin in (list, tuple) and isinstance(part, int):
            found.append(arguments[0])
    return found
