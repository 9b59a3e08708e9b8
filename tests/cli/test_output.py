"""What commands write: safe for any terminal, exact for any program."""

from __future__ import annotations

import json

import pytest

from console.cli.output import write_json, write_json_line, write_line, write_table


def test_json_is_ascii_exact_and_versioned(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"text": "\x1b]52;c;x\x07 \u202e é"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"schema_version": 1, "text": "\x1b]52;c;x\x07 \u202e é"}


def test_json_lines_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    write_json_line({"a": "x\ny"})
    assert capsys.readouterr().out == '{"a":"x\\ny"}\n'


def test_lines_and_cells_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("a\x1b[31mb\nc")
    write_table(["name"], [["x\x1b]0;t\x07\u202e"]])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert len(out.splitlines()) == 3


def test_numbers_stand_right_and_words_left(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(["queue", "ready"], [["default", "12"], ["x", "4,812"]])
    assert capsys.readouterr().out == "queue    ready\ndefault     12\nx        4,812\n"


def test_a_table_without_rows_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(["queue", "ready"], [])
    assert capsys.readouterr().out == "queue  ready\n"
