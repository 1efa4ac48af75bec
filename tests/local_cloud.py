"""A local cloud of the tests' own, one for all: real servers, deployed by `sam deploy`, roles enforced."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from marla import execution, failure
from marla.execution import Progress
from marla.explain import search
from marla.explain.explanation import Explanation
from marla.failure import Failure
from marla.local.cloud import LocalCloud
from marla.stack import Stack

READABLE, UNREADABLE = "marla-test-readable", "marla-test-unreadable"
JOB_SECONDS = 120

_numbers = itertools.count()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the tests' local cloud, which the command line uses too."""
    folder = tmp_path_factory.mktemp("marla-home")
    before = os.environ.get("MARLA_HOME")
    os.environ["MARLA_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["MARLA_HOME"]
    else:
        os.environ["MARLA_HOME"] = before


@pytest.fixture(scope="session")
def cloud(home: Path) -> Iterator[LocalCloud]:
    """The local cloud, deployed with one readable input bucket beside the job bucket."""
    cloud = LocalCloud(home)
    try:
        stack = cloud.start({"InputBuckets": READABLE})
        for bucket in (READABLE, UNREADABLE):
            stack.s3.create_bucket(Bucket=bucket)
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(scope="session")
def stack(cloud: LocalCloud) -> Stack:
    return cloud.stack()


class Job:
    """An execution that is over."""

    def __init__(self, stack: Stack, name: str, arn: str, progress: Progress) -> None:
        self.stack = stack
        self.name = name
        self.arn = arn
        self.progress = progress

    @cached_property
    def explanation(self) -> Explanation:
        """Why it failed, as `marla explain` tells it."""
        found = search.explain(self.stack, self.arn)
        assert found is not None, f"{self.name} did not fail"
        return found

    @property
    def failure(self) -> Failure:
        """The error that the explanation is about."""
        return self.explanation.failure

    @property
    def output(self) -> dict[str, Any]:
        """Its output; the test fails with the reason if the job did."""
        found = failure.find(self.stack, self.arn, self.progress)
        assert found is None, f"{self.name}: {found}"
        assert self.progress.output is not None
        return self.progress.output

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of its objects under jobs/{name}/{prefix}."""
        pages = self.stack.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.stack.job_bucket, Prefix=f"jobs/{self.name}/{prefix}"
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def parts(self) -> list[bytes]:
        """The bytes of its result objects, in order."""
        bucket = self.stack.job_bucket
        keys = [uri.removeprefix(f"s3://{bucket}/") for uri in self.output["result"]]
        return [self.stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]


Run = Callable[..., Job]


@pytest.fixture
def run(stack: Stack) -> Run:
    """Run an execution of exactly this input to its end."""

    def run(**execution_input: Any) -> Job:
        name = execution.new_name("test")
        arn = execution.start(stack, execution_input, name)
        deadline = time.monotonic() + JOB_SECONDS
        for progress in execution.follow(stack, arn):
            if time.monotonic() > deadline:
                execution.stop(stack, arn)
                pytest.fail(f"{name} did not end within {JOB_SECONDS} s; it is in {progress.state}")
        return Job(stack, name, arn, progress)

    return run


Put = Callable[[dict[str, bytes]], str]


@pytest.fixture
def put(stack: Stack) -> Put:
    """Put objects into a new folder of the readable bucket, by name; return the folder's URI."""

    def put(objects: dict[str, bytes]) -> str:
        folder = f"folder-{next(_numbers)}/"
        for name, body in objects.items():
            stack.s3.put_object(Bucket=READABLE, Key=folder + name, Body=body)
        return f"s3://{READABLE}/{folder}"

    return put
