"""An execution that failed, as Step Functions, S3, CloudFormation and CloudWatch Logs tell of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from mapreduce.layout import plan_key, published_key, stage_prefix
from marla.stack import Stack
from tests.unit.memory_s3 import MemoryS3, Stored

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:machine"
ARN = "arn:aws:states:eu-west-1:123456789012:execution:machine:job-1"
RUN = "arn:aws:states:eu-west-1:123456789012:mapRun:machine/Map:run"
GROUP = "/aws/cloudformation/marla/MapperLogs"
Event = dict[str, Any]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def epoch(seconds: float) -> float:
    return at(seconds).timestamp()


def cause_of(message: str, error: str = "BadRecord") -> str:
    """What Step Functions makes of what a function raised."""
    return json.dumps({"errorMessage": message, "errorType": error})


class Events:
    """Builds a history; each event follows the one before, if not told otherwise."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: str, seconds: float, previous: int | None = None, **details: Any) -> int:
        """Add an event; return its number."""
        number = len(self.events) + 1
        before = number - 1 if previous is None else previous
        event = {"id": number, "previousEventId": before, "type": kind, "timestamp": at(seconds)}
        self.events.append(event | details)
        return number

    def enter(self, kind: str, name: str, seconds: float, previous: int | None = None) -> int:
        details = {"name": name, "input": "{}"}
        return self.add(f"{kind}StateEntered", seconds, previous, stateEnteredEventDetails=details)

    def attempt(
        self, begin: float, end: float, error: str = "", cause: str = "", previous: int | None = None
    ) -> int:
        """An attempt at a task, which fails with an error, or succeeds."""
        self.add("TaskScheduled", begin, previous, taskScheduledEventDetails={"resourceType": "lambda"})
        self.add("TaskStarted", begin)
        if not error:
            return self.add("TaskSucceeded", end)
        if error == "States.Timeout":
            return self.add("TaskTimedOut", end, taskTimedOutEventDetails={"error": error})
        return self.add("TaskFailed", end, taskFailedEventDetails={"error": error, "cause": cause})


def in_map(state: str = "Map") -> list[Event]:
    """The history of an execution that fails as it maps or reduces."""
    events = Events()
    events.enter("Pass", "Configure job", 0)
    events.enter("Map", state, 1)
    events.add("MapRunStarted", 1, mapRunStartedEventDetails={"mapRunArn": RUN})
    return events.events


def at_fail_state(state: str) -> list[Event]:
    """The history of an execution that the coordinator fails."""
    events = Events()
    events.enter("Pass", "Configure job", 0)
    events.enter("Fail", state, 2)
    return events.events


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Operation")


