"""The records of a job's tasks, as views read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from mapreduce.layout import output_key, record_key, stage_prefix
from mapreduce.record import Place, TaskRecord
from marla import records
from marla.errors import CloudError
from marla.stack import Stack
from tests.unit.pipeline import JOBS


@pytest.fixture
def stack(s3: S3Client) -> Stack:
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:machine"
    return Stack("marla", "us-east-1", machine, JOBS, lambda _: s3)


STAGE = "jobs/job-1/stage-0/"


def leave(s3: S3Client, step: int, task: int, **others: Any) -> TaskRecord:
    """Write the record of an attempt at a task of the job `job-1`, as a worker does."""
    given: dict[str, Any] = {
        "stage": 0,
        "sample": False,
        "partition": 0,
        "started": 1.0,
        "request": f"r{others}",
    } | others
    prefix = stage_prefix("job-1", given["stage"], sample=given["sample"])
    output = output_key(prefix, step, given["partition"], task)
    kind = "reduce" if step else "map"
    record = TaskRecord(kind=kind, step=step, task=task, ended=2.0, output=output, **given)
    body = json.dumps(record.to_json()).encode()
    failed = not record.succeeded
    key = record_key(prefix, output, record.execution, record.request, failed=failed)
    s3.put_object(Bucket=JOBS, Key=key, Body=body)
    return record


def test_records_come_in_the_order_of_tasks_and_attempts(s3: S3Client, stack: Stack) -> None:
    expected = [
        leave(s3, 0, 0, sample=True),
        leave(s3, 1, 0, sample=True),
        leave(s3, 0, 2),
        leave(s3, 0, 10, started=3.0, request="a", attempt=0, error="StorageUnavailable"),
        leave(s3, 0, 10, started=5.0, request="0", attempt=1),
        leave(s3, 1, 1, partition=0),
        leave(s3, 1, 0, partition=2),
        leave(s3, 2, 0, partition=1),
        leave(s3, 0, 0, stage=1),
        leave(s3, 0, 0, stage=10),
    ]
    assert records.of_execution(stack, "job-1") == expected


def test_records_of_one_execution_of_a_job_are_told_apart(s3: S3Client, stack: Stack) -> None:
    leave(s3, 0, 0, execution="job-1", error="OutOfTime")
    again = leave(s3, 0, 0, execution="again")
    assert records.of_execution(stack, "job-1", "again") == [again]


def test_keys_say_of_which_task_a_record_is_before_it_is_read(s3: S3Client, stack: Stack) -> None:
    leave(s3, 0, 7, sample=True)
    leave(s3, 3, 5, partition=4, stage=2, execution="again", error="OutOfTime")
    sample, reduce = records.keys(stack, "job-1")
    assert (sample.execution, sample.failed) == ("", False)
    assert (reduce.execution, reduce.failed) == ("again", True)
    assert sample.place == Place(stage=0, sample=True, step=0, partition=0, task=7)
    assert reduce.place == Place(stage=2, sample=False, step=3, partition=4, task=5)
    assert [record.place for record in records.read(stack, [sample, reduce])] == [sample.place, reduce.place]


def test_only_records_are_read_and_only_the_jobs_own(s3: S3Client, stack: Stack) -> None:
    mine = leave(s3, 0, 0)
    for key in (
        "jobs/job-1/stage-0/map/0",
        "jobs/job-1/stage-0/receipts/map/0.json",
        "jobs/job-1/stage-0/records/notes.txt",
        "jobs/job-10/stage-0/records/map/0/-/r.done.json",
    ):
        s3.put_object(Bucket=JOBS, Key=key, Body=b"nothing of the kind")
    assert records.of_execution(stack, "job-1") == [mine]


def test_a_job_that_left_nothing_has_none(stack: Stack) -> None:
    assert records.of_execution(stack, "job-1") == []


def test_more_records_than_a_page_of_s3_has_are_all_found(s3: S3Client, stack: Stack) -> None:
    for number in range(1005):
        key = record_key(STAGE, f"{STAGE}map/{number}", "", "r", failed=False)
        s3.put_object(Bucket=JOBS, Key=key, Body=b"")
    assert [key.task for key in records.keys(stack, "job-1")] == list(range(1005))


def test_a_record_that_was_deleted_since_it_was_listed_is_passed_over(s3: S3Client, stack: Stack) -> None:
    leave(s3, 0, 0)
    stays = leave(s3, 0, 1)
    listed = records.keys(stack, "job-1")
    s3.delete_object(Bucket=JOBS, Key=listed[0].key)
    assert records.read(stack, listed) == [stays]


# A record but for the times, which are texts.
ODD = b'{"kind":"map","stage":0,"step":0,"partition":0,"task":0,"started":"x","ended":"y","output":"o"}'


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b'{"kind": "map"}', ODD],
    ids=["empty", "list", "nothing in it", "null", "incomplete", "other types"],
)
def test_what_is_no_record_is_named(s3: S3Client, stack: Stack, body: bytes) -> None:
    key = record_key(STAGE, f"{STAGE}map/0", "", "r", failed=False)
    s3.put_object(Bucket=JOBS, Key=key, Body=body)
    with pytest.raises(CloudError, match=f"^s3://{JOBS}/{key}: is no record of a task"):
        records.of_execution(stack, "job-1")
