"""The real definition over a stub of S3 and Lambda."""

from __future__ import annotations

import datetime
import io
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from marla.local.interpreter import Interpreter, Outcome

DEFINITION = Path(__file__).parents[2] / "statemachine" / "mapreduce.asl.yaml"
SUBSTITUTIONS = {
    "MapperFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:mapper",
    "ReducerFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:reducer",
    "JobBucket": "jobs",
    "DefaultConcurrency": "4",
    "ChildExecutionType": "STANDARD",
    "WorkerTimeout": "900",
    "JobTimeout": "86400",
}

ETAG = '"0123456789abcdef0123456789abcdef-1234"'  # of every object
Event = dict[str, Any]
Worker = Callable[[Event], Any]


def definition(pipelines: dict[str, Any] | None = None) -> str:
    """Return the definition as CloudFormation would deploy it.

    Args:
        pipelines: the chains of jobs that it is to know, instead of the catalogue's.
    """
    text = DEFINITION.read_text()
    for name, value in SUBSTITUTIONS.items():
        text = text.replace("${" + name + "}", value)
    if pipelines is None:
        return text
    document = yaml.safe_load(text)
    document["States"]["Configure job"]["Assign"]["pipelines"] = pipelines
    return json.dumps(document)


class WorkerError(Exception):
    """What a stub worker raises to fail as a Lambda function would, with `error` as the error type."""

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(message)
        self.error = error


