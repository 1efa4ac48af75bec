"""What can be told of a failed execution: the error, where it happened, what was tried, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from marla.failure import Failure


@dataclass(frozen=True)
class Line:
    """A line of an object, or a record of fixed length.

    Attributes:
        offset: its first byte in the object, of the decompressed data if it is compressed.
        text: as it can be shown: shortened, with what is no printable character escaped.
        bad: whether it is the one that the failure is about.
    """

    offset: int
    text: str
    bad: bool = False


@dataclass(frozen=True)
class Excerpt:
    """The lines of an object around the one that the failure is about.

    Attributes:
        note: why there are none, or what is to be known of them.
        unread: whether the cloud refused them, as it may not do the next time.
    """

    object: str
    lines: tuple[Line, ...] = ()
    note: str = ""
    unread: bool = False


@dataclass(frozen=True)
class Attempt:
    """An attempt at the failed task.

    Attributes:
        number: 1 for the first; a backup copy's are counted for themselves.
        started: seconds since 1970.
        error: its name, and `message`; nothing if the attempt succeeded or did not end.
        request: Lambda's id of the invocation, if it is known.
        recorded: whether the attempt left a record; one that was killed left none.
    """

    number: int
    backup: bool = False
    started: float | None = None
    seconds: float | None = None
    error: str = ""
    message: str = ""
    request: str = ""
    log_stream: str = ""
    peak_memory_mib: int | None = None
    memory_mib: int | None = None
    recorded: bool = False


@dataclass(frozen=True)
class Log:
    """The last lines that a worker logged.

    Attributes:
        note: why there are none, or what is to be known of them.
        unread: whether the cloud refused them, as it may not do the next time.
    """

    group: str = ""
    stream: str = ""
    lines: tuple[str, ...] = ()
    note: str = ""
    unread: bool = False


@dataclass(frozen=True)
class Rejected:
    """A record that was set aside, and why."""

    object: str
    offset: int
    reason: str
    record: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why an execution failed; what is not known, or does not apply, is empty.

    Attributes:
        execution: its ARN; or what it was asked for by, if it is lost.
        status: FAILED, TIMED_OUT, ABORTED; or LOST, if it ended with the local cloud.
        seconds: how long it took.
        reached: how far the phase was in which it ended, in words.
        attempts: at the failed task.
        rejects: the first records that were set aside, if these were too many.
        traceback: lines of it, from the job's own file.
        others: how many other tasks failed, by the names of their errors; "" for those not looked at.
        next: what to do, in sentences.
        command: what continues the job, if that can help.
        unresumable: why the job cannot be continued though that would help: it was already, or it is removed.
        child: the ARN of the failed task's own execution.
        url: where the AWS console shows that, or else the execution.
        notes: what would be told beside, had the cloud not refused it; in sentences.
    """

    execution: str
    status: str
    failure: Failure
    seconds: float = 0.0
    reached: str = ""
    excerpt: Excerpt | None = None
    attempts: tuple[Attempt, ...] = ()
    log: Log | None = None
    rejects: tuple[Rejected, ...] = ()
    traceback: tuple[str, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    next: tuple[str, ...] = ()
    command: str = ""
    unresumable: str = ""
    child: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()

    @property
    def incomplete(self) -> bool:
        """Whether the cloud refused something that would be told, as it may not do the next time."""
        return bool(self.notes) or any(part is not None and part.unread for part in (self.log, self.excerpt))

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.execution.rpartition(":")[2]

    def with_files(self, uploaded: Mapping[str, Path]) -> Explanation:
        """Return the explanation with the local files that it is about.

        Args:
            uploaded: local files by the URIs of their copies.
        """
        return replace(self, failure=self.failure.with_files(uploaded))

    def to_json(self) -> dict[str, Any]:
        """Return what is known, for a JSON document; `error` is as `marla run --json` has it."""
        told = {
            "execution": self.execution,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "error": self.failure.to_json(),
            "reached": self.reached,
            "excerpt": self.excerpt and _known(asdict(self.excerpt)) | {"lines": _all(self.excerpt.lines)},
            "attempts": _all(self.attempts),
            "log": self.log and _known(asdict(self.log)) | {"lines": list(self.log.lines)},
            "rejects": _all(self.rejects),
            "traceback": list(self.traceback),
            "others": dict(self.others),
            "next": list(self.next),
            "command": self.command,
            "unresumable": self.unresumable,
            "child": self.child,
            "url": self.url,
            "notes": list(self.notes),
            "incomplete": self.incomplete,
        }
        return _known(told)


def _all(parts: Iterable[Line | Attempt | Rejected]) -> list[dict[str, Any]]:
    return [_known(asdict(part)) for part in parts]


_NAMES = {"log_stream": "logStream", "peak_memory_mib": "peakMemoryMib", "memory_mib": "memoryMib"}


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something, as JSON names them; a zero does."""
    return {
        _NAMES.get(name, name): round(value, 3) if isinstance(value, float) else value
        for name, value in told.items()
        if value is not None and value is not False and value not in ("", [], {}, ())
    }
