"""The local cloud of the benchmark: its own, so that it neither disturbs nor meets the user's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from marla import execution
from marla.local.cloud import ROOT, LocalCloud
from marla.stack import Stack

from .data import CHUNK
from .invoke import peak_bytes

POLL_SECONDS = 0.1  # each look costs the engine time; it says itself when the execution stopped
LONGEST_SECONDS = 900
DELETED_AT_ONCE = 1000
HIGH_WATER_MARK = "5"  # what resets it, written to /proc/PID/clear_refs


class ExecutionError(Exception):
    """An execution that did not succeed: an error, and no number."""


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that succeeded."""

    name: str
    arn: str
    seconds: float  # from before StartExecution until the engine says that it stopped
    output: dict[str, Any]


class Cloud:
    """A local cloud that runs, with its stack."""

    def __init__(self, local: LocalCloud, stack: Stack, home: Path) -> None:
        self._local = local
        self._home = home
        self.stack = stack

    def worker_environment(self) -> dict[str, str]:
        """Return the variables with which a handler works here as the deployed functions do."""
        function = self.stack.make_client("lambda").list_functions()["Functions"][0]
        variables: dict[str, str] = function["Environment"]["Variables"]
        memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"])}
        return self._local.environment() | variables | memory

    def command_environment(self) -> dict[str, str]:
        """Return the variables with which the `marla` command uses this cloud."""
        return {"MARLA_HOME": str(self._home)}

    def upload(self, files: list[Path], folder: str) -> str:
        """Upload files to a folder under input/; return its URI."""
        for file in files:
            self.stack.s3.upload_file(str(file), self.stack.job_bucket, f"input/{folder}/{file.name}")
        return f"s3://{self.stack.job_bucket}/input/{folder}/"

    def run(self, **execution_input: Any) -> Execution:
        """Run an execution to its end. Raises ExecutionError."""
        name = execution.new_name("bench")
        began = time.time()
        arn = execution.start(self.stack, execution_input, name)
        while True:
            described = self.stack.sfn.describe_execution(executionArn=arn)
            if described["status"] in execution.FINAL:
                break
            if time.time() - began > LONGEST_SECONDS:
                execution.stop(self.stack, arn)
                raise ExecutionError(f"{arn}: not over after {LONGEST_SECONDS} s; it is stopped")
            time.sleep(POLL_SECONDS)
        progress = next(execution.follow(self.stack, arn))
        if progress.output is None:
            raise ExecutionError(f"{arn}: {progress.status}: {progress.error}: {progress.cause}")
        return Execution(name, arn, described["stopDate"].timestamp() - began, progress.output)

    def fetch(self, done: Execution, path: Path) -> None:
        """Bring an execution's one result object to a file."""
        (uri,) = done.output["result"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.stack.s3.download_file(bucket, key, str(path))

    def chunks(self, uri: str) -> Iterator[bytes]:
        """Yield what an object holds, 1 MiB at a time."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        yield from self.stack.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(CHUNK)

    def states_entered(self, done: Execution) -> int:
        """Return how many states an execution entered, without those of its tasks: they have histories."""
        pages = self.stack.sfn.get_paginator("get_execution_history").paginate(executionArn=done.arn)
        return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])

    def forget(self, prefix: str) -> None:
        """Delete all objects under a prefix: what they hold, they hold in memory."""
        bucket = self.stack.job_bucket
        pages = self.stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = keys[start : start + DELETED_AT_ONCE]
            self.stack.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in some]})

    def workers_peak(self) -> int:
        """Return the most memory that any worker of the functions had resident since the last reset."""
        return max((peak_bytes(pid) for pid in self._workers()), default=0)

    def reset_workers_peak(self) -> None:
        """Let the peaks begin anew."""
        for pid in self._workers():
            Path(f"/proc/{pid}/clear_refs").write_text(HIGH_WATER_MARK)

    def _workers(self) -> list[int]:
        servers = {server["name"]: server["pid"] for server in self._local.status()["servers"]}
        children = psutil.Process(servers["ministack"]).children(recursive=True)
        return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def fresh(home: Path, say: Callable[[str], None], root: Path = ROOT) -> Iterator[Cloud]:
    """Start a cloud that holds nothing, deploy the project `root` to it, and stop it in the end."""
    local = LocalCloud(home, root, say)
    local.stop()  # what an interrupted run may have left
    try:
        yield Cloud(local, local.start({"DefaultConcurrency": str(os.cpu_count() or 1)}), home)
    finally:
        local.stop()
