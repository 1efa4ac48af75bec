"""What is logged as jobs succeed and fail: names, numbers and places, but no data and no credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marla.stack import Stack
from tests.local.conftest import Job, Put, Run
from tests.unit.sql_data import parquet

MARK = "tell-nobody-7f3a"  # in the data, and nowhere else
CREDENTIALS = re.compile(
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|aws_?secret|secret_?access_?key|session_?token|x-amz-signature|authorization",
    re.IGNORECASE,
)


def lines(*texts: str) -> dict[str, bytes]:
    return {"x": "".join(f"{text}\n" for text in texts).encode()}


SQL = {"map": "SELECT k, max(n) AS n FROM input GROUP BY k", "columns": "k VARCHAR, n INTEGER"}
REDUCED = {
    "map": "SELECT k, 1 AS n FROM input",
    "key": ["k"],
    "reduce": "SELECT k, sum(n) AS n FROM input GROUP BY k",
    "finish": "SELECT CAST(k AS INTEGER) AS n FROM input",
}
SUCCEED: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "words": (lines(f"{MARK} {MARK}"), {"job": "wordcount"}),
    "records that are set aside": (
        lines("1", MARK),
        {"job": "sort", "partitioning": "hash", "params": {"numeric": True}, "maxBadRecords": 1},
    ),
    "keys that are sampled": (lines(MARK, f"{MARK} 2"), {"job": "sort", "partitions": 2}),
    "a query": ({"x": f"{MARK},1\n".encode()}, {"sql": SQL}),
    "a query with records that are set aside": (
        {"x": f"a,1\nb,{MARK}\n".encode()},
        {"sql": SQL, "maxBadRecords": 1},
    ),
}
# What is in the log instead, of each failure.
FAIL: dict[str, tuple[dict[str, bytes], dict[str, Any], str, str]] = {
    "a record that the format cannot read": (
        {"x": f"{MARK},b\n".encode()},
        {"job": "uservisits"},
        "BadRecord",
        r"/x at byte 0: LineError: 2 fields where 9 are expected; correct it",
    ),
    "a record that the job cannot read": (
        lines("1", MARK),
        {"job": "sort", "partitioning": "hash", "params": {"numeric": True}},
        "BadRecord",
        r"/x at byte 2: BadRecord \(jobs/sort\.py line \d+\); correct it, .*/errors/map/0\.json",
    ),
    "a value that the job cannot convert": (
        {"x": f"1.2.3.4,/,2000-01-01,{MARK},A,DE,de,w,1\n".encode()},
        {"job": "uservisits"},
        "BadRecord",
        r"/x at byte 0: ValueError \(jobs/uservisits\.py line \d+\); correct it",
    ),
    "a record that the query cannot read": (
        {"x": f"a,1\nb,{MARK}\n".encode()},
        {"sql": SQL},
        "BadRecord",
        r"/x at byte 4: DataError; correct it",
    ),
    "a file that the query cannot be applied to": (
        {"x.parquet": parquet(f"SELECT '{MARK}' AS k")},
        {"sql": "SELECT CAST(k AS INTEGER) AS n FROM input"},
        "BadObject",
        r"/x\.parquet: the query cannot be applied to it\. Correct it",
    ),
    "values that cannot be reduced": (
        {"x.parquet": parquet(f"SELECT '{MARK}' AS k")},
        {"sql": REDUCED},
        "JobFailed",
        r"combine or reduce raised, for DataError\. What it says .*/errors/step-1/0/0\.json",
    ),
    "a row that does not fit the result": (
        lines(MARK),
        {"job": "wordcount", "output": "raw"},
        "BadResult",
        r"Result rows do not fit the result's format\. What it says .*/errors/step-1/0/0\.json",
    ),
}


class Logs:
    """All that was logged since it was made: by functions, the engine and ministack."""

    def __init__(self, stack: Stack, home: Path) -> None:
        self._logs = stack.make_client("logs")
        self._files = sorted(home.glob("*.log"))
        self._sizes = {file: file.stat().st_size for file in self._files}
        self._streams = self._events()

    def _events(self) -> list[str]:
        found = []
        for group in self._logs.describe_log_groups()["logGroups"]:
            where = {"logGroupName": group["logGroupName"]}
            for stream in self._logs.describe_log_streams(**where)["logStreams"]:
                events = self._logs.get_log_events(
                    **where, logStreamName=stream["logStreamName"], startFromHead=True
                )
                found += [event["message"] for event in events["events"]]
        return found

    def read(self) -> str:
        """Return what was logged since."""
        texts = [file.read_bytes()[self._sizes[file] :].decode(errors="replace") for file in self._files]
        return "\n".join([*texts, *self._events()[len(self._streams) :]])


@pytest.fixture
def logs(stack: Stack, home: Path) -> Callable[[], str]:
    """What is logged from now on."""
    return Logs(stack, home).read


@pytest.mark.parametrize("case", SUCCEED)
def test_a_job_that_succeeds_logs_no_data(logs: Callable[[], str], run: Run, put: Put, case: str) -> None:
    objects, request = SUCCEED[case]
    job = run(input=put(objects), **request)
    assert MARK in json.dumps(job.output) + "".join(part.decode() for part in job.parts()) or "aside" in case
    logged = logs()
    assert '"kind": "map"' in logged
    assert MARK not in logged
    assert not CREDENTIALS.search(logged)


@pytest.mark.parametrize("case", FAIL)
def test_a_job_that_fails_logs_where_and_no_data(
    logs: Callable[[], str], run: Run, put: Put, case: str
) -> None:
    objects, request, error, told = FAIL[case]
    job = run(input=put(objects), **request)
    logged = logs()
    assert MARK not in logged
    assert not CREDENTIALS.search(logged)
    assert re.search(told, logged)
    assert error in logged

    assert job.failure.name == error
    if "format" not in case:
        assert MARK in job.failure.cause
    assert MARK not in history(job)


def history(job: Job) -> str:
    """What Step Functions, and its log, tell of the job's failed tasks."""
    sfn = job.stack.sfn
    arns = [job.arn]
    for run in sfn.list_map_runs(executionArn=job.arn)["mapRuns"]:
        children = sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
        arns += [child["executionArn"] for child in children]
    events = [event for arn in arns for event in sfn.get_execution_history(executionArn=arn)["events"]]
    failures = [event for event in events if event["type"].endswith("Failed")]
    assert failures
    return json.dumps(failures, default=str)


def test_what_is_kept_of_a_failure_is_the_whole_of_it(run: Run, put: Put) -> None:
    objects, request, error, _ = FAIL["a value that the job cannot convert"]
    job = run(input=put(objects), **request)
    [key] = job.keys("stage-0/errors/")
    body = job.stack.s3.get_object(Bucket=job.stack.job_bucket, Key=key)["Body"].read()
    content = json.loads(body)
    assert content["error"] == error
    assert content["message"] == job.failure.cause
    assert f"could not convert string to float: '{MARK}'" in content["message"]
    assert "jobs/uservisits.py" in content["traceback"]
