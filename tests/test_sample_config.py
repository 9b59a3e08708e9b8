"""The shipped sample: it loads as it stands and with its comments opened, and names every key there is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from console.config import model as models
from console.config.load import Config, load_config
from console.config.model import Section
from console.domain.advice import advise
from console.formats.markdown import read_checklist
from console.resources import sample_config

_KEYS = {
    name
    for each in vars(models).values()
    if isinstance(each, type) and issubclass(each, BaseModel) and each is not Section
    for name in each.model_fields
}
_COMMENTED = re.compile(r"^(\s*)# ( *)([a-z_0-9]+)(:.*)$")


def load(tmp_path: Path, text: str) -> Config:
    """The sample's text where its checklists are beside it."""
    shutil.copytree(sample_config() / "checklists", tmp_path / "checklists")
    path = tmp_path / "opsconsole.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load_config(path)


@pytest.fixture
def sample() -> str:
    return (sample_config() / "opsconsole.yaml").read_text(encoding="utf-8")


def opened(text: str) -> Iterator[str]:
    """The lines of the sample with every commented key in force, but for the second form of `source`."""
    for line in text.splitlines():
        found = _COMMENTED.match(line)
        if found and (found[3] in _KEYS or found[3] == "web3") and "archive:" not in line:
            yield f"{found[1]}{found[2]}{found[3]}{found[4]}"
        else:
            yield line


def test_the_sample_loads_as_it_stands(tmp_path: Path, sample: str) -> None:
    config = load(tmp_path, sample)
    assert [(each.name, each.tier.value) for each in config.environments] == [
        ("production", "protected"),
        ("staging", "normal"),
    ]


def test_the_sample_loads_with_every_comment_opened(tmp_path: Path, sample: str) -> None:
    config = load(tmp_path, "\n".join(opened(sample)))
    production = config.environment("production")
    assert set(production.overrides) == {"database", "redis", "connections", "queues", "failed", "timezone"}
    assert production.app.root == "main"
    assert production.host("web3").path == "/srv/app"
    assert (config.state_group, production.ssh_config) == ("ops", str(tmp_path / "ssh_config"))


def test_the_sample_names_every_key(sample: str) -> None:
    special = {"alias", "via", "socket", "file", "prefix", "connection", "queue", "driver", "sources", "json_", "table"}
    missing = {key for key in _KEYS - special if not re.search(rf"\b{key}:", sample)}
    assert missing == set()


@pytest.mark.parametrize("name", ["deploy", "after-deploy"])
def test_the_shipped_checklists_name_no_harmful_command(name: str) -> None:
    checklist = read_checklist(sample_config() / "checklists" / f"{name}.md")
    assert len(checklist.items) > 20
    assert not any(item.done for item in checklist.items)
    commands = [command for item in checklist.items for command in item.commands]
    commands += [command.text for command in checklist.commands]
    assert commands
    assert {command: advise(command) for command in commands if advise(command)} == {}
