"""The corpus of bad data: small objects that are large once they are decompressed, and their memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mapreduce.invocation import STATUS
from tests.unit.bombs import LINES, LONGEST, MANY, OBJECTS, RECORDS, Bomb

ROOT = Path(__file__).parents[2]
Told = dict[str, tuple[int, str, int]]  # by name: the object's bytes, the outcome, the most MiB so far

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="the most memory of a process is Linux's to tell")


@pytest.fixture(scope="module")
def told() -> Told:
    """What a process of its own tells of all of them."""
    path = {"PYTHONPATH": f"{ROOT / 'functions'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.bombs"],
        env=os.environ | path,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (size, outcome, peak) for name, size, _, outcome, peak in rows}


@pytest.mark.parametrize("bomb", [*LINES, *OBJECTS], ids=lambda bomb: bomb.name)
def test_a_gibibyte_that_is_one_record_is_refused_before_it_is_read(told: Told, bomb: Bomb) -> None:
    size, outcome, peak = told[bomb.name]
    assert size < 2 << 20
    assert outcome.startswith("RecordTooLong: s3://input-bucket/bomb")
    assert f"at byte 0: a record of more than {LONGEST} bytes" in outcome
    assert peak < 200


@pytest.mark.parametrize("bomb", MANY, ids=lambda bomb: bomb.name)
def test_very_many_records_take_no_more_memory_than_some(told: Told, bomb: Bomb) -> None:
    size, outcome, peak = told[bomb.name]
    assert size < 1 << 20
    records = 0 if bomb.format == "csv" else bomb.size // len(bomb.text)
    assert outcome == f"{records} records"
    assert peak < 200


@pytest.mark.parametrize("bomb", RECORDS, ids=lambda bomb: bomb.name)
def test_a_long_record_of_very_many_values_takes_a_multiple_of_its_bytes(told: Told, bomb: Bomb) -> None:
    _, outcome, peak = told[bomb.name]
    assert outcome == "1 records"
    assert peak < 800
