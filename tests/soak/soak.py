"""A soak: cases are run on a local cloud, some at once, and each is judged."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from marla import execution
from marla.explain import search
from marla.local.cloud import LocalCloud
from tests.soak.cases import Case, case
from tests.soak.objects import BUCKET

POLL_SECONDS = 0.25
KEPT = re.compile(r"/stage-\d+/(result|rejects|errors|(sample/)?records)/")  # with keepIntermediates false
PLAN = "/receipts/plan.json"
LATE = {"duplicate", "break", "truncate"}  # after which a worker may be at work that nobody waits for
# The errors in which a job may end, by the faults that explain them. Any other means that a fault was taken
# for something else: for a bad record, say, or lost records.
EXPLAINED_BY = {
    "StorageUnavailable": {"break", "truncate", "throttle", "error", "corrupt"},
    "CorruptSegment": {"corrupt"},
    "Runtime.ExitError": {"kill"},
    "Lambda.TooManyRequestsException": {"throttle"},
    "Lambda.ServiceException": {"error"},
    "Lambda.SdkClientException": {"break", "truncate"},
}


@dataclass
class Verdict:
    """What became of a case.

    Attributes:
        what: "succeeded", "failed" (by a cause, as `marla explain` finds it, that the faults account for),
            "wrong" or "hung".
        why: the error's name; or what is wrong.
        injected: how often each kind of fault was.
        resumed: whether it failed first, and then succeeded as it was resumed.
    """

    case: Case
    what: str
    why: str = ""
    injected: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    resumed: bool = False


class Soak:
    """A local cloud on which cases are run.

    Args:
        cloud: one that runs, and may read the bucket of the inputs.
        patience: how many seconds a job may take.
    """

    def __init__(self, cloud: LocalCloud, patience: float) -> None:
        self._stack = cloud.stack()
        self._faults = cloud.environment()["AWS_ENDPOINT_URL"] + "/_marla/faults/"
        self._patience = patience
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._stack.s3.create_bucket(Bucket=BUCKET)

    def run(self, cases: Iterable[Callable[[], Case]], at_once: int) -> Iterator[Verdict]:
        """Yield the verdict on each case, as it is over."""
        with ThreadPoolExecutor(at_once) as pool:
            yield from pool.map(lambda make: self.judge(make()), cases)

    def judge(self, one: Case) -> Verdict:
        """Run a case, and resume it if it fails and is to be resumed."""
        started = time.monotonic()
        for item in one.shape.objects:
            self._stack.s3.put_object(Bucket=BUCKET, Key=item.key, Body=item.body)
        self._control("PUT", one.name, one.faults)
        try:
            arn, status = self._execute(one.name, one.shape.request)
        finally:
            injected = self._control("DELETE", one.name)["injected"]
        verdict = self._verdict(one, one.name, arn, status, injected)
        # A job that failed before it had a plan has nothing that could be resumed.
        began = any(key.endswith(PLAN) for key in self._keys(f"jobs/{one.name}/"))
        if verdict.what == "failed" and one.resumes and began:
            again = f"{one.name}-again"
            arn, status = self._execute(again, one.shape.request | {"resume": one.name})
            second = self._verdict(one, again, arn, status, {})
            verdict.resumed = second.what == "succeeded"
            if not verdict.resumed:
                verdict.what, verdict.why = second.what, f"{verdict.why}; resumed: {second.why}"
        verdict.injected, verdict.seconds = injected, time.monotonic() - started
        return verdict

    def _control(self, method: str, name: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self._faults + name, body, method=method)
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def _execute(self, name: str, request: dict[str, Any]) -> tuple[str, str]:
        """Run an execution; return its ARN and how it ended, RUNNING if it did not."""
        arn = execution.start(self._stack, request, name)
        deadline = time.monotonic() + self._patience
        while True:
            status = self._stack.sfn.describe_execution(executionArn=arn)["status"]
            if status != "RUNNING":
                return arn, status
            if time.monotonic() > deadline:
                self._stack.sfn.stop_execution(executionArn=arn, error="Hung", cause="by the soak test")
                return arn, status
            time.sleep(POLL_SECONDS)

    def _verdict(self, one: Case, name: str, arn: str, status: str, injected: dict[str, int]) -> Verdict:
        progress = next(execution.follow(self._stack, arn))
        if status == "RUNNING":
            return Verdict(one, "hung", f"no end after {self._patience:.0f} s; it was in {progress.state}")
        output = progress.output or {}
        if status == "SUCCEEDED":
            problem = self._problem(one, output) or self._litter(one, output, injected)
            return Verdict(one, "wrong" if problem else "succeeded", problem)
        explained = search.explain(self._stack, arn)
        assert explained
        found = explained.failure
        left = self._keys(f"jobs/{one.name}/stage-{progress.stage}/result/")
        if left:
            return Verdict(one, "wrong", f"it failed ({found.name}) and left {', '.join(left)}")
        if not EXPLAINED_BY.get(found.name, set()) & injected.keys():
            return Verdict(one, "wrong", f"{found.name} in {found.place}: {found.cause[:1000]}")
        return Verdict(one, "failed", found.name)

    def _problem(self, one: Case, output: dict[str, Any]) -> str:
        prefix = f"s3://{self._stack.job_bucket}/"
        keys = [uri.removeprefix(prefix) for uri in output["result"]]
        there = self._keys(f"jobs/{one.name}/stage-{one.shape.stages - 1}/result/")
        if keys != there:
            return f"the result objects are {there} and not {keys}"
        extension = keys[0].rpartition(".")[2]
        parts = [
            self._stack.s3.get_object(Bucket=self._stack.job_bucket, Key=key)["Body"].read() for key in keys
        ]
        return one.shape.problem(extension, parts, output)

    def _litter(self, one: Case, output: dict[str, Any], injected: dict[str, int]) -> str:
        """Return what a job left that was to leave nothing, unless a late worker may have."""
        options = one.shape.request
        late = LATE & injected.keys() or options.get("speculate", False) or output["warnings"]
        if options.get("keepIntermediates", True) or late:
            return ""
        left = [key for key in self._keys(f"jobs/{one.name}/") if not KEPT.search(key)]
        return f"of its intermediates {', '.join(left)} are left" if left else ""

    def _keys(self, prefix: str) -> list[str]:
        pages = self._stack.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._stack.job_bucket, Prefix=prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


def soak(
    cloud: LocalCloud, seed: int, numbers: Iterable[int], *, at_once: int, patience: float
) -> Iterator[Verdict]:
    """Run some of a seed's cases, `at_once` at the same time; yield the verdict on each, in their order."""
    # A case is made when its turn comes.
    cases = [lambda number=number: case(seed, number) for number in numbers]
    yield from Soak(cloud, patience).run(cases, at_once)


def injected(verdicts: Iterable[Verdict]) -> Counter[str]:
    """Return how often each kind of fault was injected."""
    total: Counter[str] = Counter()
    for verdict in verdicts:
        total.update(verdict.injected)
    return total
