"""What is explained of bad data: some cases by hand; the tests of bad data check it for all their entries."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from mapreduce.errors import MarlaError
from marla.explain.explanation import Explanation
from tests.unit.cuts import COMPRESSORS
from tests.unit.explained import explaining
from tests.unit.pipeline import INPUT, run_on
from tests.unit.sql_data import parquet

VISIT = b"1.2.3.4,/,2000-01-01,0.5,A,DE,de,w,1\n"
SQL = {"map": "SELECT k, max(n) AS n FROM input GROUP BY k", "columns": "k VARCHAR, n INTEGER"}
CONVERTS_LATE = {
    "map": "SELECT k, 1 AS n FROM input",
    "key": ["k"],
    "reduce": "SELECT k, sum(n) AS n FROM input GROUP BY k",
    "finish": "SELECT CAST(k AS INTEGER) AS n FROM input",
}


class Case(NamedTuple):
    objects: dict[str, bytes]
    job: Any
    error: str
    place: str  # the task's
    object: str
    offset: int | None
    shown: str  # the line that is marked
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


CASES = {
    "a line of too few fields": Case(
        {"a": VISIT, "b": VISIT + b"bad\n"},
        "uservisits",
        "BadRecord",
        "Map, task 2",
        "b",
        len(VISIT),
        "bad",
        {"split_bytes": len(VISIT)},
    ),
    "a value that the job cannot convert": Case(
        {"a": VISIT.replace(b"0.5", b"free")},
        "uservisits",
        "BadRecord",
        "Map, task 0",
        "a",
        0,
        VISIT.replace(b"0.5", b"free").decode().strip(),
    ),
    "a line of a compressed object": Case(
        {"a.gz": COMPRESSORS[".gz"](b'{"x": 1}\n{"x"\n')},
        "wordcount",
        "BadRecord",
        "Map, task 0",
        "a.gz",
        9,
        '{"x"',
        {"format": "jsonl"},
    ),
    "bytes that are no text": Case(
        {"a": b"fine\nna\xefve\n"}, "wordcount", "BadRecord", "Map, task 0", "a", 5, r"na\xefve"
    ),
    "a record of a fixed length that is cut": Case(
        {"a": b"123456"},
        "terasort",
        "BadRecord",
        "Map, task 0",
        "a",
        4,
        "56",
        {"format": {"type": "fixed", "length": 4}},
    ),
    "a line that is too long": Case(
        {"a": b"a\n" + b"x" * 3000 + b"\n"},
        "wordcount",
        "RecordTooLong",
        "Map, task 0",
        "a",
        2,
        "x" * 160 + "…",
        {"maxRecordBytes": 1000},
    ),
    "an object that is damaged": Case(
        {"a.gz": COMPRESSORS[".gz"](b"a\n")[:-4]}, "wordcount", "BadObject", "Map, task 0", "a.gz", None, ""
    ),
    "a line that the query cannot read": Case(
        {"a.csv": b"a,1\nb,x\n"}, SQL, "BadRecord", "Map, task 0", "a.csv", 4, "b,x"
    ),
    "a file that the query cannot be applied to": Case(
        {"a.parquet": parquet("SELECT 'x' AS k")},
        {"map": "SELECT CAST(k AS INTEGER) AS n FROM input"},
        "BadObject",
        "Map, task 0",
        "a.parquet",
        None,
        "",
    ),
    "values that cannot be reduced": Case(
        {"a.parquet": parquet("SELECT 'x' AS k")},
        CONVERTS_LATE,
        "JobFailed",
        "Reduce, step 1, partition 0, task 0",
        "",
        None,
        "",
    ),
}


def explained(case: Case) -> Explanation:
    with explaining() as found, pytest.raises(MarlaError):
        run_on(case.objects, case.job, **case.options)
    [explanation] = found
    return explanation


@pytest.mark.parametrize("name", CASES)
def test_error_task_object_and_offset_are_named(name: str) -> None:
    case = CASES[name]
    found = explained(case)
    assert (found.failure.name, found.failure.place) == (case.error, case.place)
    assert found.failure.object == (f"s3://{INPUT}/{case.object}" if case.object else "")
    assert found.failure.offset == case.offset


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.offset is not None])
def test_the_record_is_shown(name: str) -> None:
    case = CASES[name]
    found = explained(case).excerpt
    assert found is not None
    assert [(line.offset, line.text) for line in found.lines if line.bad] == [(case.offset, case.shown)]


def test_the_line_of_the_jobs_own_code_is_shown() -> None:
    file, line, error = explained(CASES["a value that the job cannot convert"]).traceback
    assert file.startswith('  File "jobs/uservisits.py", line ')
    assert "float(" in line
    assert error == "ValueError: could not convert string to float: 'free'"
