"""A cloud for the console's tests: executions with histories, map runs with items, objects. It counts."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mapreduce import layout
from mapreduce.record import TaskRecord
from marla.stack import Stack
from marla.web.app import create_app
from tests.unit.fake_executions import EXECUTION, MACHINE

SECRET = "the-secret-of-this-session"
BASE = "http://127.0.0.1:14580"
BUCKET = "bucket"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHILD = EXECUTION.removesuffix(":") + "/Map:"
DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Configure job",
    "States": {
        "Configure job": {"Type": "Pass", "Next": "Map"},
        "Map": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Mapper",
                "States": {"Mapper": {"Type": "Task", "Resource": "arn:x", "End": True}},
            },
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


def missing(code: str, operation: str = "Operation") -> ClientError:
    """An error as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": f"{code}: no such thing"}}, operation)


@dataclass
class FakeExecution:
    """An execution, whose history grows as `add` is called."""

    name: str
    asked: Any = field(default_factory=lambda: {"job": "wordcount", "input": "s3://data/"})
    status: str = "RUNNING"
    error: str = ""
    output: Any = None
    started: datetime = START
    stopped: datetime | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def add(self, type: str, seconds: float = 0.0, **details: Any) -> None:
        """Add an event that comes so long after the start."""
        number = len(self.events) + 1
        self.events.append(
            {
                "id": number,
                "previousEventId": number - 1,
                "type": type,
                "timestamp": self.started + timedelta(seconds=seconds),
                **details,
            }
        )

    def pass_by(self, state: str, seconds: float = 0.0, **assigned: Any) -> None:
        """Enter a Pass state and leave it."""
        self.add("PassStateEntered", seconds, stateEnteredEventDetails={"name": state, "input": "{}"})
        variables = {name: json.dumps(value) for name, value in assigned.items()}
        left = {"name": state, "assignedVariables": variables}
        self.add("PassStateExited", seconds, stateExitedEventDetails=left)

    def enter_map(self, run: str, seconds: float = 1.0, state: str = "Map") -> None:
        """Enter a Map state, and start its map run."""
        self.add("MapStateEntered", seconds, stateEnteredEventDetails={"name": state, "input": "{}"})
        self.add("MapRunStarted", seconds, mapRunStartedEventDetails={"mapRunArn": run})

    def end(self, status: str, seconds: float, **more: Any) -> None:
        """End."""
        kinds = {
            "SUCCEEDED": "ExecutionSucceeded",
            "FAILED": "ExecutionFailed",
            "ABORTED": "ExecutionAborted",
        }
        self.add(kinds[status], seconds)
        self.status, self.stopped = status, self.started + timedelta(seconds=seconds)
        self.error, self.output = more.get("error", ""), more.get("output")


@dataclass
class FakeRun:
    """A map run: its items by ARN, each with a status and an input."""

    children: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    express: bool = False

    def add(self, task: int, status: str = "RUNNING", step: int = 0, error: str = "Lambda.Unknown") -> str:
        """Add an item; return its ARN.

        Args:
            error: what ended it, if it failed.
        """
        arn = f"{CHILD}{len(self.children):08d}"
        asked = {"stage": 0, "step": step, "partition": 0, "task": task}
        self.children[arn] = (status, asked)
        self.errors[arn] = error
        return arn

    @property
    def counts(self) -> dict[str, int]:
        """As DescribeMapRun has them."""
        found = Counter(status for status, _ in self.children.values())
        names = {"succeeded": "SUCCEEDED", "running": "RUNNING", "failed": "FAILED", "timedOut": "TIMED_OUT"}
        counts = {name: found[status] for name, status in names.items()}
        return counts | {"total": len(self.children), "pending": 0, "aborted": found["ABORTED"]}


