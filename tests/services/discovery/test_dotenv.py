"""Reading `.env` files, with PHP's own reader as the judge where it is installed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.services.discovery.dotenv import parse, word

READER_FILE = Path("/usr/share/php/Dotenv/autoload.php")
READER = f"""<?php
require '{READER_FILE}';
$answers = [];
foreach (json_decode(file_get_contents($argv[1])) as $text) {{
    try {{ $answers[] = (object) Dotenv\\Dotenv::parse($text); }} catch (Throwable $e) {{ $answers[] = null; }}
}}
echo json_encode($answers);
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("K=plain", "plain"),
        ("K=", ""),
        ("K=two # comment", "two"),
        ("K=#all", ""),
        ("K=a#b", "a"),
        ("export K=x", "x"),
        ("  K = spaced  ", "spaced"),
        ("K='p#ss$word'", "p#ss$word"),
        ('K="p#ss \\$word \\"q\\" \\\\"', 'p#ss $word "q" \\'),
        ('K="a b" # comment', "a b"),
        ('K="two\nlines"', "two\nlines"),
        ('K="tab\\tnew\\n"', "tab\tnew\n"),
        ("A=x\nK=${A}/y", "x/y"),
        ("A=x\nK='${A}'", "${A}"),
        ('A=x\nK="\\${A} ${A}"', "${A} x"),
        ("K=${UNSET}", "${UNSET}"),
        ("K=1\nK=2", "2"),
        ("#K=no\nK=yes", "yes"),
        ("garbage line\nK=yes\n=x\n", "yes"),
        ("K=yes\r\nL=z\r\n", "yes"),
        ("L='multi\nK=inside\n'\nK=real", "real"),
        ("K=pa$$word", "pa$$word"),
    ],
)
def test_values_are_what_the_framework_sees(text: str, value: str) -> None:
    assert parse(text)["K"] == value


def test_words_of_the_framework_for_nothing() -> None:
    values = {"A": "null", "B": "(empty)", "C": "x", "D": ""}
    assert [word(values, key) for key in "ABCDE"] == ["", "", "x", "", ""]
    assert word(values, "E", "default") == "default"
    assert word(values, "D", "default") == ""


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("AB=#'\"\\$ {}\n\tx\r"), max_size=60))
def test_any_text_ends_in_values(text: str) -> None:
    for key, value in parse(text).items():
        assert key and isinstance(value, str)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40))
def test_any_value_survives_single_and_double_quotes(value: str) -> None:
    single = value.replace("'", "")
    double = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    assert parse(f"K='{single}'\nL=\"{double}\"\n") == {"K": single, "L": value}


def test_php_agrees(tmp_path: Path) -> None:
    php = shutil.which("php")
    if php is None or not READER_FILE.is_file():
        pytest.skip("needs PHP's dotenv reader")
    dice = random.Random(7)
    parts = ["a", "b c", "#", " #x", "$", "${A}", "${B}", "\\$", '\\"', "\\\\", "\\n", "'", '"', "=", "p#ss", "\t", "ü"]

    def value() -> str:
        text = "".join(dice.choices(parts, k=dice.randint(0, 4)))
        return dice.choice([text, f'"{text}"', f"'{text}'", f'"{text}" # c', f"  {text}"])

    texts = [
        "".join(f"{dice.choice(['', 'export '])}{key}={value()}\n" for key in ("A", "B", "C")) for _ in range(4000)
    ]
    script, file = tmp_path / "read.php", tmp_path / "texts.json"
    script.write_text(READER)
    file.write_text(json.dumps(texts))
    done = subprocess.run([php, str(script), str(file)], capture_output=True, check=True)
    answers = json.loads(done.stdout)
    compared = 0
    for text, answer in zip(texts, answers, strict=True):
        # An open quote swallows what follows for PHP; such a file is broken, and any reading of it is as good.
        if answer is not None and len(answer) == 3:
            compared += 1
            assert parse(text) == answer, text
    assert compared > 200
