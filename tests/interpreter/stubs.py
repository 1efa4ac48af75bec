"""Clients whose Lambda functions and buckets are plain functions of a test."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marla.local.jsonata import JSON

Worker = Callable[[JSON], JSON]


class WorkerError(Exception):
    """Raised by a stub worker to fail as a Lambda function does; its class name is the error."""


@dataclass
class Clients:
    """Stub clients: `worker` is every Lambda function, `listing` every bucket."""

    worker: Worker = lambda event: event
    listing: Callable[..., Any] = lambda **_: {}

    def __call__(self, service: str, region: str, role_arn: str) -> "Clients":
        return self

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        try:
            answer, error = self.worker(json.loads(Payload)), {}
        except WorkerError as raised:
            answer = {"errorType": type(raised).__name__, "errorMessage": str(raised)}
            error = {"FunctionError": "Unhandled"}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **error}

    def list_objects_v2(self, **parameters: Any) -> Any:
        return self.listing(**parameters)


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until a condition holds; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this took too long"
        time.sleep(0.005)
