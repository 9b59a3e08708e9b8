"""What holds at the root of the screen: where a crash report goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.ui.safety import crash_folder


@pytest.mark.parametrize("state", ["", "relative/state", "./state", "~/state"])
def test_a_crash_report_goes_below_home_unless_the_state_directory_is_absolute(state: str) -> None:
    assert crash_folder({"HOME": "/home/ada", "XDG_STATE_HOME": state}) == Path("/home/ada/.local/state/opsconsole")


def test_an_absolute_state_directory_is_taken() -> None:
    assert crash_folder({"HOME": "/home/ada", "XDG_STATE_HOME": "/var/state"}) == Path("/var/state/opsconsole")
