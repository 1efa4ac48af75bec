"""Attempts and histories of executions, as their costs are counted from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from mapreduce.record import TaskRecord

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
START = NOON.timestamp()


def attempt(kind: str = "map", task: int = 0, *, seconds: float = 10.0, **known: Any) -> TaskRecord:
    """An attempt at a task, of a worker with 1,024 MB on arm64, that began at noon and succeeded."""
    step = known.pop("step", 0 if kind == "map" else 1)
    partition = known.pop("partition", 0)
    usual: dict[str, Any] = {
        "stage": 0,
        "started": START,
        "ended": START + seconds,
        "billed_ms": round(seconds * 1000),
        "memory_mib": 1024,
        "architecture": "arm64",
        "execution": "job-1",
        "output": f"jobs/job-1/stage-0/{step}/{partition}/{task}",
    }
    return TaskRecord(kind=kind, step=step, partition=partition, task=task, **(usual | known))


def mappers(count: int, **known: Any) -> list[TaskRecord]:
    """Some map tasks, all alike."""
    return [attempt("map", task, **known) for task in range(count)]


def reducers(count: int, **known: Any) -> list[TaskRecord]:
    """Some reduce tasks of the first step, one a partition, all alike."""
    return [attempt("reduce", 0, partition=partition, **known) for partition in range(count)]


class Events:
    """Builds a history as boto3 gives it; each state follows the one before after a second."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._now = NOON

    def add(self, kind: str, seconds: float = 0.0, **details: Any) -> Events:
        """Add an event, some seconds after the one before."""
        self._now += timedelta(seconds=seconds)
        self.events.append({"id": len(self.events) + 1, "type": kind, "timestamp": self._now} | details)
        return self

    def enter(self, kind: str, *names: str) -> Events:
        """Enter some states of a kind, one after the other."""
        for name in names:
            self.add(f"{kind}StateEntered", 1.0, stateEnteredEventDetails={"name": name})
        return self

    def assign(self, **variables: Any) -> Events:
        """Leave a Pass state that assigns some variables."""
        details = {"name": "", "assignedVariables": {name: json.dumps(variables[name]) for name in variables}}
        return self.add("PassStateExited", stateExitedEventDetails=details)

    def call(self, resource: str, seconds: float, *, error: str = "") -> Events:
        """Call lambda or an operation of S3, in the state that was entered last."""
        kind = "lambda" if resource == "lambda" else "aws-sdk:s3"
        name = "invoke" if resource == "lambda" else resource
        self.add("TaskScheduled", taskScheduledEventDetails={"resourceType": kind, "resource": name})
        self.add("TaskStarted", taskStartedEventDetails={"resourceType": kind, "resource": name})
        if error:
            return self.add("TaskFailed", seconds, taskFailedEventDetails={"error": error})
        return self.add("TaskSucceeded", seconds)

    def map_run(self, name: str) -> Events:
        """Enter a Map state, whose map run has its name."""
        self.enter("Map", name)
        return self.add("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": f"run of {name}"})


def whole_job() -> Events:
    """The history of a job of one stage, with one wave of mappers and one reduce step: 24 states."""
    history = Events().add("ExecutionStarted")
    history.enter("Pass", "Configure job", "Check input").enter("Choice", "Input valid?")
    history.enter("Pass", "Plan stages", "Configure stage").enter("Choice", "Stage valid?")
    history.enter("Task", "Check job").call("lambda", 0.5)
    history.enter("Task", "List input").call("listObjectsV2", 0.1)
    history.enter("Pass", "Cut into batches").enter("Choice", "Wave full?")
    history.enter("Task", "Check wave").call("lambda", 0.5)
    history.enter("Choice", "Map with backups?").map_run("Map")
    history.enter("Pass", "Count map outputs").enter("Choice", "More input?")
    history.enter("Pass", "Plan reduce step").enter("Choice", "With backups?").map_run("Reduce")
    history.enter("Pass", "Count reduce outputs").enter("Choice", "One output left?")
    history.enter("Task", "Publish result").call("lambda", 0.25)
    history.enter("Choice", "Next stage?").enter("Pass", "Report").enter("Succeed", "Done")
    return history.add("ExecutionSucceeded")
