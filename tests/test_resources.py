"""The shipped files are found from a checkout and from the installed wheel, whose command runs anywhere."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from console import __version__, resources

ROOT = Path(__file__).resolve().parents[1]


def run(*argv: str | Path, cwd: Path) -> str:
    """A command's output; its errors when it fails."""
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_checkout_uses_its_own_directories() -> None:
    assert resources.themes() == ROOT / "themes"
    assert resources.sample_config() == ROOT / "sample_config"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without any network."""
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target, cwd=ROOT)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_what_it_ships(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for directory in ("themes", "sample_config"):
        shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / directory).rglob("*") if path.is_file()}
        assert shipped
        assert {f"console/_shipped/{name}" for name in shipped} <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]


def test_the_installed_command_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path
    )
    # the dependencies are those of this environment; our own editable install is not among what a .pth line adds
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run(tmp_path / "venv/bin/opsconsole", "--version", cwd=elsewhere).strip() == f"opsconsole {__version__}"
    code = "from console import resources as r; print(r.themes()); print(r.sample_config())"
    assert run(python, "-c", code, cwd=elsewhere).split() == [
        str(site / "console/_shipped/themes"),
        str(site / "console/_shipped/sample_config"),
    ]
