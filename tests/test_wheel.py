"""What users install is whole: the wheel in a clean environment, run from another folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.source import ROOT
from tests.wheel import install


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel"))


def run(words: list[str | Path], cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False, timeout=60,
        env={"HOME": str(cwd), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_runs_from_another_folder(program: Path, tmp_path: Path) -> None:
    assert run([program, "--version"], tmp_path).startswith("opsconsole ")
    assert '"environments"' in run([program, "config", "schema"], tmp_path)


def test_it_carries_themes_and_sample_configuration(program: Path, tmp_path: Path) -> None:
    script = (
        "import console; from pathlib import Path; "
        "home = Path(console.__file__).parent; "
        "print(home); "
        "print(*sorted(str(p.relative_to(home / '_shipped')) for p in (home / '_shipped').rglob('*') if p.is_file()))"
    )
    home, shipped = run([program.with_name("python"), "-c", script], tmp_path).splitlines()
    assert Path(home).is_relative_to(program.parent.parent), "not the checkout"
    here = {
        str(path.relative_to(ROOT))
        for folder in ("themes", "sample_config")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert here and set(shipped.split()) == here
