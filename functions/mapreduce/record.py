"""The record that each attempt at a task leaves: what it was, when it was where, and what it took.

Progress, timelines, costs, balance and diagnosis are views of these records and of Step Functions' history;
none of them measures anything itself. A record is one small JSON object, written beside the job's outputs by
the attempt itself, whether it did its work or raised an error. An attempt whose process ended (no memory, no
time) leaves none: only the history of its execution tells of it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

RANGES = 10  # that are named in a record; a task may read a thousand small objects

_LATER = re.compile(r"_([a-z])")


class Place(NamedTuple):
    """Which task of a job: what all attempts at it have in common."""

    stage: int
    sample: bool
    step: int
    partition: int
    task: int


@dataclass(frozen=True, slots=True)
class ObjectRange:
    """Bytes `[start, end)` of an object that a map task read."""

    bucket: str
    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """One attempt at a task.

    Times are seconds since 1970 by the clock of who notes them; None for what did not come to pass.

    Attributes:
        kind: map or reduce.
        stage: from 0; `sample` if the stage only took a sample of its keys then.
        step: 0 for a map task, else the number of the reduce step.
        partition: of a reduce task; 0 for a map task.
        task: its number in the step, or in the step's partition.
        attempt: 0 for the first, 1 for Step Functions' first retry, and so on.
        backup: whether it is the backup copy of a straggler (speculative execution).
        execution: the name of the job's execution that asked for it; nothing if it was invoked by hand.
        child: the ARN of the execution of this one item, in whose history the attempt is; nothing likewise.
        request: Lambda's id of the invocation, by which its lines in `log_stream` are found.
        cold_start: whether it was the first in its execution environment, which took `init_seconds` to start.
        queued: when the state that invokes the worker was entered: before the first attempt.
        started: when the worker was called.
        first_byte: when it had read the first bytes of its input.
        computed: when it had computed the last byte of its output.
        written: when all of the output was in S3.
        ended: when the worker had done everything, but for writing this.
        records_in: read; `records_out` written, `bytes_in` (of records, decompressed, or of segments as they
            are) and `bytes_out` likewise; `rejects` could not be read.
        objects: from how many objects it read, and of the first of them, for a map task, which `ranges`.
        reused: whether an earlier execution of the job had done the task already.
        reads, writes: requests to S3: GET and HEAD; PUT, COPY, POST and LIST.
        peak_memory_mib: the most that the execution environment has had resident since it started.
        memory_mib: how much the function may have; 0 if that is not known.
        billed_ms: what Lambda bills, as the worker knows it: rounded up, with `init_seconds`. Lambda's own
            count, in its log, is more by the request that writes this record.
        architecture: arm64 or x86_64.
        output: the key of the task's output.
        error: the error's name if it failed, and its `message`, without what it quotes of the data.
    """

    kind: str
    stage: int
    step: int
    partition: int
    task: int
    started: float
    ended: float
    output: str
    sample: bool = False
    attempt: int = 0
    backup: bool = False
    execution: str = ""
    child: str = ""
    request: str = ""
    log_stream: str = ""
    cold_start: bool = False
    init_seconds: float = 0.0
    queued: float | None = None
    first_byte: float | None = None
    computed: float | None = None
    written: float | None = None
    records_in: int = 0
    records_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    rejects: int = 0
    objects: int = 0
    reused: bool = False
    reads: int = 0
    writes: int = 0
    peak_memory_mib: int = 0
    memory_mib: int = 0
    billed_ms: int = 0
    architecture: str = ""
    ranges: tuple[ObjectRange, ...] = ()
    error: str = ""
    message: str = ""

    @property
    def place(self) -> Place:
        """Which task of the job it was at."""
        return Place(self.stage, self.sample, self.step, self.partition, self.task)

    @property
    def seconds(self) -> float:
        """How long the worker was at it."""
        return self.ended - self.started

    @property
    def succeeded(self) -> bool:
        """Whether the attempt did its work."""
        return not self.error

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON has it, without what is not known."""
        return dict(_fields_of(self))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TaskRecord:
        """Return the record that `to_json` wrote; fields of later versions are passed over.

        Raises TypeError or KeyError if one is missing that each record has, or is of another type.
        """
        known: dict[str, Any] = {}
        for name, value in content.items():
            if name not in _FIELDS:
                continue
            field, types = _FIELDS[name]
            if type(value) not in types:
                raise TypeError(f"{name}: is of the type {type(value).__name__}")
            known[field] = value
        ranges = tuple(_range_of(one) for one in known.pop("ranges", ()))
        return cls(**known, ranges=ranges)


def _range_of(content: Mapping[str, Any]) -> ObjectRange:
    one = ObjectRange(content["bucket"], content["key"], content["start"], content["end"])
    if [type(part) for part in (one.bucket, one.key, one.start, one.end)] != [str, str, int, int]:
        raise TypeError("ranges: one has fields of other types")
    return one


def _camel(name: str) -> str:
    return _LATER.sub(lambda found: found[1].upper(), name)


# The types that JSON has for those of fields; a float that is whole may be written as an int.
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (float, int),
    "float | None": (float, int, type(None)),
    "tuple[ObjectRange, ...]": (list,),
}
# The name and the types of each field, by its name in JSON: looked up for each of ten thousand records.
_FIELDS = {
    _camel(field.name): (field.name, _TYPES[str(field.type)]) for field in dataclasses.fields(TaskRecord)
}


def _fields_of(record: TaskRecord) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "ranges":
            value = [dataclasses.asdict(one) for one in value]
        if value not in (field.default, []):
            yield _camel(field.name), round(value, 3) if isinstance(value, float) else value
