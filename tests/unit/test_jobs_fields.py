"""The jobs over lines or their fields that do not sort: distinct and top. And how fields are read."""

import csv
import io
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs._fields import key_reader
from jobs.distinct import Distinct
from jobs.top import GroupCount, Largest
from mapreduce import BadRecord, InvalidParameter, catalogue, run
from mapreduce.check import check
from tests.unit.job_runs import Way, csv_rows, in_all_ways, objects_of, run_stages, text_lines
from tests.unit.pipeline import run_on

LINES = [f"{'abcdefg'[row * row % 7]}, {row % 3},한 {row * 7919 % 11}" for row in range(80)] + ["", "", ","]

# Fields


@pytest.mark.parametrize(
    ("line", "field", "delimiter", "value"),
    [
        (" a  b\tc ", 0, "", " a  b\tc "),
        (" a  b\tc ", 0, ",", " a  b\tc "),
        (" a  b\tc ", 1, "", "a"),
        (" a  b\tc ", 2, "", "b"),
        (" a  b\tc ", 3, "", "c"),
        (" a  b", 2, " ", "a"),
        ("a,,c", 2, ",", ""),
        ("a||b|c||d", 2, "||", "b|c"),
        ('a||"b||c"', 2, "||", '"b'),
        ('"a,b",c', 1, ",", "a,b"),
        ('x,"say ""yes""",c', 2, ",", 'say "yes"'),
        ('say "a b"', 2, "", '"a'),
        ("", 1, ",", ""),
    ],
)
def test_a_field_is_found(line: str, field: int, delimiter: str, value: str) -> None:
    assert key_reader(field, delimiter)(line) == value


@given(st.text('ab,"|', max_size=12), st.integers(1, 4))
def test_fields_are_those_of_the_csv_module(line: str, field: int) -> None:
    fields = next(csv.reader(io.StringIO(line)), [""])
    if field <= len(fields):
        assert key_reader(field, ",")(line) == fields[field - 1]
    else:
        with pytest.raises(BadRecord, match=f"there is no field {field} in a line of {len(fields)}"):
            key_reader(field, ",")(line)


def test_a_line_that_the_csv_module_refuses_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="not csv: new-line character"):
        key_reader(1, ",")('"a"\rb,c')


@pytest.mark.parametrize("job", ["distinct", "sort", "top:count"])
@pytest.mark.parametrize("delimiter", ['"', "\n", "a\r"])
def test_a_delimiter_without_sense_is_refused(job: str, delimiter: str) -> None:
    with pytest.raises(InvalidParameter, match=r"params\.delimiter: got .*; give a text without quotes"):
        check({"job": job, "params": {"delimiter": delimiter}})


def test_records_that_are_no_lines_are_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"format: got csv, .* but Distinct maps what text gives"):
        run_on({"a.csv": b"a,b\n"}, "distinct", format="csv")


# distinct


@in_all_ways
@pytest.mark.parametrize(
    ("lines", "params", "expected"),
    [
        (LINES, {}, set(LINES)),
        (LINES, {"field": 2, "delimiter": ","}, {" 0", " 1", " 2", ""}),
        (LINES[:80], {"field": 4}, {str(number) for number in range(11)}),
    ],
    ids=["lines", "fields", "last fields"],
)
def test_distinct_finds_what_a_set_holds(
    lines: list[str], params: dict[str, Any], expected: set[str], way: Way
) -> None:
    if params.get("delimiter"):
        lines = [line for line in lines if line]
    if params.get("field") == 4:
        lines = [line.replace(",", " ") for line in lines]
    outcome = run_on(objects_of(lines), "distinct", params=params, **way._asdict())
    parts = [text_lines(part) for part in outcome.parts]
    assert all(part == sorted(part) for part in parts)
    assert sorted(line for part in parts for line in part) == sorted(expected)


@given(st.lists(st.text("ab ", max_size=3)))
def test_distinct_lines_in_memory(lines: list[str]) -> None:
    assert list(run(Distinct(), lines)) == [(line, ()) for line in sorted(set(lines))]


# top


def largest(values: list[str], k: int) -> list[list[str]]:
    """The k most frequent values, as rows of csv."""
    ordered = sorted(Counter(values).items(), key=lambda group: (-group[1], group[0]))
    return [[value, str(count)] for value, count in ordered[:k]]


@in_all_ways
@pytest.mark.parametrize("k", [1, 3, 5, 1000])
def test_top_finds_the_largest_groups(k: int, way: Way) -> None:
    count, top = run_stages(
        "top", objects_of(LINES[:-3]), {"k": k, "field": 1, "delimiter": ","}, **way._asdict()
    )
    values = [line.partition(",")[0] for line in LINES[:-3]]
    assert [csv_rows(part) for part in top.parts] == [largest(values, k)]
    assert len(count.parts) == way.partitions


def test_top_counts_whole_lines_and_shows_ten_by_default() -> None:
    lines = [f'line "{row % 17}", {row % 5 == 0}' for row in range(60)] + ["", "", ""]
    _, top = run_stages("top", objects_of(lines), split_bytes=31)
    assert [csv_rows(part) for part in top.parts] == [largest(lines, 10)]
    assert len(csv_rows(top.parts[0])) == 10


def test_top_leaves_out_some_of_those_that_are_equal_by_their_order() -> None:
    lines = ["d", "b", "c", "a", "e", "e"]
    _, top = run_stages("top", objects_of(lines), {"k": 3}, split_bytes=2, fan_in=2)
    assert csv_rows(top.parts[0]) == [["e", "2"], ["a", "1"], ["b", "1"]]


@given(st.lists(st.text("abc", max_size=2)), st.integers(1, 6))
def test_top_in_memory(lines: list[str], k: int) -> None:
    counts = list(run(GroupCount(), lines))
    assert counts == sorted(Counter(lines).items())
    rows = [[value, str(count)] for value, count in counts]
    assert [[value, str(count)] for value, count in run(Largest(k=k), rows)] == largest(lines, k)


def test_a_combined_value_holds_no_more_than_k_groups() -> None:
    job = Largest(k=2)
    combined = job.combine(0, [[("a", 1)], [("b", 3), ("c", 2)], [("d", 9)]])
    assert combined == [("d", 9), ("b", 3)]


def test_the_parameters_of_top_are_those_of_its_stages() -> None:
    top = catalogue.find("top")
    assert list(top.parameters()) == ["k", "field", "delimiter"]
    assert check({"job": "top:count", "params": {}})["params"] == {"field": 0, "delimiter": ""}
    assert check({"job": "top:largest", "params": {}})["params"] == {"k": 10}
