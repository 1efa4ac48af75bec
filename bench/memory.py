"""Peak memory of workers: `python -m bench.memory`.

A mapper is one process that maps 64 MB splits of uservisits, one after the other, as a warm execution
environment of Lambda does: its peak must not grow with the job. A reducer is a process of its own for each
number of inputs; its inputs are the map outputs of such splits, so what it reads grows with their number.
Each figure is the peak resident memory of the process, interpreter and SDK included. S3 is the local cloud's.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from marla import generate
from marla.local.cloud import ROOT, LocalCloud
from marla.stack import Stack

SPLIT = 64_000_000
MAPPER_TASKS = (1, 2, 4, 8, 16, 32)
REDUCER_INPUTS = (8, 40, 200)
FILES = 4
PREFIX = 11  # nearly every row its own group: the most that a split of this table leaves
KEY = "bench-memory/input-{}.csv"

WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import {module}
for line in sys.stdin:
    print(json.dumps({module}.handler(json.loads(line), None)), flush=True)
"""


class Worker:
    """A handler in a process of its own."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        code = WORKER.format(module=module)
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(ROOT / "functions")],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the handler."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def map_event(task: int, bucket: str) -> dict[str, Any]:
    """Return the event of a map task over one whole file."""
    key = KEY.format(task % FILES)
    return {
        "id": "bench-memory",
        "stage": 0,
        "task": task,
        "job": "uservisits",
        "params": {"prefix": PREFIX},
        "partitions": 1,
        "maxBadRecords": 0,
        "maxRecordBytes": 64_000_000,
        "bucket": bucket,
        "pieces": [{"key": key, "start": 0, "end": SPLIT}],
    }


def reduce_event(count: int, *, final: bool) -> dict[str, Any]:
    """Return the event of a reduce task over the first `count` map outputs."""
    return {
        "id": "bench-memory",
        "stage": 0,
        "step": 1,
        "final": final,
        "partition": 0,
        "task": count,
        "first": 0,
        "count": count,
        "job": "uservisits",
        "params": {"prefix": PREFIX},
    }


def deployed_environment(stack: Stack) -> dict[str, str]:
    """Return the environment variables that the template gives the functions."""
    functions = stack.make_client("lambda").list_functions()["Functions"]
    variables: dict[str, str] = functions[0]["Environment"]["Variables"]
    return variables


def main() -> None:
    """Measure and print."""
    cloud = LocalCloud(say=print)
    stack = cloud.start()
    environment = cloud.environment() | deployed_environment(stack)
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(generate.uservisits(Path(folder), SPLIT + 200, FILES)):
            stack.s3.upload_file(str(path), stack.job_bucket, KEY.format(number))

    print(f"{platform.platform()}, Python {platform.python_version()}")
    print("\nmapper: 64 MB splits, one after the other\n  job      peak")
    mapper = Worker("mapper", environment)
    done = 0
    for tasks in MAPPER_TASKS:
        while done < tasks:
            peak = mapper.call(map_event(done, stack.job_bucket))["peakMemoryMiB"]
            done += 1
        print(f"  {tasks * SPLIT // 10**6:4} MB  {peak} MiB", flush=True)
    mapper.close()
    for task in range(done, max(REDUCER_INPUTS)):
        source: Any = {"Bucket": stack.job_bucket, "Key": f"jobs/bench-memory/stage-0/map/{task % done}"}
        stack.s3.copy(source, stack.job_bucket, f"jobs/bench-memory/stage-0/map/{task}")

    for final in (False, True):
        print(f"\nreducer, {'final' if final else 'intermediate'}\n  inputs  read       peak      seconds")
        for count in REDUCER_INPUTS:
            reducer = Worker("reducer", environment)
            answer = reducer.call(reduce_event(count, final=final))
            reducer.close()
            read = f"{answer['bytesIn'] / 1e6:.0f} MB"
            print(
                f"  {count:6}  {read:9}  {answer['peakMemoryMiB']} MiB  {answer['seconds']:.1f}", flush=True
            )


if __name__ == "__main__":
    main()
