"""What the soak test takes for right and wrong, and that a case can be run again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.soak.cases import case
from tests.soak.shapes import Shape

ROWS = [("a", 2, 0.5), ("b", 1, 0.25)]


def problem(part: str, records: int = 2, rejects: int = 0, **options: Any) -> str:
    shape = Shape({"job": "x"}, [], ROWS, (str, int, float), **options)
    output = {"counters": {"resultRecords": records, "rejects": rejects}}
    return shape.problem("csv", [part.encode()], output)


def test_the_rows_that_are_expected_are_right_in_any_order_and_sums_nearly() -> None:
    assert problem("a,2,0.5\nb,1,0.25\n") == ""
    assert problem("b,1,0.25\na,2,0.50000000001\n") == ""


@pytest.mark.parametrize(
    ("part", "options", "told"),
    [
        ("a,2,0.5\n", {"records": 1}, "1 rows instead of 2"),
        ("a,2,0.5\nb,1,0.25\n", {"records": 3}, "3 rows by its counters, and 2 in its objects"),
        ("a,2,0.5\nb,1,0.25\n", {"rejects": 1}, "1 rejects instead of 0"),
        ("a,3,0.5\nb,1,0.25\n", {}, "the row ('a', 3, 0.5) instead of ('a', 2, 0.5)"),
        ("a,2,0.5001\nb,1,0.25\n", {}, "the row ('a', 2, 0.5001) instead of ('a', 2, 0.5)"),
        ("a,2,0.5\na,2,0.5\n", {}, "the row ('a', 2, 0.5) instead of ('b', 1, 0.25)"),
        ("b,1,0.25\na,2,0.5\n", {"exact": True}, "the row ('b', 1, 0.25) instead of ('a', 2, 0.5)"),
        ("b,1,0.25\na,2,0.5\n", {"sorted_by": lambda row: row[0]}, "rows are not sorted"),
    ],
)
def test_what_is_wrong_is_told(part: str, options: dict[str, Any], told: str) -> None:
    assert problem(part, **options) == told


def test_formats_say_the_same() -> None:
    shape = Shape({"job": "x"}, [], [("a", [["u", 1]])])
    output = {"counters": {"resultRecords": 1, "rejects": 0}}
    line = json.dumps({"word": "a", "documents": [["u", 1]]}).encode() + b"\n"
    assert shape.problem("jsonl", [line, b""], output) == ""
    assert Shape({"job": "x"}, [], [("a b",)]).problem("txt", [b"a b\n"], output) == ""


def test_a_case_is_the_same_each_time_and_its_faults_hit_no_other_job() -> None:
    one, again = case(3, 11), case(3, 11)
    assert (one.shape.request, one.shape.objects, one.faults) == (
        again.shape.request,
        again.shape.objects,
        again.faults,
    )
    patterns = [
        rule["match"].get("key") or rule["match"]["payload"]
        for number in range(20)
        for rule in case(3, number).faults["rules"]
    ]
    assert len(patterns) > 20
    others = ["jobs/soak-3-400/stage-0/map/0", '{"id": "soak-3-400", "task": 0, "step": 1, "partition": 0}']
    assert [pattern for pattern in patterns for other in others if re.search(pattern, other)] == []
