"""What a job that succeeded says, and that nothing it carries grows beyond a payload."""

import datetime
import json
import threading
from typing import Any

import pytest

from marla.local.jsonata import evaluate
from tests.statemachine.machine import expressions
from tests.statemachine.stub_cloud import Cloud, Event, WorkerError, objects

PAYLOAD = 256 * 1024


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def test_a_job_reports_its_result_counters_and_steps(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(5, suffix=".gz")}
    cloud.emits = 2
    outcome = cloud.run(name="my-job", splitBytes=1000, fanIn=3)
    assert outcome.output == {
        "id": "my-job",
        "job": "wordcount",
        "result": ["s3://jobs/jobs/my-job/stage-0/result/part-00000.csv"],
        "columns": ["key", "value"],
        "counters": {
            "inputRecords": 5000,
            "inputBytes": 5000,
            "rejects": 0,
            "resultRecords": 10000,
            "resultBytes": 5000,
        },
        "steps": [
            {
                "stage": 0,
                "step": 0,
                "tasks": 5,
                "recordsIn": 5000,
                "recordsOut": 10000,
                "bytesIn": 5000,
                "bytesOut": 10000,
                "rejects": 0,
            },
            {
                "stage": 0,
                "step": 1,
                "tasks": 2,
                "recordsIn": 10000,
                "recordsOut": 10000,
                "bytesIn": 10000,
                "bytesOut": 5000,
            },
            {
                "stage": 0,
                "step": 2,
                "tasks": 1,
                "recordsIn": 10000,
                "recordsOut": 10000,
                "bytesIn": 10000,
                "bytesOut": 5000,
                "largestPartition": {"partition": 0, "records": 10000},
            },
        ],
        "warnings": [],
    }


def test_each_partition_has_a_result_object_in_order(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run(partitions=12)
    folder = "s3://jobs/jobs/job-1/stage-0/result/"
    assert outcome.output["result"] == [f"{folder}part-{part:05d}.csv" for part in range(12)]


def test_the_format_of_the_result_is_what_was_published(cloud: Cloud) -> None:
    cloud.reducer = lambda event: {"format": "jsonl", "parts": 1} if "publish" in event else None
    cloud.buckets = {"data": objects(1)}
    assert cloud.run().output["result"] == ["s3://jobs/jobs/job-1/stage-0/result/part-00000.jsonl"]


@pytest.mark.parametrize(("columns", "reported"), [(["word"], ["word"]), ([], []), (None, [])])
def test_columns_are_always_a_list(cloud: Cloud, columns: Any, reported: list[str]) -> None:
    def mapper(event: Event) -> Any:
        checked = {"params": {}} | ({} if columns is None else {"columns": columns})
        return checked if "check" in event else None

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(1)}
    assert cloud.run().output["columns"] == reported


def test_params_reach_workers_as_the_check_completes_them(cloud: Cloud) -> None:
    cloud.mapper = lambda event: (
        {"params": event["params"] | {"length": 8}, "columns": []} if "check" in event else None
    )
    cloud.buckets = {"data": objects(1)}
    cloud.run(params={"prefix": "x"})
    assert cloud.maps[0]["params"] == cloud.reduces[0]["params"] == {"prefix": "x", "length": 8}


def test_a_chain_reports_the_last_result_and_what_was_read_first(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(2), "jobs": {"jobs/job-1/stage-0/result/part-00000.csv": 70}}
    outcome = cloud.execute({"stages": [{"job": "a", "input": "s3://data/in/"}, {"job": "b"}]})
    assert outcome.output["job"] == "b"
    assert outcome.output["result"] == ["s3://jobs/jobs/job-1/stage-1/result/part-00000.csv"]
    assert outcome.output["counters"]["inputRecords"] == 2000
    assert outcome.output["counters"]["inputBytes"] == 2000
    assert outcome.output["counters"]["resultRecords"] == 70
    steps = [(step["stage"], step["step"]) for step in outcome.output["steps"]]
    assert steps == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_job_that_emits_nothing_succeeds_with_an_empty_result(cloud: Cloud) -> None:
    cloud.emits = 0
    cloud.buckets = {"data": objects(3)}
    outcome = cloud.run()
    assert outcome.status == "SUCCEEDED"
    assert outcome.output["counters"]["resultRecords"] == 0
    assert outcome.output["counters"]["inputRecords"] == 3000


