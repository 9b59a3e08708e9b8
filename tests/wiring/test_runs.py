"""What a runner loads before its first step."""

from __future__ import annotations

import subprocess
import sys

from tests.source import modules

PROGRAM = """
import sys
from console.wiring import runs
runs._import_everything()
print("\\n".join(sorted(name for name in sys.modules if name.startswith("console."))))
"""


def test_a_runner_loads_every_module_that_a_run_may_need() -> None:
    """A console that is updated in mid-run must not mix two versions; rooms are packages within packages."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    rooms = ("console.domain.", "console.services.", "console.steps.", "console.clients.", "console.store.")
    wanted = {each.name for each in modules("console") if each.name.startswith(rooms)}
    assert len(wanted) > 200
    assert wanted - loaded == set()
    assert not any(name.startswith("console.ui") for name in loaded)
