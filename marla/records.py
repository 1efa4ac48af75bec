"""The records that attempts at tasks have left: listed cheaply, read as they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from botocore.exceptions import ClientError

from mapreduce.layout import BY_HAND
from mapreduce.record import Place, TaskRecord

from .errors import CloudError
from .stack import Stack

THREADS = 16  # requests at once; the client keeps as many connections
_GONE = {"NoSuchKey", "404"}
_KEY = re.compile(
    r"stage-(?P<stage>\d+)/(?P<sample>sample/)?records/"
    r"(?:map/(?P<map>\d+)|step-(?P<step>\d+)/(?P<partition>\d+)/(?P<task>\d+))"
    r"/(?P<execution>[^/]+)/[^/]+\.(?P<end>done|failed)\.json"
)


class RecordKey(NamedTuple):
    """Where the record of an attempt lies, and what that tells of it; in the order in which a job runs.

    Attributes:
        main: False for the phase that takes a sample of the stage's keys, which comes before.
        execution: the name of the one that asked for the attempt; nothing if it was asked for by hand.
    """

    stage: int
    main: bool
    step: int
    partition: int
    task: int
    execution: str
    failed: bool
    key: str

    @property
    def sample(self) -> bool:
        """Whether the task took a sample of keys."""
        return not self.main

    @property
    def place(self) -> Place:
        """Which task of the job the attempt was at."""
        return Place(self.stage, self.sample, self.step, self.partition, self.task)


def keys(stack: Stack, job: str) -> list[RecordKey]:
    """Return the keys of all records of a job, in the order of its tasks; attempts at one in no order.

    Takes a request for each thousand objects that the job has under its stages.

    Args:
        job: its id.
    """
    found: list[RecordKey] = []
    for folder in _folders(stack, f"jobs/{job}/"):
        pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.job_bucket, Prefix=folder)
        for page in pages:
            found += [one for each in page.get("Contents", []) if (one := _key_of(job, each["Key"]))]
    return sorted(found)


def read(stack: Stack, wanted: Iterable[RecordKey]) -> list[TaskRecord]:
    """Return the records that lie at some keys, in their order; without those that are gone.

    Raises CloudError for one that is no record.
    """
    return list(by_key(stack, wanted).values())


def by_key(stack: Stack, wanted: Iterable[RecordKey]) -> dict[str, TaskRecord]:
    """Return the same by their keys."""
    keys = [one.key for one in wanted]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="records") as pool:
        found = pool.map(partial(_record, stack), keys)
        return {key: record for key, record in zip(keys, found, strict=True) if record is not None}


def of_execution(stack: Stack, job: str, execution: str | None = None) -> list[TaskRecord]:
    """Return the records of a job in the order of its tasks, attempts at one in the order of time.

    Args:
        job: its id.
        execution: the name of the one whose records are wanted, of several that had a part in the job.
    """
    wanted = [key for key in keys(stack, job) if execution is None or key.execution == execution]
    return sorted(read(stack, wanted), key=_order)


def _order(record: TaskRecord) -> tuple[int, bool, int, int, int, float]:
    return (
        record.stage,
        not record.sample,
        record.step,
        record.partition,
        record.task,
        record.started,
    )


def _folders(stack: Stack, prefix: str) -> list[str]:
    """Return the folders of records of a job's stages: a job's other objects need not be listed."""
    stages = [folder for folder in _below(stack, prefix) if re.search(r"/stage-\d+/$", folder)]
    return [f"{stage}{sample}records/" for stage in stages for sample in ("sample/", "")]


def _below(stack: Stack, prefix: str) -> list[str]:
    pages = stack.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.job_bucket, Prefix=prefix, Delimiter="/"
    )
    return [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]


def _key_of(job: str, key: str) -> RecordKey | None:
    found = _KEY.fullmatch(key.removeprefix(f"jobs/{job}/"))
    if not found:
        return None
    return RecordKey(
        stage=int(found["stage"]),
        main=not found["sample"],
        step=int(found["step"] or 0),
        partition=int(found["partition"] or 0),
        task=int(found["task"] or found["map"]),
        execution="" if found["execution"] == BY_HAND else found["execution"],
        failed=found["end"] == "failed",
        key=key,
    )


def _record(stack: Stack, key: str) -> TaskRecord | None:
    try:
        body = stack.s3.get_object(Bucket=stack.job_bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:  # deleted since it was listed
            return None
        raise
    try:
        return TaskRecord.from_json(json.loads(body))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise CloudError(
            f"s3://{stack.job_bucket}/{key}: is no record of a task ({error}). Delete it, if it is not yours"
        ) from error
