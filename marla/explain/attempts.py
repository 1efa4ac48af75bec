"""The attempts at a task: from the records that they left, and from the history for those that left none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mapreduce.record import Place, TaskRecord
from marla import records
from marla.explain.explanation import Attempt
from marla.failure import message_of
from marla.records import RecordKey
from marla.stack import Stack

PAGE = 1000  # events: those of two hundred attempts
_BEGUN = {"TaskScheduled", "LambdaFunctionScheduled"}
_FAILED = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
    "TaskSubmitFailed": "taskSubmitFailedEventDetails",
}
_ENDED = {"TaskSucceeded"} | set(_FAILED)


class Task(Place):
    """Which task an attempt is at, as what a worker is asked to do says it, or a record's key."""

    __slots__ = ()

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Task | None:
        """Return the task that a worker was asked to do, or None if that is none of a map run's."""
        if not isinstance(asked.get("task"), int) or not isinstance(asked.get("stage"), int):
            return None
        step, partition = asked.get("step") or 0, asked.get("partition") or 0
        return cls(asked["stage"], bool(asked.get("sample")), step, partition, asked["task"])

    def owns(self, key: RecordKey) -> bool:
        """Whether the record at a key is of the task."""
        return key.place == self


def of_task(stack: Stack, job: str, task: Task, child: str) -> list[TaskRecord]:
    """Return the records of a task's attempts that one execution of its item made, in the order of time."""
    keys = [key for key in records.keys(stack, job) if task.owns(key)]
    found = [record for record in records.read(stack, keys) if record.child == child]
    return sorted(found, key=lambda record: record.started)


def history(stack: Stack, arn: str) -> list[dict[str, Any]]:
    """Return the last events of an execution, in order."""
    page = stack.sfn.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=PAGE)
    return [dict(event) for event in reversed(page["events"])]


def told(events: Sequence[Mapping[str, Any]], state: str = "") -> list[Attempt]:
    """Return the attempts that events tell of, in the order in which they began.

    Args:
        events: of an execution of one item, or of a whole one.
        state: only those of the state of this name.
    """
    by_id = {event["id"]: event for event in events}
    state_of: dict[int, str] = {}
    begun: dict[int, dict[str, Any]] = {}  # by the event that an attempt began with
    beginning: dict[int, int] = {}  # the same for all its events
    for event in events:
        number, before = event["id"], event.get("previousEventId", 0)
        entered = event.get("stateEnteredEventDetails")
        state_of[number] = entered["name"] if entered else state_of.get(before, "")
        if event["type"] in _BEGUN:
            begun[number] = {"state": state_of[number], "started": event["timestamp"]}
            beginning[number] = number
        elif before in beginning:
            beginning[number] = beginning[before]
            if event["type"] in _ENDED and "ended" not in begun[beginning[number]]:
                begun[beginning[number]] |= {"ended": by_id[number]["timestamp"], "by": event}
    numbers: dict[str, int] = {}
    found = []
    for each in begun.values():
        if state and each["state"] != state:
            continue
        numbers[each["state"]] = numbers.get(each["state"], 0) + 1
        found.append(_attempt(each, numbers[each["state"]]))
    return found


def _attempt(begun: Mapping[str, Any], number: int) -> Attempt:
    error = message = ""
    if "by" in begun and begun["by"]["type"] in _FAILED:
        details = begun["by"].get(_FAILED[begun["by"]["type"]], {})
        timed_out = "States.Timeout" if begun["by"]["type"] == "TaskTimedOut" else ""
        error, message = details.get("error") or timed_out, message_of(details.get("cause") or "")
    started = begun["started"].timestamp()
    return Attempt(
        number,
        backup=begun["state"].startswith("Backup "),
        started=started,
        seconds=begun["ended"].timestamp() - started if "ended" in begun else None,
        error=error,
        message=message,
    )


def recorded(record: TaskRecord) -> Attempt:
    """Return the attempt that left a record."""
    return Attempt(
        number=record.attempt + 1,
        backup=record.backup,
        started=record.started,
        seconds=record.seconds,
        error=record.error,
        message=record.message,
        request=record.request,
        log_stream=record.log_stream,
        peak_memory_mib=record.peak_memory_mib or None,
        memory_mib=record.memory_mib or None,
        recorded=True,
    )


def all_of(told_of: Iterable[Attempt], left: Iterable[TaskRecord]) -> tuple[Attempt, ...]:
    """Return all attempts, in the order of time: as each one's record has it, or the history if it left none.

    An attempt whose answer was lost did its work, as its record tells, and failed, as the history does.
    """
    found = {(each.backup, each.number): each for each in told_of}
    for record in left:
        attempt = recorded(record)
        place = attempt.backup, attempt.number
        if place in found and found[place].error and not attempt.error:
            continue
        found[place] = attempt
    return tuple(sorted(found.values(), key=lambda each: (each.started or 0.0, each.number)))
