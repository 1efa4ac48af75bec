"""Executions as Step Functions remembers them, with its errors for those that it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from marla.stack import Stack

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:machine"
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:machine:"


class FakeExecutions:
    """A Step Functions that has some executions, by name: their status, input and error."""

    def __init__(self, **executions: dict[str, Any]) -> None:
        self.executions = executions
        self.stopped: list[str] = []

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        found = self.executions.get(executionArn.removeprefix(EXECUTION))
        if found is None:
            answer: Any = {"Error": {"Code": "ExecutionDoesNotExist", "Message": "does not exist"}}
            raise ClientError(answer, "DescribeExecution")
        return {"status": "FAILED"} | found | {"input": json.dumps(found.get("input", {"job": "x"}))}

    def stop_execution(self, executionArn: str, **_: str) -> None:  # noqa: N803
        self.describe_execution(executionArn)
        self.stopped.append(executionArn)

    def get_paginator(self, operation: str) -> FakeExecutions:
        assert operation == "list_executions"
        return self

    def paginate(self, stateMachineArn: str, statusFilter: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert stateMachineArn == MACHINE
        for name, each in self.executions.items():
            if each.get("status", "FAILED") == statusFilter:
                yield {"executions": [{"name": name}]}


def stack_of(sfn: FakeExecutions, s3: Any = None) -> Stack:
    """A stack of those executions, and of an S3."""
    clients = {"stepfunctions": sfn, "s3": s3}
    return Stack("marla", "us-east-1", MACHINE, "bucket", clients.__getitem__)