def test_a_thousand_partitions_and_the_longest_names_fit_a_payload(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1)}
    name = "n" * 80  # as long as an execution's name may be
    outcome = cloud.run(name=name, partitions=1000, concurrency=16)
    assert len(outcome.output["result"]) == 1000
    assert outcome.output["result"][-1].endswith("/part-00999.csv")
    longest = json.dumps(outcome.output).replace("s3://jobs/", f"s3://{'b' * 63}/")
    assert len(longest) < PAYLOAD - 10_000  # leaves room for the steps of a long chain


def test_the_counts_of_a_wide_wave_fit_a_payload(cloud: Cloud) -> None:
    huge = 10**12  # records or bytes of one mapper, far more than it has time for

    def mapper(event: Event) -> Any:
        if "pieces" not in event:
            return None
        return cloud.map(event) | {"recordsIn": huge, "bytesIn": huge, "bytesOut": huge, "log": "x" * 10_000}

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(180, size=60_000_000)}
    outcome = cloud.run(splitBytes=10_000_000, concurrency=16)
    assert outcome.status == "SUCCEEDED", outcome.cause
    children = outcome.map_runs[0].children
    assert len(children) > 500
    assert size([child.output for child in children]) < PAYLOAD
    assert outcome.output["counters"]["inputBytes"] == huge * len(children)


def test_even_a_thousand_results_are_numbered_with_five_digits() -> None:
    bindings = {
        "config": {"job": "a", "columns": []},
        "job": {},
        "published": {"parts": 3, "format": "csv"},
        "done": [
            {"counters": {"inputRecords": 7, "inputBytes": 9}, "parts": 1},
            {"result": "s3://jobs/jobs/x/stage-4/result/", "parts": 3, "extension": "csv"},
        ],
        "warnings": [],
        "steps": [{"stage": 0, "step": 0, "recordsIn": 7, "bytesIn": 9, "rejects": 1}],
        "flow": {"records": 5, "bytes": 6},
        "states": {"context": {"Execution": {"Name": "x"}}},
    }
    report = evaluate(expressions()["Report.Output"], bindings)
    assert report["result"] == [f"s3://jobs/jobs/x/stage-4/result/part-0000{part}.csv" for part in range(3)]
    assert report["counters"]["inputRecords"] == 7


# ---- attempts --------------------------------------------------------------------------------------------


def test_each_attempt_is_told_which_it_is_and_since_when_it_waits(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/a.gz": 10, "in/b.gz": 10}}
    failures = iter([WorkerError("StorageUnavailable"), None])
    lock = threading.Lock()

    def mapper(event: Event) -> None:
        with lock:
            failure = next(failures, None) if event.get("task") == 1 else None
        if failure:
            raise failure

    cloud.mapper = mapper
    before = datetime.datetime.now(datetime.UTC)
    assert cloud.run(name="my-job", splitBytes=10).status == "SUCCEEDED"
    told = sorted((one["step"], one["task"], one["number"], one["backup"]) for one in cloud.attempts)
    assert told == [(0, 0, 0, False), (0, 1, 0, False), (0, 1, 1, False), (1, 0, 0, False)]
    again = [one for one in cloud.attempts if one["step"] == 0 and one["task"] == 1]
    assert len({one["child"] for one in again}) == 1
    assert len({one["child"] for one in cloud.attempts}) == 3
    assert all(":execution:machine/" in one["child"] for one in cloud.attempts)
    queued = [datetime.datetime.fromisoformat(one["queued"]) for one in cloud.attempts]
    assert all(before <= time <= datetime.datetime.now(datetime.UTC) for time in queued)
    assert {event["execution"] for event in (*cloud.maps, *cloud.reduces)} == {"my-job"}


def test_a_backup_is_told_that_it_is_one(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/a.gz": 10}}
    over, first = threading.Event(), iter([True])

    def mapper(event: Event) -> None:
        if "pieces" in event and next(first, False):
            over.wait(60)

    cloud.mapper = mapper
    assert cloud.run(speculate=1).status == "SUCCEEDED"
    over.set()
    assert sorted(one["backup"] for one in cloud.attempts if one["step"] == 0) == [False, True]
