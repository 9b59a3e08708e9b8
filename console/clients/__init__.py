"""The only importers of drivers: SQL, Redis, HTTP and SSH, each in its own module.

Two drivers import a task runner and a command line of their own for features nobody here uses, a quarter of start-up
time. `None` is the import system's own word for "not to be had", and both drivers are written to live with that.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

for _unwanted in ("invoke", "httpx._main"):
    sys.modules.setdefault(_unwanted, cast(ModuleType, None))
