"""What workers are asked to do: the state machine's events, as checked data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import InvalidTask
from .layout import MAP_STEP, output_key, stage_prefix
from .pieces import Piece

# An execution's name; it becomes part of keys, so nothing that would leave the job's own prefix.
_JOB_ID = re.compile(r"[^/\x00-\x1f\x7f]{1,80}")
_PHASE = re.compile(r"(map|step)-[0-9]{1,9}/")


class _Fields:
    """The fields of an event, read with their types. Raises InvalidTask, naming field and value."""

    def __init__(self, event: Any) -> None:
        if not isinstance(event, dict):
            raise InvalidTask(f"event: got {event!r}; give an object (see events/ for examples)")
        self._event = event

    def number(self, name: str, minimum: int = 0) -> int:
        value = self._event.get(name)
        if type(value) is not int or value < minimum:
            raise InvalidTask(f"{name}: got {value!r}; give a whole number of at least {minimum}")
        return value

    def text(self, name: str) -> str:
        value = self._event.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidTask(f"{name}: got {value!r}; give a text")
        return value

    def job(self) -> str | dict[str, Any]:
        value = self._event.get("job")
        return value if isinstance(value, dict) else self.text("job")

    def flag(self, name: str) -> bool:
        value = self._event.get(name)
        if not isinstance(value, bool):
            raise InvalidTask(f"{name}: got {value!r}; give true or false")
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = {} if self._event.get(name) is None else self._event[name]
        if not isinstance(value, dict):
            raise InvalidTask(f"{name}: got {value!r}; give an object")
        return value

    def items(self, name: str) -> list[_Fields]:
        value = self._event.get(name)
        if not isinstance(value, list):
            raise InvalidTask(f"{name}: got {value!r}; give a list")
        return [_Fields(item) for item in value]

    def etag(self) -> str:
        value = self._event.get("etag") or ""
        if not isinstance(value, str):
            raise InvalidTask(f"etag: got {value!r}; give the object's ETag, or nothing")
        return value.strip('"')

    def optional_text(self, name: str) -> str:
        return "" if self._event.get(name) is None else self.text(name)

    def input(self) -> InputSpec:
        given = _Fields(self.object("input"))
        number = given.number("number") if given.any("number") is not None else 0
        return InputSpec(number, given.optional_text("name"), given.any("columns"))

    def time(self, name: str) -> float | None:
        """The seconds since 1970 of a time such as 2026-11-21T12:00:00.123Z."""
        value = self._event.get(name)
        try:
            return None if value is None else datetime.fromisoformat(value).timestamp()
        except (TypeError, ValueError):
            raise InvalidTask(
                f"{name}: got {value!r}; give a time such as 2026-11-21T12:00:00.123Z"
            ) from None

    def any(self, name: str) -> Any:
        return self._event.get(name)

    def prefix(self) -> str:
        job_id = self.text("id")
        if not _JOB_ID.fullmatch(job_id) or job_id in {".", ".."}:
            raise InvalidTask(f"id: got {job_id!r}; give an execution's name")
        return stage_prefix(job_id, self.number("stage"), sample=self.sample() > 0)

    def execution(self) -> str:
        name = self.optional_text("execution")
        if name and (not _JOB_ID.fullmatch(name) or name in {".", ".."}):
            raise InvalidTask(f"execution: got {name!r}; give an execution's name")
        return name

    def sample(self) -> int:
        return self.number("sample") if self._event.get("sample") is not None else 0

    def attempt(self) -> Attempt:
        race = _Fields(self.object("race"))
        times = "" if race.any("after") is not None else race.optional_text("times")
        prefix = f"{self.prefix()}times/"
        if times and not (times.startswith(prefix) and _PHASE.fullmatch(times.removeprefix(prefix))):
            raise InvalidTask(f"race.times: got {times!r}; give {prefix}map-0/ or {prefix}step-1/")
        resume = self._event.get("resume") is not None and self.flag("resume")
        asked = _Fields(self.object("attempt"))
        return Attempt(
            code=self.optional_text("code"),
            resume=resume,
            times=times,
            execution=self.execution(),
            child=asked.optional_text("child"),
            number=asked.number("number") if asked.any("number") is not None else 0,
            backup=asked.any("backup") is not None and asked.flag("backup"),
            queued=asked.time("queued"),
        )


def planned_prefix(event: Any) -> str:
    """Return the prefix of the stage whose plan is to be checked. Raises InvalidTask."""
    return _Fields(event).prefix()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a task is told beside its work; the output does not follow from it.

    Attributes:
        code: the digest of the code with which the job began; nothing if it is not known.
        resume: whether what an earlier execution of the job has done need not be done again.
        times: the prefix of keys that say how long tasks took, of a phase with backups; else nothing.
        execution: the name of the execution that asks for the task; nothing outside of one.
        child: the ARN of the execution of this one item, likewise.
        number: 0 for the first attempt, 1 for the first retry.
        backup: whether the attempt is a backup of a straggler.
        queued: when the state that invokes the worker was entered, in seconds since 1970.
    """

    code: str = ""
    resume: bool = False
    times: str = ""
    execution: str = ""
    child: str = ""
    number: int = 0
    backup: bool = False
    queued: float | None = None


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Which job, with which parameters; `format` and `output` override the job's own, if given.

    `job` is a name, or the statements of a SQL job.
    """

    job: str | dict[str, Any]
    params: dict[str, Any]
    format: Any
    output: Any

    @classmethod
    def from_event(cls, event: Any) -> JobSpec:
        """Read the fields `job`, `params`, `format` and `output`."""
        fields = _Fields(event)
        return cls(fields.job(), fields.object("params"), fields.any("format"), fields.any("output"))


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Which of an execution's inputs the pieces of a task are of.

    Attributes:
        number: its index in the execution's list.
        name: nothing if it has none.
        columns: what the execution says of its columns, as JSON; None if it says nothing.
    """

    number: int = 0
    name: str = ""
    columns: Any = None


