"""Checking a job before any input is listed."""

from __future__ import annotations

from typing import Any

import pytest

from mapreduce import Csv, JsonLines
from mapreduce.check import check
from mapreduce.errors import InvalidParameter, InvalidTask, UnknownJob
from tests.unit.sample_jobs import SAMPLE_JOBS, Collect

pytestmark = pytest.mark.usefixtures("sample_jobs", "two_inputs")


class TwoInputs(Collect):
    """Read two inputs."""

    inputs = {"left": Csv(), "right": JsonLines()}  # noqa: RUF012 - as users write it


@pytest.fixture
def two_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue has a job over two inputs."""
    monkeypatch.setitem(SAMPLE_JOBS, "two-inputs", TwoInputs)


def test_a_check_tells_all_parameters_and_columns() -> None:
    inputs = [{"format": "jsonl"}, {"format": {"type": "csv", "header": True}}, {}]
    event = {"job": "shouted", "params": {"times": 2, "scale": 3}, "inputs": inputs, "output": "csv"}
    assert check(event) == {
        "params": {"times": 2, "scale": 3, "mark": "!", "loud": True},
        "columns": ["text", "count"],
    }
    assert check({"job": "wordcount"}) == {"params": {}, "columns": ["word", "count"]}


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"job": "nonsense"}, UnknownJob, "job: there is no 'nonsense'; the jobs are .*wordcount"),
        ({"params": {"times": 0}}, InvalidParameter, "params.times: got 0"),
        ({"params": ["times"]}, InvalidTask, r"params: got \['times'\]; give an object"),
        ({"inputs": [{"format": "csv"}, {"format": "xml"}]}, InvalidParameter, "format: got 'xml'"),
        ({"inputs": [{"format": "parquet"}]}, InvalidParameter, "format: got parquet, which SQL jobs read"),
        ({"inputs": [{"columns": "a INTEGER"}]}, InvalidParameter, "columns: got 'a INTEGER'; give a list"),
        ({"inputs": [{"format": "text", "columns": ["a"]}]}, InvalidParameter, "input.columns: a Python job"),
        ({"output": "xml"}, InvalidParameter, "output: got 'xml'"),
        (
            {"job": "two-inputs"},
            InvalidParameter,
            "input: got none with the name left; the job reads left, right",
        ),
        (
            {"job": "two-inputs", "inputs": [{"name": "left"}, {"name": "middle"}]},
            InvalidParameter,
            "input.name: got middle; the job reads left, right",
        ),
        (
            {"job": "two-inputs", "inputs": [{"name": "left"}, {}]},
            InvalidParameter,
            "input.name: got nothing; the job reads left, right",
        ),
        (
            {"pipeline": {"name": "top", "params": {"k": "x"}}},
            InvalidParameter,
            'params.k: got "x"; give a whole number',
        ),
        (
            {"pipeline": {"name": "top", "params": {"n": 1}}},
            InvalidParameter,
            "params.n: this job has no such",
        ),
        ({"later": [{"job": "nonsense"}]}, UnknownJob, "job: there is no 'nonsense'"),
        ({"later": [{"job": "top"}]}, UnknownJob, "job: got 'top', a chain of jobs"),
        (
            {"later": [{"job": "grep"}, {"job": "grep", "output": "parquet"}]},
            InvalidParameter,
            "output: got 'parq",
        ),
        ({"later": [{"sql": "FROM input", "output": "text"}]}, InvalidParameter, "output: got 'text'"),
        (
            {"later": [{"job": "scan", "partitioning": "range", "partitions": 1}]},
            InvalidParameter,
            "partitioning: got range, but a stage is a SQL job",
        ),
        (
            {"later": [{"job": "scan", "partitioning": "range", "partitions": 2}]},
            InvalidParameter,
            "partitioning: got range, but a stage is a SQL job",
        ),
    ],
)
def test_a_check_finds_what_is_wrong(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check({"job": "shouted"} | fields)
