"""Leases change hands only by compare-and-set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import LockHeldError
from console.ports import Lease
from console.store.database import Database, open_database
from console.store.leases import Leases


def test_one_holder_at_a_time(database: Database) -> None:
    leases = Leases(database)
    assert leases.read("run-1") is None
    mine = leases.take("run-1", "me")
    assert leases.read("run-1") == mine
    with pytest.raises(LockHeldError, match="held by me"):
        leases.take("run-1", "you")
    leases.drop(mine)
    assert leases.take("run-1", "you").holder == "you"


def test_a_beat_raises_the_counter_and_ends_a_taking_over(database: Database) -> None:
    leases = Leases(database)
    mine = leases.take("run-1", "me")
    seen = leases.read("run-1")
    assert seen is not None
    assert leases.beat(mine).counter == 2
    with pytest.raises(LockHeldError, match="alive"):
        leases.take_over(seen, "you")
    assert leases.read("run-1") == Lease(name="run-1", holder="me", counter=2)


def test_whoever_was_taken_over_can_neither_beat_nor_drop(database: Database) -> None:
    leases = Leases(database)
    mine = leases.take("run-1", "me")
    yours = leases.take_over(mine, "you")
    with pytest.raises(LockHeldError):
        leases.beat(mine)
    leases.drop(mine)
    assert leases.read("run-1") == yours


CONTENDER = """
import sys
from pathlib import Path
from console.errors import LockHeldError
from console.ports import Lease
from console.store.database import open_database
from console.store.leases import Leases
leases = Leases(open_database(Path(sys.argv[1])))
for number in range(40):
    try:
        leases.take_over(Lease(name=f"run-{number}", holder="dead", counter=1), sys.argv[2])
        print(number)
    except LockHeldError:
        pass
"""


def test_of_many_processes_exactly_one_takes_a_dead_lease_over(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state")
    leases = Leases(database)
    for number in range(40):
        leases.take(f"run-{number}", "dead")
    command = [sys.executable, "-c", CONTENDER, str(tmp_path / "state")]
    contenders = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(4)]
    won = [int(word) for each in contenders for word in each.communicate(timeout=110)[0].split()]
    assert sorted(won) == list(range(40))
    database.close()
