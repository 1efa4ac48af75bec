"""Jobs that suffer faults, each by rules of its own."""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from marla import execution
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.local.conftest import JOB_SECONDS, READABLE, Job

WORDS = {
    f"part-{part}": b"".join(b"w%d w%d all\n" % (line % 83, line * part % 7) for line in range(3000))
    for part in range(1, 4)
}
# Some six mappers, whose outputs are merged in two steps, in two partitions.
REQUEST: dict[str, Any] = {"job": "wordcount", "splitBytes": 25_000, "partitions": 2, "fanIn": 3}

_names = (f"faults-{number}" for number in itertools.count())

Rule = dict[str, Any]


class Faults:
    """The control of faults in a local cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._url = cloud.environment()["AWS_ENDPOINT_URL"] + "/_marla/faults"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def put(self, name: str, *rules: Rule) -> None:
        """Let a job of this name, and its input, suffer faults."""
        of_job = []
        for rule in rules:
            match = rule.get("match", {})
            field = "payload" if match.get("service") == "lambda" else "key"
            own = f'"{name}"' if field == "payload" else f"(^|/){name}/"
            of_job.append(rule | {"match": match | {field: f"(?s)^(?=.*{own}).*{match.get(field, '')}"}})
        self._ask("PUT", name, {"seed": 1, "rules": of_job})

    def end(self, name: str) -> dict[str, int]:
        """End the faults of a job; return how often each kind was injected."""
        counts: dict[str, int] = self._ask("DELETE", name)["injected"]
        return counts

    def _ask(self, method: str, name: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self._url}/{name}", body, method=method)
        with self._opener.open(request, timeout=10) as answer:
            return json.load(answer)


class Run(NamedTuple):
    """A job that is over, and how often each kind of fault was injected."""

    job: Job
    injected: dict[str, int]


class Started:
    """An execution of a name of its own, over an input of its own.

    Args:
        rules: what it suffers.
        options: of the execution's input.
    """

    def __init__(self, stack: Stack, faults: Faults, *rules: Rule, **options: Any) -> None:
        self.stack = stack
        self.name = next(_names)
        for part, body in WORDS.items():
            stack.s3.put_object(Bucket=READABLE, Key=f"{self.name}/{part}", Body=body)
        self._faults = faults
        faults.put(self.name, *rules)
        request = REQUEST | {"input": f"s3://{READABLE}/{self.name}/"} | options
        self.arn = execution.start(stack, request, self.name)

    def until(self, over: Callable[[execution.Progress], bool]) -> execution.Progress:
        """Wait until its progress is so, or it is over."""
        deadline = time.monotonic() + JOB_SECONDS
        for progress in execution.follow(self.stack, self.arn):
            if over(progress):
                break
            if time.monotonic() > deadline:
                execution.stop(self.stack, self.arn)
                pytest.fail(f"{self.name} did not end within {JOB_SECONDS} s; it is in {progress.state}")
        return progress

    def end(self) -> Run:
        """Wait for its end, and end its faults."""
        progress = self.until(lambda _: False)
        return Run(Job(self.stack, self.name, self.arn, progress), self._faults.end(self.name))
