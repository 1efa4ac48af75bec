"""Names, parameters, places and data that would be more than they are, if anything took them for it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobs
from mapreduce import SqlJob, catalogue
from mapreduce.check import check
from mapreduce.errors import InvalidParameter, InvalidTask, MarlaError, UnknownJob
from mapreduce.events import MapTask, PublishTask, ReduceTask, WithdrawTask
from mapreduce.layout import output_key, receipt_key, rejects_key, result_key
from tests.unit.pipeline import map_event, piece, reduce_event, run_on
from tests.unit.sql_data import csv_rows

# ---- jobs ------------------------------------------------------------------------------------------------

NO_JOBS = [
    "",
    ".",
    "..",
    "../wordcount",
    "wordcount/../grep",
    "/etc/passwd",
    "wordcount.py",
    "wordcount\n",
    " wordcount",
    "WordCount",
    "WORDCOUNT",
    "os",
    "sys",
    "jobs",
    "jobs.wordcount",
    "wordcount.WordCount",
    "mapreduce.storage",
    "_fields",
    "-fields",
    "jobs._fields",
    "__init__",
    "--init--",
    "__class__",
    "reverse_links",
    "wordc\u043eunt",  # a Cyrillic o
    "wordcount\u200b",
    "\uff57ordcount",  # what NFKC, as in Python's own names, would make wordcount
    "wordcount\0",
    "wordcount:",
    ":wordcount",
    "wordcount:map",
    "top:__class__",
    "top:count:count",
    "top:../count",
    "x" * 1_000_000,
    "top:" + "x" * 1_000_000,
]


@pytest.mark.parametrize("name", NO_JOBS, ids=lambda name: repr(name[:20]))
def test_a_job_is_a_name_of_the_catalogue_and_nothing_else(name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(UnknownJob, match="job: ") as caught:
        catalogue.load(name, {})
    assert len(str(caught.value)) < 2_000
    assert {module for module in set(sys.modules) - before if not module.startswith("jobs.")} == set()


@given(st.text())
def test_no_text_imports_what_is_no_job(name: str) -> None:
    if name.partition(":")[0] in catalogue.names():
        return
    before = set(sys.modules)
    with pytest.raises(UnknownJob):
        catalogue.load(name, {})
    assert set(sys.modules) == before


NO_PARAMETERS = [
    "self",
    "cls",
    "__class__",
    "__init__",
    "__dict__",
    "map",
    "reduce",
    "combine",
    "place",
    "format",
]
NO_PARAMETERS += [
    "params",
    "inputs",
    "output",
    "columns",
    "group_of",
    "prefix.__class__",
    "",
    "$x",
    "x" * 100_000,
]


@pytest.mark.parametrize("job", [name for name in catalogue.names() if ":" not in name])
def test_a_parameter_is_one_that_the_job_declares(job: str) -> None:
    stages = catalogue.pipelines().get(job, [{"job": job}])
    for stage in stages:
        for name in NO_PARAMETERS:
            with pytest.raises(InvalidParameter, match=r"^params\."):
                catalogue.load(stage["job"], {name: "x"})


def test_a_parameter_of_a_query_is_one_that_stands_in_it() -> None:
    for name in NO_PARAMETERS:
        with pytest.raises(MarlaError, match=r"^params\."):
            check({"job": {"map": "FROM input", "columns": "k VARCHAR"}, "params": {name: "x"}})


@pytest.mark.parametrize("value", [{"__class__": "os"}, ["x"], [["x"]], {"py/object": "os.system"}, None])
def test_a_parameters_value_is_a_plain_one(value: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^params\.pattern: "):
        catalogue.load("grep", {"pattern": value})
    with pytest.raises(InvalidParameter, match=r"^params\.x: "):
        catalogue.load({"map": "SELECT $x FROM input", "columns": "k VARCHAR"}, {"x": value})


def test_every_job_of_the_catalogue_lies_in_its_folder() -> None:
    folders = tuple(jobs.__path__)
    for name in catalogue.names():
        found = catalogue.find(name)
        module = sys.modules[f"jobs.{name.replace('-', '_')}"]
        assert str(module.__file__).startswith(folders)
        assert isinstance(found, SqlJob) or found


# ---- places ----------------------------------------------------------------------------------------------

EVENTS = {
    MapTask: map_event("wordcount", [piece("x", 0, 1)]),
    ReduceTask: reduce_event("wordcount"),
    PublishTask: {"stage": 0, "step": 1, "partitions": 1},
    WithdrawTask: {"stage": 0, "partitions": 1},
}
NO_IDS = [
    "",
    ".",
    "..",
    "../x",
    "x/..",
    "x/y",
    "/x",
    "x/",
    "x\n",
    "x\0y",
    "\x7f",
    "x" * 81,
    5,
    ["x"],
    {"x": 1},
]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("job_id", NO_IDS, ids=repr)
def test_the_name_of_a_job_leads_nowhere_else(kind: Any, job_id: Any) -> None:
    with pytest.raises(InvalidTask, match=r"^id: "):
        kind.from_event(EVENTS[kind] | {"id": job_id})


@given(st.text(max_size=85), st.booleans())
def test_whatever_a_job_is_called_all_that_it_writes_is_under_its_name(name: str, sample: bool) -> None:
    event = EVENTS[PublishTask] | {"id": name, "sample": int(sample)}
    try:
        prefix = PublishTask.from_event(event).prefix
    except InvalidTask:
        return
    for key in (
        output_key(prefix, 0, 0, 7),
        output_key(prefix, 2, 1, 7),
        result_key(prefix, 1, "csv"),
        rejects_key(prefix, 7),
        receipt_key(prefix, output_key(prefix, 0, 0, 7)),
    ):
        assert key.startswith(f"jobs/{name}/stage-0/")
        assert key.split("/")[:2] == ["jobs", name]
        assert not {".", ".."} & set(key.split("/"))


@pytest.mark.parametrize("field", ["stage", "task", "partitions"])
@pytest.mark.parametrize("value", ["0", "../0", "0/../..", -1, 0.5, True, [0], None])
def test_the_numbers_of_a_key_are_numbers(field: str, value: Any) -> None:
    with pytest.raises(InvalidTask, match=f"^{field}: "):
        MapTask.from_event(EVENTS[MapTask] | {field: value})


@pytest.mark.parametrize(
    "times",
    [
        "jobs/another/stage-0/times/map-0/",
        "jobs/job-1/stage-0/result/map-0/",
        "jobs/job-1/stage-0/times/../result/",
        "jobs/job-1/stage-0/times/map-0/../",
        "jobs/job-1/stage-0/times/map-0",
        "jobs/job-1/stage-0/times/",
        "/",
    ],
)
def test_how_long_a_task_took_is_written_where_its_own_job_looks(times: str) -> None:
    for kind in (MapTask, ReduceTask):
        with pytest.raises(InvalidTask, match=r"^race\.times: "):
            kind.from_event(EVENTS[kind] | {"race": {"times": times}})


# ---- data ------------------------------------------------------------------------------------------------

LOOKS_LIKE_CODE = [
    "__import__('os').system('false')",
    "{% $string($states.input) %}",
    "${JobBucket}",
    "$(id)",
    "`id`",
    "{0.__class__}",
    "%(x)s",
    "{{7*7}}",
    "cos\nsystem\n(S'false'\ntR.",
    "!!python/object/apply:os.system [false]",
    "'; DROP TABLE input; --",
    "=HYPERLINK(1)",
]


@pytest.mark.parametrize("text", LOOKS_LIKE_CODE)
def test_data_that_looks_like_code_is_data(text: str) -> None:
    row = text.replace("\n", " ")
    assert run_on({"x": row.encode()}, "distinct").parts[0].decode() == f"{row}\n"
    columns = {"columns": "k VARCHAR", "map": "SELECT k, count(*) AS n FROM input GROUP BY k"}
    lines = run_on(
        {"x.jsonl": json.dumps({"k": text}).encode()}, columns, output="jsonl", format="jsonl"
    ).parts[0]
    assert json.loads(lines) == {"k": text, "n": 1}


def test_json_that_names_a_type_is_a_dictionary() -> None:
    record = {"__class__": "os", "py/object": "os.system", "$type": "x", "__reduce__": ["os.system", "false"]}
    fields = ", ".join(f'"{name}"' for name in record)
    job = {"map": f"SELECT {fields} FROM input LIMIT 1"}
    found = run_on({"x": json.dumps(record).encode()}, job, format="jsonl", output="jsonl").parts[0]
    assert json.loads(found) == record


@pytest.mark.parametrize(
    "name", ['a"b', "x\" FROM read_text('/etc/passwd') --", "a'b", "a;b", "$x", "SELECT", "a\\b"]
)
def test_a_name_in_a_header_is_a_name(name: str) -> None:
    header = '"' + name.replace('"', '""') + '"'
    quoted = '"' + name.replace('"', '""') + '"'
    outcome = run_on(
        {"x.csv": f"{header},n\na,1\n".encode()},
        {"map": f"SELECT {quoted} AS k, sum(n) AS n FROM input GROUP BY ALL"},
        format={"type": "csv", "header": True},
    )
    assert csv_rows(outcome) == [["a", "1"]]


@pytest.mark.parametrize("character", ["'", ";", "$", "|", "\t", "-", "("])
def test_a_delimiter_is_a_character(character: str) -> None:
    outcome = run_on(
        {"x.csv": f"a{character}1\n".encode()},
        {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": "k VARCHAR, n INTEGER"},
        format={"type": "csv", "delimiter": character},
    )
    assert csv_rows(outcome) == [["a", "1"]]


@pytest.mark.parametrize("delimiter", ["', header = true) --", "')", "''", "", "\n", 5])
def test_no_delimiter_is_more_than_a_character(delimiter: Any) -> None:
    job = {"map": "FROM input", "columns": "k VARCHAR"}
    inputs = [{"format": {"type": "csv", "delimiter": delimiter}}]
    with pytest.raises(InvalidParameter, match=r"^format\.delimiter: "):
        check({"job": job, "params": {}, "inputs": inputs})
