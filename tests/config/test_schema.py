"""The JSON Schema and the reference: made from the models, complete, and the documents in the repository up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console.cli.reference import text
from console.config.model import ConfigModel
from console.config.reference import reference
from console.config.schema import action_schema, config_schema
from tests.config.samples import KINDS, TableKind

ROOT = Path(__file__).resolve().parents[2]


def test_every_key_of_the_schema_has_its_sentence() -> None:
    schema = config_schema({"toy": TableKind()})
    for name, definition in {**schema["$defs"], "": schema}.items():
        if name == "Table":
            continue
        assert definition["additionalProperties"] is False, name
        for key, prop in definition["properties"].items():
            assert prop.get("description"), f"{name}.{key} has no docstring"


def test_short_forms_are_in_the_schema() -> None:
    definitions = config_schema()["$defs"]
    ssh = definitions["HostModel"]["properties"]["ssh"]
    assert {"type": "string"} in ssh["anyOf"]
    health = definitions["EnvironmentModel"]["properties"]["health"]["items"]
    assert {"type": "string"} in health["anyOf"]


def test_sources_and_kinds_enter_the_schema() -> None:
    switch = config_schema({"toy": TableKind()})["$defs"]["EnvironmentModel"]["properties"]["sources"]
    assert switch["properties"] == {"toy": {"$ref": "#/$defs/Table"}}
    step: dict[str, Any] = action_schema(KINDS)["$defs"]["StepModel"]
    assert step["oneOf"] == [{"required": ["table"]}, {"required": ["words"]}]
    assert {"table", "words", "name", "on"} <= set(step["properties"])


def test_every_top_level_key_stands_in_the_reference() -> None:
    document = reference(KINDS, {})
    for key in ConfigModel.model_fields:
        assert f"| `{key}` |" in document
    assert "### Step kind `words`" in document


def test_the_reference_in_the_repository_is_up_to_date() -> None:
    there = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert there == text(), "run: python -m console.cli.reference"
