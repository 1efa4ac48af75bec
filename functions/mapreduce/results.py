"""Result objects: their formats, how they are written, and their publication."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from .errors import BadResult, InvalidParameter, RecordsLost
from .events import PublishTask, WithdrawTask
from .job import Job
from .layout import output_key, published_key, result_key
from .rows import PYTHON_FORMATS, RowWriter, encoded, flatten, row_writer
from .sqljob import SqlJob
from .storage import INTERMEDIATE, ObjectStore, ObjectWriter, write_json

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "text": "text/plain; charset=utf-8",
    "raw": "application/octet-stream",
    "parquet": "application/vnd.apache.parquet",
}
EXTENSIONS = {"text": "txt", "raw": "bin"}  # where they are not the format's name
SQL_FORMATS = ("csv", "jsonl", "parquet")
FORMAT = "marla-format"  # the metadata that says what a staged result holds
COLUMNS = "marla-columns"  # the names of its columns, where the job did not know them beforehand
EMPTY = "empty"
WITHDRAWN = ""  # instead of an execution's name
METADATA_BYTES = 1500  # S3 takes 2 KB of an object's metadata
BUFFER_CHARACTERS = 1 << 18  # of rows that are held; short ones take ten times as much


def output_format(job: Job | type[Job] | SqlJob, requested: object) -> str | None:
    """Return the result format that the execution asks for, or the job's, or None to go by the rows.

    Raises InvalidParameter for one that this kind of job does not write.
    """
    wanted = job.output if requested is None else requested
    kind, formats = ("SQL", SQL_FORMATS) if isinstance(job, SqlJob) else ("Python", PYTHON_FORMATS)
    if wanted is None:
        return None
    if wanted not in formats:
        raise InvalidParameter(
            f"output: got {wanted!r}; give one of {', '.join(formats)}, which is what a {kind} job writes"
        )
    return str(wanted)


class ResultWriter:
    """Writes the rows of one partition, in a format that is given or follows from the first row.

    Args:
        job: for what it says of its rows: names of columns, a separator.
        format: one of PYTHON_FORMATS, or None.
        open_object: opens the object, once its metadata are known.
    """

    def __init__(
        self, job: Job, format: str | None, open_object: Callable[[dict[str, str]], ObjectWriter]
    ) -> None:
        self._job = job
        self._format = format or EMPTY
        self._row: RowWriter = self._first_row
        if format:
            self._row = row_writer(format, job, f"the output is {format}")
        self._open_object = open_object
        self._object: ObjectWriter | None = None
        self._held: list[str] = []
        self._characters = 0  # in what is held
        self.rows = 0

    def write(self, key: Any, value: Any) -> None:
        """Write a row. Raises BadResult if it does not fit the format."""
        row = self._row(key, value)
        self._held.append(row)
        self.rows += 1
        self._characters += len(row)
        if self._characters >= BUFFER_CHARACTERS:
            self._flush()

    def _first_row(self, key: Any, value: Any) -> str:
        """Choose the format by the first row, and write it."""
        self._format = "jsonl" if flatten(key, value) is None else "csv"
        self._row = row_writer(self._format, self._job, "the rows before it are, which made the output csv")
        return self._row(key, value)

    def _flush(self) -> None:
        if self._object is None:
            self._object = self._open_object({FORMAT: self._format})
        self._object.write(encoded(self._held, self._format))
        self._held.clear()
        self._characters = 0

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
                assert self._object
                self._object.publish()
        finally:
            if self._object:
                self._object.abandon()

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return self._object.size if self._object else 0


def result_metadata(format: str, columns: list[str]) -> dict[str, str]:
    """Return the metadata of a staged result; its columns, if S3 takes their names."""
    names = json.dumps(columns)
    return {FORMAT: format} | ({COLUMNS: names} if len(names) <= METADATA_BYTES else {})


def publish(task: PublishTask, store: ObjectStore, bucket: str, pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Copy the staged results of all partitions to `result/`.

    What is published of a sample expires, as what lies outside of `result/` does. A failure leaves some of
    the parts behind; the state machine tries again, or has them withdrawn.

    Returns the format as the parts' extension, how many parts there are, and the names of the columns if the
    parts say them. Raises BadResult if partitions differ in format, and RecordsLost if they have other than
    the bytes that their reducers wrote; nothing is copied then.
    """
    staged = [output_key(task.prefix, task.step, partition, 0) for partition in range(task.partitions)]
    described = list(pool.map(lambda key: store.describe(bucket, key), staged))
    size = sum(each.size for each in described)
    if task.bytes is not None and size != task.bytes:
        raise RecordsLost(
            f"s3://{bucket}/{task.prefix}step-{task.step}/: {size} bytes where reducers wrote {task.bytes}: "
            "no result is published. Something else writes there, or this is a bug of MARLA; please report it"
        )
    metadata = [each.metadata for each in described]
    formats = {each[FORMAT] for each in metadata}
    if len(formats - {EMPTY}) > 1:
        raise BadResult(
            "some partitions' rows are flat and others' are not: set output, in the job or its input"
        )
    format = next(iter(formats - {EMPTY}), "csv")
    extension = EXTENSIONS.get(format, format)
    results = [result_key(task.prefix, partition, extension) for partition in range(task.partitions)]

    tag = INTERMEDIATE if task.sample else ""
    copy_part = partial(store.copy, bucket, content_type=CONTENT_TYPES[format], tag=tag)
    copies = [pool.submit(copy_part, source, target) for source, target in zip(staged, results, strict=True)]
    for copy in copies:
        copy.result()
    write_json(store, bucket, published_key(task.prefix), {"execution": task.execution})
    published: dict[str, Any] = {"format": extension, "parts": task.partitions}
    return published | ({"columns": json.loads(metadata[0][COLUMNS])} if COLUMNS in metadata[0] else {})


def withdraw(task: WithdrawTask, store: ObjectStore, bucket: str, pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Delete the parts of a result that could not be published whole, in whatever format they are.

    A result that another execution of the job has published is whole, and stays.

    Returns how many keys were deleted, whether they were there or not.
    """
    receipt = store.find(bucket, published_key(task.prefix))
    if receipt and json.loads(receipt)["execution"] not in {WITHDRAWN, task.execution}:
        return {"deleted": 0}
    write_json(store, bucket, published_key(task.prefix), {"execution": WITHDRAWN})
    extensions = {EXTENSIONS.get(format, format) for format in CONTENT_TYPES}
    keys = [
        result_key(task.prefix, partition, extension)
        for partition in range(task.partitions)
        for extension in sorted(extensions)
    ]
    list(pool.map(lambda key: store.delete(bucket, key), keys))
    return {"deleted": len(keys)}
