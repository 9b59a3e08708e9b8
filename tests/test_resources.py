"""The shipped files are found from a checkout and from the installed wheel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from console import resources
from console.errors import OpsconsoleError
from tests.source import ROOT
from tests.wheel import install


def test_a_checkout_uses_its_own_directories() -> None:
    assert resources.themes() == ROOT / "themes"
    assert resources.sample_config() == ROOT / "sample_config"


def test_the_installed_wheel_uses_what_it_carries(tmp_path: Path) -> None:
    program = install(tmp_path / "wheel")
    code = "from console import resources as r; print(r.themes()); print(r.sample_config())"
    words = [str(program.with_name("python")), "-c", code]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    for line, name in zip(done.stdout.split(), ("themes", "sample_config"), strict=True):
        assert Path(line).is_relative_to(tmp_path / "wheel")
        assert Path(line).parts[-3:] == ("console", "_shipped", name)


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "console" / "resources.py"))
    with pytest.raises(OpsconsoleError, match="themes is missing"):
        resources.themes()
