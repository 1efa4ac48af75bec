import json
from collections.abc import Iterator
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

import mapper
import reducer
from mapreduce import worker
from mapreduce.errors import InvalidParameter, InvalidTask, UnknownJob
from tests.unit.pipeline import INPUT, JOBS, map_event, piece, read_all, reduce_event

PUBLISH = {"publish": True, "id": "job-1", "stage": 0, "step": 1, "partitions": 1}


@pytest.fixture(autouse=True)
def function_environment(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Lambda gives the functions: the template's environment, and a new process."""
    monkeypatch.setenv("JOB_BUCKET", JOBS)
    worker.store.cache_clear()
    yield
    worker.store.cache_clear()


def test_a_job_goes_from_words_to_counts(s3: S3Client, capsys: pytest.CaptureFixture[str]) -> None:
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"a b\na\n")
    assert mapper.handler({"check": True, "job": "wordcount", "params": {}, "output": None}, None) == {
        "params": {},
        "columns": ["word", "count"],
    }
    mapped = [
        mapper.handler(map_event("wordcount", [one], task=task), None)
        for task, one in enumerate([piece("words.txt", 0, 4), piece("words.txt", 4, 6)])
    ]
    reduced = reducer.handler(reduce_event("wordcount", count=2), None)
    assert reducer.handler(PUBLISH, None) == {"format": "csv", "parts": 1}
    assert read_all(s3, "jobs/job-1/stage-0/result/part-00000.csv") == b"a,2\nb,1\n"
    assert [counters["recordsOut"] for counters in mapped] == [2, 1]
    assert (reduced["recordsIn"], reduced["recordsOut"]) == (3, 2)
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["kind"] for line in logged] == ["map", "map", "reduce"]


def test_a_task_returns_its_counters_with_time_and_memory(s3: S3Client) -> None:
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"a\n")
    mapped = mapper.handler(map_event("wordcount", [piece("words.txt", 0, 2)]), None)
    reduced = reducer.handler(reduce_event("wordcount"), None)
    measured = {"recordsIn", "recordsOut", "bytesIn", "bytesOut", "objects", "seconds", "peakMemoryMiB"}
    assert set(mapped) == measured | {"rejects"}
    assert set(reduced) == measured | {"largestKey"}
    assert mapped["seconds"] >= 0
    assert 10 < mapped["peakMemoryMiB"] < 10_000
    assert len(json.dumps(mapped)) < 300  # thousands of them become one payload of 256 KiB


def test_a_task_logs_one_line_that_says_which_it_was(
    s3: S3Client, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"a\n")
    mapper.handler(map_event("wordcount", [piece("words.txt", 0, 2)], task=3, stage=1), None)
    logged = json.loads(capsys.readouterr().err)
    assert (logged["kind"], logged["output"]) == ("map", "jobs/job-1/stage-1/map/3")
    assert logged["recordsIn"] == 1


def test_a_check_tells_parameters_with_their_defaults() -> None:
    assert mapper.handler({"check": True, "job": "uservisits", "params": {"prefix": 3}}, None)["params"] == {
        "prefix": 3
    }
    assert mapper.handler({"check": True, "job": "uservisits"}, None) == {
        "params": {"prefix": 8},
        "columns": ["source_ip", "revenue"],
    }


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ({"check": True}, InvalidTask, "job: got None; give a text"),
        ({"check": True, "job": "wrdcount"}, UnknownJob, "job: there is no 'wrdcount'; the jobs are "),
        (
            {"check": True, "job": "uservisits", "params": {"prefix": "8"}},
            InvalidParameter,
            r'params.prefix: got "8"; give a whole number \(how many characters',
        ),
        (map_event("wrdcount", []), UnknownJob, "job: there is no 'wrdcount'"),
        (map_event("wordcount", [], task=-1), InvalidTask, "task: got -1; give a whole number"),
        ({}, InvalidTask, "got None"),
    ],
)
def test_the_mapper_refuses_what_it_cannot_do(
    event: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        mapper.handler(event, None)


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        (reduce_event("wrdcount"), UnknownJob, "job: there is no 'wrdcount'"),
        (reduce_event("wordcount", count=0), InvalidTask, "count: got 0; give a whole number of at least 1"),
        (PUBLISH | {"partitions": None}, InvalidTask, "partitions: got None"),
        ({}, InvalidTask, "got None"),
    ],
)
def test_the_reducer_refuses_what_it_cannot_do(
    event: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        reducer.handler(event, None)


def test_a_function_without_a_bucket_says_what_is_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JOB_BUCKET")
    with pytest.raises(InvalidTask, match="JOB_BUCKET: not set"):
        mapper.handler(map_event("wordcount", []), None)
    with pytest.raises(InvalidTask, match="JOB_BUCKET: not set"):
        reducer.handler(PUBLISH, None)


def test_an_error_has_the_name_that_the_state_machine_shows() -> None:
    # Lambda reports the class's name, and nothing of its module.
    with pytest.raises(UnknownJob) as caught:
        mapper.handler({"check": True, "job": "wrdcount"}, None)
    assert type(caught.value).__name__ == "UnknownJob"
