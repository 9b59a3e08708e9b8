"""Fixtures that every test may ask for. Defines none itself; each lives beside what it starts."""

from tests.lab.fixtures import (
    lab,
    lab_alone,
    lab_of_this_process,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_runtest_teardown,
    still,
)
from tests.own_commands import forgotten_configuration

__all__ = [
    "forgotten_configuration",
    "lab",
    "lab_alone",
    "lab_of_this_process",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_runtest_teardown",
    "still",
]