class FakeStates:
    """A Step Functions."""

    def __init__(self) -> None:
        self.executions: dict[str, FakeExecution] = {}
        self.runs: dict[str, FakeRun] = {}
        self.definition: str = json.dumps(DEFINITION)
        self.calls: Counter[str] = Counter()
        self.causes: list[str] = []
        self.failure: Exception | None = None

    def add(self, name: str, **fields: Any) -> FakeExecution:
        """Add an execution, just started."""
        self.executions[name] = FakeExecution(name, **fields)
        self.executions[name].add("ExecutionStarted")
        return self.executions[name]

    def _call(self, operation: str) -> None:
        self.calls[operation] += 1
        if self.failure is not None:
            raise self.failure

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeExecution")
        for run in self.runs.values():
            if executionArn in run.children:
                status, asked = run.children[executionArn]
                failed = {"error": run.errors[executionArn], "cause": "why"} if status == "FAILED" else {}
                return {"status": status, "input": json.dumps(asked), "startDate": START} | failed
        found = self._found(executionArn)
        answer: dict[str, Any] = {"status": found.status, "startDate": found.started}
        if found.stopped:
            answer["stopDate"] = found.stopped
        if found.error:
            answer |= {"error": found.error, "cause": "why"}
        if found.output is not None:
            answer["output"] = json.dumps(found.output)
        return answer | {"input": json.dumps(found.asked), "executionArn": executionArn}

    def _is_item(self, arn: str) -> bool:
        return any(arn in run.children for run in self.runs.values())

    def _found(self, arn: str) -> FakeExecution:
        found = self.executions.get(arn.removeprefix(EXECUTION))
        if found is None:
            raise missing("ExecutionDoesNotExist", "DescribeExecution")
        return found

    def describe_state_machine(self, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeStateMachine")
        assert stateMachineArn == MACHINE
        return {"definition": self.definition}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeStateMachineForExecution")
        self._found(executionArn)
        return {"definition": self.definition}

    def get_execution_history(
        self,
        executionArn: str,  # noqa: N803
        maxResults: int = 1000,  # noqa: N803
        reverseOrder: bool = False,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        self._call("GetExecutionHistory")
        events = [] if self._is_item(executionArn) else self._found(executionArn).events
        events = events[:: -1 if reverseOrder else 1]
        begin, end = int(nextToken), int(nextToken) + maxResults
        return {"events": events[begin:end]} | ({"nextToken": str(end)} if end < len(events) else {})

    def list_executions(self, maxResults: int = 100, nextToken: str = "0", **given: str) -> dict[str, Any]:  # noqa: N803
        self._call("ListExecutions")
        wanted = given.get("statusFilter")
        if "mapRunArn" in given:
            run = self.runs[given["mapRunArn"]]
            if run.express:
                raise missing("ValidationException", "ListExecutions")
            rows = [
                {"executionArn": arn, "name": arn.rpartition(":")[2], "status": status, "startDate": START}
                for arn, (status, _) in run.children.items()
                if wanted in {None, status}
            ]
        else:
            assert given["stateMachineArn"] == MACHINE
            rows = [
                {
                    "executionArn": EXECUTION + one.name,
                    "name": one.name,
                    "status": one.status,
                    "startDate": one.started,
                    **({"stopDate": one.stopped} if one.stopped else {}),
                }
                for one in reversed(self.executions.values())
                if wanted in {None, one.status}
            ]
        begin, end = int(nextToken), int(nextToken) + maxResults
        return {"executions": rows[begin:end]} | ({"nextToken": str(end)} if end < len(rows) else {})

    def list_map_runs(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self._call("ListMapRuns")
        entered = [
            event["mapRunStartedEventDetails"]["mapRunArn"]
            for event in self._found(executionArn).events
            if "mapRunStartedEventDetails" in event
        ]
        return {"mapRuns": [{"mapRunArn": arn, "executionArn": executionArn} for arn in entered]}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        self._call("DescribeMapRun")
        counts = self.runs[mapRunArn].counts
        return {"itemCounts": counts, "executionCounts": counts, "status": "RUNNING"}

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        self._call("StartExecution")
        assert stateMachineArn == MACHINE
        self.add(name, asked=json.loads(input))
        return {"executionArn": EXECUTION + name}

    def stop_execution(self, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        self._call("StopExecution")
        self.causes.append(cause)
        self._found(executionArn).end("ABORTED", 60.0, error=error)

    def get_paginator(self, operation: str) -> Any:
        return _Pages(getattr(self, operation))


class NoSuchKey(ClientError):  # noqa: N818 - boto3's name
    """What boto3 raises for an object that is not there."""


class FakeObjects:
    """An S3 of one page a thousand keys."""

    exceptions = SimpleNamespace(NoSuchKey=NoSuchKey)

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.regions: dict[str, str] = {}
        self.calls: Counter[str] = Counter()

    def put(self, record: TaskRecord, job: str, request: str) -> str:
        """Put the record of an attempt where the worker would; return its key."""
        prefix = layout.stage_prefix(job, record.stage, sample=record.sample)
        output = layout.output_key(prefix, record.step, record.partition, record.task)
        key = layout.record_key(prefix, output, record.execution, request, failed=not record.succeeded)
        self.objects[key] = json.dumps(record.to_json()).encode()
        self.objects.setdefault(layout.plan_key(layout.stage_prefix(job, 0)), b"{}")  # from before any task
        return key

    def list_objects_v2(self, Bucket: str, Prefix: str = "", **given: Any) -> dict[str, Any]:  # noqa: N803
        self.calls["ListObjectsV2"] += 1
        if Bucket != BUCKET:
            raise missing("NoSuchBucket", "ListObjectsV2")
        after = given.get("ContinuationToken", given.get("StartAfter", ""))
        size = given.get("MaxKeys", 1000)
        found: dict[str, int | None] = {}
        for key in sorted(self.objects):
            rest = key.removeprefix(Prefix)
            if key.startswith(Prefix) and "/" in rest and given.get("Delimiter"):
                found[Prefix + rest.partition("/")[0] + "/"] = None
            elif key.startswith(Prefix):
                found[key] = len(self.objects[key])
        names = [name for name in found if name > after]
        answer: dict[str, Any] = {
            "CommonPrefixes": [{"Prefix": name} for name in names[:size] if found[name] is None],
            "Contents": [
                {"Key": name, "Size": found[name]} for name in names[:size] if found[name] is not None
            ],
            "IsTruncated": len(names) > size,
        }
        return answer | ({"NextContinuationToken": names[size - 1]} if len(names) > size else {})

    def get_object(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.calls["GetObject"] += 1
        if Bucket != BUCKET or Key not in self.objects:
            raise NoSuchKey({"Error": {"Code": "NoSuchKey", "Message": "no such key"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def head_bucket(self, Bucket: str) -> dict[str, Any]:  # noqa: N803
        headers = {"x-amz-bucket-region": self.regions.get(Bucket, "us-east-1")}
        return {"ResponseMetadata": {"HTTPHeaders": headers}}

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        for one in Delete["Objects"]:
            del self.objects[one["Key"]]
        return {}

    def get_paginator(self, operation: str) -> Any:
        if operation == "list_multipart_uploads":
            return _Pages(lambda **_: {})
        return _Pages(self.list_objects_v2)


class _Pages:
    """A paginator of an operation that goes on by a token."""

    def __init__(self, operation: Any) -> None:
        self._operation = operation

    def paginate(self, PaginationConfig: Any = None, **given: Any) -> Any:  # noqa: N803
        more: dict[str, Any] = {}
        while True:
            page = self._operation(**given, **more)
            yield page
            if token := page.get("nextToken"):
                more = {"nextToken": token}
            elif token := page.get("NextContinuationToken"):
                more = {"ContinuationToken": token}
            else:
                return


class FakeStacks:
    """A CloudFormation with our stack, and its input buckets."""

    input_buckets = "data,more-data"

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        parameter = {"ParameterKey": "InputBuckets", "ParameterValue": self.input_buckets}
        return {"Stacks": [{"StackName": StackName, "Parameters": [parameter]}]}

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:  # noqa: N803
        return {"StackResourceDetail": {"PhysicalResourceId": f"{StackName}-{LogicalResourceId}"}}


class FakeLogs:
    """A CloudWatch Logs with the lines of one stream."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def get_log_events(self, **given: Any) -> dict[str, Any]:
        events = [{"message": line, "timestamp": 0} for line in self.lines]
        return {"events": events if "nextToken" not in given else [], "nextBackwardToken": "the end"}

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": []}


class Console:
    """The console over such a cloud, and a browser that has opened its URL.

    Attributes:
        now: the time; tests let it pass.
    """

    def __init__(self, *, local: bool = True) -> None:
        self.states = FakeStates()
        self.s3 = FakeObjects()
        self.stacks = FakeStacks()
        self.logs = FakeLogs()
        self.now = START
        clients = {
            "stepfunctions": self.states,
            "s3": self.s3,
            "cloudformation": self.stacks,
            "logs": self.logs,
        }
        self.stack = Stack("marla", "us-east-1", MACHINE, BUCKET, clients.__getitem__, local)
        self.app: Flask = create_app(self.stack, SECRET, lambda: self.now, lambda name: f"<h1>{name}</h1>")
        self.browser = self.stranger()
        self.browser.get(f"/?token={SECRET}", base_url=BASE)

    def stranger(self) -> FlaskClient:
        """Return a browser that has opened nothing yet."""
        return self.app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        """Ask as the page does."""
        return self.browser.get(path, base_url=BASE, **more)

    def json(self, path: str) -> Any:
        """Return what the API answers, which is no error."""
        answer = self.get(f"/api/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json

    def send(self, path: str, body: Any = None, method: str = "POST") -> TestResponse:
        """Ask for a change as the page does."""
        headers = {"X-Marla": "1", "Origin": BASE}
        return self.browser.open(f"/api/{path}", method=method, base_url=BASE, headers=headers, json=body)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def record(task: int, **fields: Any) -> TaskRecord:
    """A record of an attempt at a map task; `fields` say what is other than usual."""
    begun = START.timestamp() + 2
    usual: dict[str, Any] = {
        "kind": "reduce" if fields.get("step") else "map",
        "stage": 0,
        "step": 0,
        "partition": 0,
        "task": task,
        "started": begun,
        "ended": begun + 1.5,
        "queued": begun - 0.25,
        "output": f"jobs/job/stage-0/map/{task}",
        "records_in": 100,
        "records_out": 10,
        "bytes_in": 1000,
        "bytes_out": 200,
        "billed_ms": 1500,
        "memory_mib": 2048,
        "peak_memory_mib": 100,
        "execution": "job",
    }
    return TaskRecord(**usual | fields)
