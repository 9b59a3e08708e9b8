"""Builds the wheel and installs it into a clean environment, so that tests can use what users get instead of the
checkout. Asserts nothing."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.source import ROOT


def install(directory: Path) -> Path:
    """Installs the wheel below `directory`; the path of its `opsconsole`.

    The dependencies are those of this interpreter, found by a path file: such a file does not make Python read the
    path files in there, so the editable checkout is not found through it.
    """
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(directory), str(ROOT)], check=True, capture_output=True)
    (wheel,) = directory.glob("opsconsole-*.whl")
    home = directory / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    (packages,) = home.glob("lib/python3*/site-packages")
    install_wheel = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet"]
    subprocess.run([*install_wheel, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin/opsconsole"