class FakeCloud:
    """All clients at once; `requests` counts what is asked of it.

    Args:
        s3: with the objects that there are, and `get_object`.
        events: of the execution.
        described: what else is known of the execution.
    """

    def __init__(self, s3: Any = None, events: list[Event] | None = None, **described: Any) -> None:
        self._s3 = s3
        self.histories: dict[str, list[Event]] = {ARN: in_map() if events is None else events}
        self.described: dict[str, Event] = {
            ARN: {"status": "FAILED", "error": "States.ExceedToleratedFailureThreshold", "cause": "exceeded"}
            | {"startDate": START, "stopDate": at(10), "input": "{}"}
            | described
        }
        self.children: list[str] = []
        self.page = 1000
        self.unlistable = ""  # the error of listing items
        self.late = 0  # how often items are not listed yet
        self.log: list[Event] = []
        self.log_refusal = ""
        self.empty_pages = 0  # of the log, before the one that has the events
        self.history_refusal = ""
        self.refused = ""  # the ARN of an execution that cannot be described
        self.requests: Counter[str] = Counter()
        self._receipts = MemoryS3()  # what the job has left, and so can be resumed with
        self._receipts.objects["job-bucket", plan_key(stage_prefix("job-1", 0))] = Stored(b"{}", {}, "")

    def stack(self, *, local: bool = False) -> Stack:
        return Stack("marla", "eu-west-1", MACHINE, "job-bucket", lambda service: self, local=local)

    def publish(self, by: str) -> None:
        """Have an execution of the job publish its result, or withdraw it."""
        receipt = json.dumps({"execution": by}).encode()
        self._receipts.objects["job-bucket", published_key(stage_prefix("job-1", 0))] = Stored(
            receipt, {}, ""
        )

    def remove(self) -> None:
        """Delete what the job has left."""
        self._receipts.objects.clear()

    def fail(
        self,
        error: str,
        cause: str = "",
        stopped: float = 5,
        events: list[Event] | None = None,
        status: str = "FAILED",
        **task: Any,
    ) -> str:
        """Add an item that failed; return its ARN."""
        arn = f"arn:aws:states:eu-west-1:123456789012:execution:machine/Map:item-{len(self.children)}"
        told: Event = {"input": json.dumps({"id": "job-1", "stage": 0, "task": 0} | task), "status": status}
        told |= {"startDate": START, "stopDate": at(stopped), "executionArn": arn}
        self.described[arn] = told | {
            name: value for name, value in (("error", error), ("cause", cause)) if value
        }
        if events is None:
            history = Events()
            history.enter("Task", "Mapper", 1)
            history.attempt(1, stopped, error, cause)
            events = history.events
        self.histories[arn] = events
        self.children.append(arn)
        return arn

    # Step Functions

    def describe_execution(self, executionArn: str) -> Event:  # noqa: N803
        self.requests["describe_execution"] += 1
        if executionArn == self.refused:
            raise refusal("ThrottlingException")
        if executionArn not in self.described:
            raise refusal("ExecutionDoesNotExist")
        return self.described[executionArn]

    def get_execution_history(
        self,
        executionArn: str,  # noqa: N803
        reverseOrder: bool,  # noqa: N803
        maxResults: int,  # noqa: N803
    ) -> Event:
        assert reverseOrder
        if self.history_refusal and executionArn in self.children:
            raise refusal(self.history_refusal)
        return {"events": self.histories[executionArn][::-1][:maxResults]}

    def describe_map_run(self, mapRunArn: str) -> Event:  # noqa: N803
        assert mapRunArn == RUN
        failed = len(self.children)
        counts = {"total": 12, "succeeded": 3, "failed": failed, "timedOut": 0, "running": 0}
        return {"itemCounts": counts | {"pending": 0, "aborted": 9 - failed}, "startDate": START}

    def list_executions(
        self,
        mapRunArn: str,  # noqa: N803
        statusFilter: str,  # noqa: N803
        maxResults: int,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> Event:
        self.requests["list_executions"] += 1
        assert (mapRunArn, maxResults) == (RUN, 1000)
        if self.unlistable:
            raise refusal(self.unlistable)
        if self.late > 0:
            self.late -= 1
            return {"executions": []}
        told = [self.described[arn] for arn in self.children]
        found = [each for each in told if each["status"] == statusFilter][::-1]  # newest first
        begin = int(nextToken)
        more = {"nextToken": str(begin + self.page)} if begin + self.page < len(found) else {}
        return {"executions": found[begin : begin + self.page]} | more

    # S3

    def get_object(self, **request: Any) -> Any:
        if "/receipts/" in request["Key"]:
            return self._receipts.get_object(**request)
        self.requests["get_object"] += 1
        return self._s3.get_object(**request)

    def get_paginator(self, operation: str) -> FakeCloud:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[Event]:  # noqa: N803
        self.requests["list_objects"] += 1
        keys = sorted(key for bucket, key in self._s3.objects if bucket == Bucket and key.startswith(Prefix))
        if not Delimiter:
            yield {"Contents": [{"Key": key} for key in keys]}
            return
        rest = [key.removeprefix(Prefix) for key in keys]
        folders = {one.partition(Delimiter)[0] for one in rest if Delimiter in one}
        yield {"CommonPrefixes": [{"Prefix": f"{Prefix}{folder}{Delimiter}"} for folder in sorted(folders)]}

    # CloudFormation and CloudWatch Logs

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> Event:  # noqa: N803
        group = f"/aws/cloudformation/{StackName}/{LogicalResourceId}"
        return {"StackResourceDetail": {"PhysicalResourceId": group}}

    def say(self, stream: str, seconds: float, *messages: str) -> None:
        """Log some messages in a stream."""
        for message in messages:
            self.log.append(
                {"logStreamName": stream, "timestamp": int(epoch(seconds) * 1000), "message": message}
            )

    def get_log_events(
        self,
        logGroupName: str,  # noqa: N803
        logStreamName: str,  # noqa: N803
        startFromHead: bool,  # noqa: N803
        limit: int,
        nextToken: str = "0",  # noqa: N803
        **window: int,
    ) -> Event:
        self.requests["get_log_events"] += 1
        self._check_log(logGroupName)
        assert not startFromHead
        if not any(event["logStreamName"] == logStreamName for event in self.log):
            raise refusal("ResourceNotFoundException")
        found = [e for e in self._within(**window) if e["logStreamName"] == logStreamName]
        page, last = int(nextToken), self.empty_pages + 1
        events = found[-limit:] if page == self.empty_pages else []
        return {"events": events, "nextBackwardToken": str(min(page + 1, last))}

    def filter_log_events(
        self,
        logGroupName: str,  # noqa: N803
        filterPattern: str = "",  # noqa: N803
        nextToken: str = "0",  # noqa: N803
        **window: int,
    ) -> Event:
        self.requests["filter_log_events"] += 1
        self._check_log(logGroupName)
        page = int(nextToken)
        if page < self.empty_pages:
            return {"events": [], "nextToken": str(page + 1)}
        return {"events": [e for e in self._within(**window) if filterPattern.strip('"') in e["message"]]}

    def _within(self, startTime: int = 0, endTime: int = 1 << 60) -> list[Event]:  # noqa: N803
        return [event for event in self.log if startTime <= event["timestamp"] < endTime]

    def _check_log(self, group: str) -> None:
        assert group.startswith("/aws/cloudformation/marla/")
        if self.log_refusal:
            raise refusal(self.log_refusal)