@dataclass(frozen=True, slots=True)
class MapTask:
    """One map task: apply the job's map to the records of some pieces.

    Attributes:
        sample: if not 0, take a sample of keys for so many partitions, instead of mapping.
        boundaries: the URI of the object with the partitions' boundaries; nothing if they are made by hash.
    """

    job: JobSpec
    input: InputSpec
    prefix: str
    task: int
    partitions: int
    max_bad_records: int
    max_record_bytes: int
    pieces: list[Piece]
    sample: int
    boundaries: str
    attempt: Attempt = Attempt()

    @property
    def output(self) -> str:
        """The key of the task's output."""
        return output_key(self.prefix, MAP_STEP, 0, self.task)

    @property
    def objects(self) -> int:
        """How many objects the pieces are of."""
        return len({piece.key for piece in self.pieces})

    @classmethod
    def from_event(cls, event: Any) -> MapTask:
        """Read a mapper's event. Raises InvalidTask."""
        fields = _Fields(event)
        bucket = fields.text("bucket")
        return cls(
            job=JobSpec.from_event(event),
            input=fields.input(),
            prefix=fields.prefix(),
            task=fields.number("task"),
            partitions=fields.number("partitions", 1),
            max_bad_records=fields.number("maxBadRecords"),
            max_record_bytes=fields.number("maxRecordBytes", 1),
            pieces=[
                Piece(bucket, piece.text("key"), piece.number("start"), piece.number("end"), piece.etag())
                for piece in fields.items("pieces")
            ],
            sample=fields.sample(),
            boundaries=fields.optional_text("boundaries"),
            attempt=fields.attempt(),
        )


@dataclass(frozen=True, slots=True)
class ReduceTask:
    """One reduce task: merge outputs `[first, first + count)` of the step before, for one partition.

    Attributes:
        sample: if not 0, what is reduced is a sample of keys, to the boundaries of so many partitions.
        mapped_input: a digest of all that was mapped.
    """

    job: JobSpec
    prefix: str
    step: int
    partition: int
    task: int
    first: int
    count: int
    final: bool
    sample: int
    attempt: Attempt = Attempt()
    mapped_input: str = ""

    @property
    def output(self) -> str:
        """The key of the task's output."""
        return output_key(self.prefix, self.step, self.partition, self.task)

    @classmethod
    def from_event(cls, event: Any) -> ReduceTask:
        """Read a reducer's event. Raises InvalidTask."""
        fields = _Fields(event)
        return cls(
            job=JobSpec.from_event(event),
            prefix=fields.prefix(),
            step=fields.number("step", 1),
            partition=fields.number("partition"),
            task=fields.number("task"),
            first=fields.number("first"),
            count=fields.number("count", 1),
            final=fields.flag("final"),
            sample=fields.sample(),
            attempt=fields.attempt(),
            mapped_input=fields.optional_text("mappedInput"),
        )


@dataclass(frozen=True, slots=True)
class PublishTask:
    """Copy the last step's outputs to where results lie.

    Attributes:
        sample: if not 0, they are the boundaries of so many partitions, which only the job itself reads.
        bytes: how many they have all together, as the books say; None if those are not known.
        execution: which publishes; the job may be another's.
    """

    prefix: str
    step: int
    partitions: int
    sample: int = 0
    bytes: int | None = None
    execution: str = ""

    @classmethod
    def from_event(cls, event: Any) -> PublishTask:
        """Read a publishing event. Raises InvalidTask."""
        fields = _Fields(event)
        size = fields.number("bytes") if fields.any("bytes") is not None else None
        return cls(
            prefix=fields.prefix(),
            step=fields.number("step", 1),
            partitions=fields.number("partitions", 1),
            sample=fields.sample(),
            bytes=size,
            execution=fields.optional_text("execution"),
        )


@dataclass(frozen=True, slots=True)
class WithdrawTask:
    """Delete what has been copied to where results lie, for it is not all of a result."""

    prefix: str
    partitions: int
    execution: str = ""

    @classmethod
    def from_event(cls, event: Any) -> WithdrawTask:
        """Read a withdrawing event. Raises InvalidTask."""
        fields = _Fields(event)
        return cls(fields.prefix(), fields.number("partitions", 1), fields.optional_text("execution"))
