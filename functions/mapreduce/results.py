"""Result objects: rows as csv or jsonl, and their publication."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import NoneType
from typing import Any

from .errors import BadResult, InvalidParameter
from .events import PublishTask
from .job import Job
from .layout import output_key, result_key
from .sqljob import SqlJob
from .storage import ObjectStore, ObjectWriter

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
FORMAT = "marla-format"  # the metadata that says what a staged result holds
COLUMNS = "marla-columns"  # the names of its columns, where the job did not know them beforehand
EMPTY = "empty"
METADATA_BYTES = 1500  # S3 takes 2 KB of an object's metadata
BUFFER_CHARACTERS = 1 << 20

Scalar = str | int | float | bool | None
SCALARS = (str, int, float, NoneType)  # a bool is an int


def output_format(job: Job | SqlJob, requested: object) -> str | None:
    """Return the result format that the execution asks for, or the job's, or None to go by the rows."""
    formats = list(CONTENT_TYPES) if isinstance(job, SqlJob) else ["csv", "jsonl"]
    if requested is None:
        return job.output
    if requested not in formats:
        raise InvalidParameter(
            f"output: got {requested!r}; give one of {', '.join(formats)}"
            + (", which is what a Python job writes" if requested == "parquet" else "")
        )
    return str(requested)


def flatten(key: Any, value: Any) -> list[Scalar] | None:
    """Return a row's fields, the key's and then the value's, or None if any of them is not a scalar."""
    fields: list[Any] = list(key) if isinstance(key, tuple) else [key]
    if isinstance(value, (list, tuple)):
        fields += value
    else:
        fields.append(value)
    return fields if all(isinstance(field, SCALARS) for field in fields) else None


class _UnixLines:
    """Ends csv's lines in `\\n`. Told to do so, csv would leave a `\\r` unquoted before Python 3.13."""

    def __init__(self, text: io.StringIO) -> None:
        self._text = text

    def write(self, line: str) -> int:
        return self._text.write(line.removesuffix("\r\n") + "\n")


class ResultWriter:
    """Writes the rows of one partition, in a format that is given or follows from the first row.

    Args:
        job: for the names of its columns.
        format: "csv", "jsonl", or None.
        open_object: opens the object, once its metadata are known.
    """

    def __init__(
        self, job: Job, format: str | None, open_object: Callable[[dict[str, str]], ObjectWriter]
    ) -> None:
        self._job = job
        self._format = format
        self._given = format is not None
        self._open_object = open_object
        self._object: ObjectWriter | None = None
        self._text = io.StringIO()
        self._csv = csv.writer(_UnixLines(self._text))
        self.rows = 0

    def write(self, key: Any, value: Any) -> None:
        """Write a row. Raises BadResult if it does not fit the format."""
        fields = flatten(key, value)
        if self._format is None:
            self._format = "jsonl" if fields is None else "csv"
        if self._format == "csv":
            self._write_csv(fields, key)
        else:
            self._write_json(fields, key, value)
        self.rows += 1
        if self._text.tell() >= BUFFER_CHARACTERS:
            self._flush()

    def _write_csv(self, fields: list[Scalar] | None, key: Any) -> None:
        if fields is None:
            why = "the output is csv" if self._given else "the rows before it are, which made the output csv"
            raise BadResult(
                f"the row of key {key!r} is not flat, but {why}: set output to jsonl, in the job or its input"
            )
        self._csv.writerow([str(field).lower() if isinstance(field, bool) else field for field in fields])

    def _write_json(self, fields: list[Scalar] | None, key: Any, value: Any) -> None:
        columns = self._job.columns
        if fields is not None and len(columns) == len(fields):
            row: dict[str, Any] = dict(zip(columns, fields, strict=True))
        else:
            row = {"key": key, "value": value}
        try:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BadResult(f"the row of key {key!r} is nothing that JSON can say: {error}") from error
        self._text.write(text + "\n")

    def _flush(self) -> None:
        if self._object is None:
            self._object = self._open_object({FORMAT: self._format or EMPTY})
        # What UTF-8 cannot say (a lone surrogate) is written as the escape that JSON has for it.
        self._object.write(self._text.getvalue().encode(errors="backslashreplace"))
        self._text.seek(0)
        self._text.truncate()

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
    """Copy the staged results of all partitions to `result/`, all of them or none.

    Returns the format, how many parts there are, and the names of the columns if the parts say them. Raises
    BadResult if partitions differ in format.
    """
    staged = [output_key(task.prefix, task.step, partition, 0) for partition in range(task.partitions)]
    metadata = list(pool.map(lambda key: store.metadata(bucket, key), staged))
    formats = {each[FORMAT] for each in metadata}
    if len(formats - {EMPTY}) > 1:
        raise BadResult(
            "some partitions' rows are flat and others' are not: set output, in the job or its input"
        )
    extension = next(iter(formats - {EMPTY}), "csv")
    results = [result_key(task.prefix, partition, extension) for partition in range(task.partitions)]

    copies = [
        pool.submit(store.copy, bucket, source, target, CONTENT_TYPES[extension])
        for source, target in zip(staged, results, strict=True)
    ]
    wait(copies)
    failure = next((copy.exception() for copy in copies if copy.exception()), None)
    if failure:
        # A reader must not take some of the parts for the result.
        list(pool.map(lambda key: store.delete(bucket, key), results))
        raise failure
    published: dict[str, Any] = {"format": extension, "parts": task.partitions}
    return published | ({"columns": json.loads(metadata[0][COLUMNS])} if COLUMNS in metadata[0] else {})