def service_error(code: str, message: str, status: int = 400) -> ClientError:
    """Return an error as boto3 raises it; its class is the one that the real client would raise."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "request-1"},
    }
    kind = type(code, (ClientError,), {}) if code.startswith("NoSuch") else ClientError
    return kind(response, "Operation")  # type: ignore[no-any-return]


def _echo(bucket: str, request: dict[str, Any]) -> dict[str, Any]:
    """What an answer repeats of the request."""
    return {"Name": bucket, **{name: request[name] for name in request if name != "Bucket"}}


@dataclass
class Cloud:
    """Buckets of objects with sizes, and workers that do arithmetic on sizes instead of work.

    A mapper "reads" a record for each byte and emits `emits` records for each that it read; reducers pass on
    what they read and halve the bytes. Everything that was asked is kept.
    """

    buckets: dict[str, dict[str, int]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    emits: int = 1
    takes: int = 1  # milliseconds that a task says it took
    deleted: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    attempts: list[Event] = field(default_factory=list)  # what each task of `events` was told of its attempt
    waves: list[Event] = field(default_factory=list)  # that were checked before they were mapped
    listed: list[dict[str, Any]] = field(default_factory=list)
    mapper: Worker | None = None
    reducer: Worker | None = None
    pipelines: dict[str, Any] | None = None
    outputs: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    running: int = 0
    most_running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, service: str, region: str, role_arn: str) -> Cloud:
        return self

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        self.listed.append(request)
        bucket = request["Bucket"]
        if bucket in self.denied:
            raise service_error("AccessDenied", "Access Denied", 403)
        if bucket not in self.buckets:
            raise service_error("NoSuchBucket", "The specified bucket does not exist", 404)
        after = request.get("StartAfter", "")
        keys = sorted(
            key for key in self.buckets[bucket] if key.startswith(request["Prefix"]) and key > after
        )
        page = keys[: request["MaxKeys"]]
        # As much about each object as S3 says, for the size of the answer.
        contents = [
            {
                "Key": key,
                "Size": self.buckets[bucket][key],
                "ETag": ETAG,
                "LastModified": datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC),
                "StorageClass": "INTELLIGENT_TIERING",
                "ChecksumAlgorithm": ["CRC64NVME"],
                "ChecksumType": "FULL_OBJECT",
            }
            for key in page
        ]
        answer = {"IsTruncated": len(keys) > len(page), "KeyCount": len(page), **_echo(bucket, request)}
        return answer | ({"Contents": contents} if contents else {})

    def delete_objects(self, Bucket: str, Delete: Event) -> dict[str, Any]:  # noqa: N803
        keys = [each["Key"] for each in Delete["Objects"]]
        self.deleted += keys
        refused = [key for key in keys if self.buckets[Bucket].pop(key, None) is None]
        errors = [{"Key": key, "Code": "AccessDenied", "Message": "Access Denied"} for key in refused]
        return {"Errors": errors} if errors else {}

    def invoke(self, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        event = json.loads(Payload)
        if "attempt" in event:
            self.attempts.append({"task": event["task"], "step": event.get("step", 0)} | event.pop("attempt"))
        if "wave" in event:
            self.waves.append(event)
            return {"StatusCode": 200, "Payload": io.BytesIO(b"{}")}
        with self.lock:
            self.events.append(event)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        failure: dict[str, str] = {}
        try:
            answer = self._work(FunctionName.rpartition(":")[2], event)
        except WorkerError as error:
            answer = {"errorType": error.error, "errorMessage": str(error), "stackTrace": []}
            failure = {"FunctionError": "Unhandled"}
        finally:
            with self.lock:
                self.running -= 1
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())} | failure

    def _work(self, function: str, event: Event) -> Any:
        worker = self.mapper if function == "mapper" else self.reducer
        if worker:
            answer = worker(event)
            if answer is not None:
                return answer
        if event.get("check"):
            return {"params": event["params"], "columns": ["key", "value"], "code": "c0de"}
        if event.get("publish"):
            return {"format": "csv", "parts": event["partitions"]}
        if event.get("withdraw"):
            return {"deleted": event["partitions"]}
        if "race" in event and event["race"]["after"] is None:
            name = f"{self.takes:010d}-{event.get('partition', 0)}-{event['task']}"
            self.buckets.setdefault("jobs", {})[event["race"]["times"] + name] = 0
        return self.map(event) if function == "mapper" else self.reduce(event)

    def map(self, event: Event) -> dict[str, int]:
        """Do what a mapper does, to numbers."""
        size = sum(piece["end"] - piece["start"] for piece in event["pieces"])
        partitions = event["partitions"]
        for partition in range(partitions):
            share = size // partitions + (partition < size % partitions)
            self.outputs[event["stage"], 0, partition, event["task"]] = share * self.emits
        emitted = size * self.emits
        return {"recordsIn": size, "recordsOut": emitted, "bytesIn": size, "bytesOut": emitted, "rejects": 0}

    def reduce(self, event: Event) -> dict[str, int]:
        """Do what a reducer does, to numbers."""
        numbers = range(event["first"], event["first"] + event["count"])
        read = sum(self.outputs[event["stage"], event["step"] - 1, event["partition"], i] for i in numbers)
        self.outputs[event["stage"], event["step"], event["partition"], event["task"]] = read
        return {"recordsIn": read, "recordsOut": read, "bytesIn": read, "bytesOut": read // 2}

    @property
    def maps(self) -> list[Event]:
        """The events of all map tasks, in the order of stages and tasks."""
        events = [event for event in self.events if "pieces" in event]
        return sorted(events, key=lambda event: (event["stage"], event["task"]))

    @property
    def reduces(self) -> list[Event]:
        """The events of all reduce tasks, in the order of stages, steps, partitions and tasks."""
        order = ("stage", "step", "partition", "task")
        events = [event for event in self.events if "final" in event]
        return sorted(events, key=lambda event: [event[name] for name in order])

    @property
    def publishes(self) -> list[Event]:
        """The events that publish a stage's result."""
        return [event for event in self.events if "publish" in event]

    def steps(self) -> list[int]:
        """How many reducers each step had, partitions together."""
        counts = Counter(event["step"] for event in self.reduces)
        return [counts[step] for step in sorted(counts)]

    def covered(self) -> dict[str, list[tuple[int, int]]]:
        """The byte ranges of each object that mappers were given, in order."""
        ranges: dict[str, list[tuple[int, int]]] = {}
        for event in self.maps:
            for piece in event["pieces"]:
                ranges.setdefault(piece["key"], []).append((piece["start"], piece["end"]))
        return ranges

    def largest_variable(self, outcome: Outcome) -> int:
        """The bytes of the largest variable that the execution had at any time."""
        exits = [event.get("stateExitedEventDetails", {}) for event in outcome.history]
        return max(
            len(text.encode()) for exited in exits for text in exited.get("assignedVariables", {}).values()
        )

    def run(self, name: str = "job-1", **given: Any) -> Outcome:
        """Run an execution to its end; `job` and `input` have defaults."""
        return self.execute({"job": "wordcount", "input": "s3://data/in/"} | given, name)

    def execute(self, execution_input: Any, name: str = "job-1") -> Outcome:
        """Run an execution with exactly this input."""
        return Interpreter(self).run(definition(self.pipelines), execution_input, name=name, timeout=120)


def objects(count: int, size: int = 1000, suffix: str = ".csv") -> dict[str, int]:
    """Return `count` objects of one size under in/."""
    return {f"in/{number:05d}{suffix}": size for number in range(count)}


def assert_covers_once(covered: dict[str, list[tuple[int, int]]], sizes: dict[str, int]) -> None:
    """Every byte of every object that is not empty is in exactly one piece."""
    assert covered.keys() == {key for key, size in sizes.items() if size}
    for key, ranges in covered.items():
        ends = [0, *(end for _, end in ranges)]
        assert [start for start, _ in ranges] == ends[:-1], key
        assert ends[-1] == sizes[key], key
