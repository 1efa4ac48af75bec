"""Why a job failed, where no item is listed that tells it: EXPRESS ones, or as the listing is late."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mapreduce.layout import record_key
from mapreduce.record import TaskRecord
from marla import execution, failure, items
from marla.failure import Failure
from marla.progress import Progress
from tests.unit.failed_cloud import ARN, FakeCloud, epoch
from tests.unit.memory_s3 import MemoryS3, Stored

TORN = "s3://in/x.csv at byte 3: torn"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PAUSES", (0.0,))


def storage(*errors: str) -> MemoryS3:
    """An S3 with the records of map tasks that failed, one after the other."""
    s3 = MemoryS3()
    for task, error in enumerate(errors):
        output = f"jobs/job-1/stage-0/map/{task}"
        record = TaskRecord(
            kind="map",
            stage=0,
            step=0,
            partition=0,
            task=task,
            started=epoch(2),
            ended=epoch(3 + task),
            output=output,
            execution="job-1",
            request=f"request-{task}",
            error=error,
            message=TORN,
        )
        key = record_key("jobs/job-1/stage-0/", output, "job-1", record.request, failed=True)
        s3.objects["job-bucket", key] = Stored(json.dumps(record.to_json()).encode(), {}, "")
    return s3


def found(cloud: FakeCloud) -> Failure:
    progress = Progress()
    execution.update(cloud.stack(), ARN, progress)
    failed = failure.find(cloud.stack(), ARN, progress)
    assert failed is not None
    return failed


def cloud_with(*errors: str, **described: Any) -> FakeCloud:
    return FakeCloud(storage(*errors), **described)


def test_where_no_failed_item_is_listed_records_tell_which_task_failed() -> None:
    told = found(cloud_with("BadRecord", "OutOfSpace"))
    assert (told.name, told.cause, told.task) == ("BadRecord", TORN, 0)
    assert (told.object, told.offset) == ("s3://in/x.csv", 3)


def test_where_only_consequences_are_listed_records_tell_which_task_failed() -> None:
    cloud = cloud_with("BadRecord")
    cloud.fail("Race.Finished", "the other one has won", task=4)
    assert found(cloud).name == "BadRecord"


def test_where_neither_items_nor_records_tell_it_is_the_error_of_the_execution() -> None:
    told = found(cloud_with())
    assert (told.name, told.cause) == ("States.ExceedToleratedFailureThreshold", "exceeded")


def test_what_is_no_tasks_failure_is_not_looked_for_in_records() -> None:
    told = found(cloud_with("StorageUnavailable", error="States.DataLimitExceeded", cause="too large"))
    assert (told.name, told.cause) == ("States.DataLimitExceeded", "too large")


@pytest.mark.parametrize(("errors", "name"), [(("BadRecord",), "BadRecord"), ((), "TaskFailed")])
def test_where_listing_is_refused_records_tell_and_if_there_is_none_the_log_does(
    errors: tuple[str, ...], name: str
) -> None:
    cloud = cloud_with(*errors)
    cloud.unlistable = "ValidationException"
    assert found(cloud).name == name
