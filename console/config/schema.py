"""JSON Schema of the configuration and of action files, made from the models, for editors and for the reference.

Owns how a declaration becomes a schema with its documentation. Must not add a rule that the models do not have.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from console.config.actions import ActionModel, StepModel
from console.config.kinds import ConfigurableSources, params_model
from console.config.model import ConfigModel
from console.ports.steps import StepKinds

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def config_schema(kinds: ConfigurableSources | None = None) -> Schema:
    """The schema of the configuration file; `kinds` adds the params of sources."""
    sources = dict(kinds or {})
    refs, definitions = _definitions([ConfigModel, *(kind.Params for kind in sources.values())])
    properties = {name: refs[kind.Params] for name, kind in sorted(sources.items())}
    switch = definitions["EnvironmentModel"]["properties"]["sources"]
    switch.update({"type": "object", "properties": properties, "additionalProperties": False})
    return _document("opsconsole configuration", refs[ConfigModel], definitions)


def action_schema(kinds: StepKinds) -> Schema:
    """The schema of an action file: a step is what every step can say, and exactly one of `kinds`."""
    models = {name: params_model(kind) for name, kind in kinds.items()}
    refs, definitions = _definitions([ActionModel, StepModel, *models.values()])
    step = definitions["StepModel"]
    names = sorted(kinds)
    for name in names:
        # what a kind takes is its Params; a short form beside it is that model's own business
        step["properties"][name] = {"description": first_line(kinds[name]), "anyOf": [refs[models[name]], {}]}
    step["oneOf"] = [{"required": [name]} for name in names]
    definitions["ActionModel"]["properties"]["steps"]["items"] = {"$ref": "#/$defs/StepModel"}
    return _document("opsconsole action", refs[ActionModel], definitions)


def first_line(declared: object) -> str:
    """The first sentence of a class's or object's docstring."""
    text = inspect.getdoc(declared if inspect.isclass(declared) else type(declared)) or ""
    return " ".join(text.split("\n\n", 1)[0].split())


def attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """The text below each attribute of a model, by attribute name."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        try:
            parsed = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        except (OSError, SyntaxError, TypeError):  # no source beside the code: a schema without descriptions
            continue
        body = parsed.body if isinstance(parsed, ast.ClassDef) else []
        for before, after in itertools.pairwise(body):
            if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
                value = after.value if isinstance(after, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[before.target.id] = " ".join(inspect.cleandoc(value.value).split())
    return found


def _definitions(models: list[type[BaseModel]]) -> tuple[dict[type[BaseModel], Schema], dict[str, Schema]]:
    unique = list(dict.fromkeys(models))
    refs, whole = models_json_schema([(model, "validation") for model in unique], by_alias=True)
    definitions: dict[str, Schema] = whole.get("$defs", {})
    for model in _reachable(unique):
        definition = definitions.get(model.__name__)
        if definition is None:
            continue
        definition["description"] = first_line(model)
        docs = attribute_docs(model)
        for name, field in model.model_fields.items():
            prop = definition.get("properties", {}).get(field.alias or name)
            if prop is not None and name in docs:
                prop["description"] = docs[name]
    for definition in definitions.values():
        _without_titles(definition)
    return {model: refs[model, "validation"] for model in unique}, definitions


def _reachable(models: list[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    seen: set[object] = set()
    rest: list[Any] = list(models)
    while rest:
        current = rest.pop()
        if isinstance(current, type) and issubclass(current, BaseModel):
            if current in seen:
                continue
            seen.add(current)
            yield current
            rest += [field.annotation for field in current.model_fields.values()]
        else:
            rest += [part for part in getattr(current, "__args__", ()) if part is not current]


def _without_titles(definition: Schema) -> None:
    """Titles that pydantic makes from names say nothing in an editor."""
    definition.pop("title", None)
    for prop in definition.get("properties", {}).values():
        prop.pop("title", None)


def _document(title: str, root: Schema, definitions: dict[str, Schema]) -> Schema:
    name = str(root["$ref"]).rsplit("/", 1)[-1]
    rest = {key: value for key, value in definitions.items() if key != name}
    return {"$schema": DIALECT, "title": title, **definitions[name], "$defs": rest}
