"""Executions to look at: over visits of web pages, one that succeeds, one that fails, one that is held up."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mapreduce.record import TaskRecord
from marla import execution, generate, records
from marla.execution import FINAL, Progress
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.local.faulted import Faults

FILES, FILE_BYTES = 4, 120_000
SPLIT_BYTES = 40_000  # so that there are a dozen mappers and some
SECONDS = 120.0
WRITES = 5  # that S3 refuses: more than the SDK's own attempts, so that a task fails, and is tried again
# A row as logs really have them: torn, where two processes wrote at once. And no text of it is any code.
TORN = b"158.112.27.3,/<b>sale</b>,2009-11-0158.112.27.4,/a,2009-11-02,n/a,Mozilla/5.0,DEU,DEU-DE,rain,7\n"
TORN_FILE = SLOW_FILE = "uservisits-00002.csv"
BEFORE_SLOW = 8  # mappers, which read the files before that one


@cache
def visits() -> dict[str, bytes]:
    """Return the bytes of some files of `uservisits`, by name."""
    with tempfile.TemporaryDirectory() as folder:
        paths = generate.uservisits(Path(folder), FILE_BYTES, FILES, urls=1000, processes=1)
        return {path.name: path.read_bytes() for path in paths}


def put_visits(stack: Stack, bucket: str, folder: str, *, torn: bool = False) -> str:
    """Put the files into a folder of a bucket; a row of one of them is no good if it is `torn`.

    Returns the folder's URI.
    """
    for name, body in visits().items():
        if torn and name == TORN_FILE:
            rows = body.splitlines(keepends=True)
            middle = len(rows) // 2
            body = b"".join([*rows[:middle], TORN, *rows[middle:]])  # noqa: PLW2901
        stack.s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=body)
    return f"s3://{bucket}/{folder}/"


def torn_offset() -> int:
    """Return the offset of the row that is no good in its file."""
    rows = visits()[TORN_FILE].splitlines(keepends=True)
    return sum(map(len, rows[: len(rows) // 2]))


def request(uri: str, **options: Any) -> dict[str, Any]:
    """Return an execution's input: `uservisits` over a folder, by a dozen mappers and some."""
    return {"job": "uservisits", "input": uri, "splitBytes": SPLIT_BYTES} | options


class Scene(NamedTuple):
    """An execution that is over: its name, and how it went."""

    name: str
    progress: Progress
    records: list[TaskRecord]

    @property
    def step_records(self) -> dict[int, list[TaskRecord]]:
        """The records of tasks that did their work, by step; 0 is the map phase."""
        done = [record for record in self.records if record.succeeded]
        return {step: [one for one in done if one.step == step] for step in {one.step for one in done}}


def ended(stack: Stack, name: str) -> Scene:
    """Wait for the end of an execution."""
    deadline = time.monotonic() + SECONDS
    for progress in execution.follow(stack, stack.execution_arn(name)):
        assert time.monotonic() < deadline, f"{name} is still in {progress.state}"
    assert progress.status in FINAL
    return Scene(name, progress, records.of_execution(stack, name))


def played(stack: Stack, name: str, document: dict[str, Any]) -> Scene:
    """Start an execution and wait for its end."""
    execution.start(stack, document, name)
    return ended(stack, name)


@contextmanager
def held_up(cloud: LocalCloud, name: str, seconds: float) -> Iterator[None]:
    """Hold up the mappers that read one of the files, if they do before the context ends: S3 is slow with it.

    Args:
        name: of the execution, and of the folder of its input.
        seconds: that it takes to read a part of the file.
    """
    faults = Faults(cloud)
    match = {"service": "s3", "operation": "GetObject", "key": SLOW_FILE}
    faults.put(name, {"fault": "slow", "match": match, "seconds": seconds})
    try:
        yield
    finally:
        faults.end(name)


@contextmanager
def troubled(cloud: LocalCloud, name: str) -> Iterator[None]:
    """Let an execution have something of everything: S3 is slow now and then, and at times refuses.

    Args:
        name: of the execution, and of the folder of its input.
    """
    read = {"service": "s3", "operation": "GetObject", "key": "csv$"}
    write = {"service": "s3", "operation": "PutObject", "key": "/map/(9|30|50)$"}
    # Slow once for each part of the input, so that a backup of the mapper is not held up.
    slow = {"fault": "slow", "match": read, "probability": 0.12, "seconds": [3, 6], "times": 1}
    refused = {"fault": "error", "match": write, "times": WRITES}
    faults = Faults(cloud)
    faults.put(name, slow, refused)
    try:
        yield
    finally:
        faults.end(name)
