"""Peak memory of workers: `python -m bench.memory`.

A mapper is one process that maps 64 MB splits of uservisits, one after the other, as a warm execution
environment of Lambda does: its peak must not grow with the job. A reducer is a process of its own for each
number of inputs; its inputs are the map outputs of such splits, so what it reads grows with their number.
Each figure is the peak resident memory of the process, interpreter and SDK included. S3 is a local cloud's.
"""

from __future__ import annotations

import platform
import sys
from functools import partial
from typing import Any

from . import clouds, data, mappers
from .handlers import Handler
from .jobs import JOBS, reduce_event
from .mappers import Folder
from .places import HOME, LOG

SPLIT = 64_000_000
MAPPER_TASKS = (1, 2, 4, 8, 16, 32)
REDUCER_INPUTS = (8, 40, 200)
FILES = 4
PREFIX = 11  # nearly every row its own group: the most that a split of this table leaves


def main() -> None:
    """Measure and print."""
    print(f"{platform.platform()}, Python {platform.python_version()}")
    with clouds.fresh(HOME / "cloud", partial(print, file=sys.stderr)) as cloud:
        environment = cloud.worker_environment()
        folder = mappers.upload(cloud, "memory", data.visits(SPLIT, FILES))
        for contender, fields in JOBS.items():
            job = fields | {"params": {"prefix": PREFIX}}
            measure_mapper(contender, job, folder, environment)
            spread_map_outputs(cloud, folder.id(contender))
            for final in (False, True):
                measure_reducers(contender, job, folder.id(contender), environment, final=final)


def measure_mapper(contender: str, job: dict[str, Any], folder: Folder, environment: dict[str, str]) -> None:
    """Have one process map split after split."""
    print(f"\n{contender}, mapper: 64 MB splits, one after the other\n  job      peak")
    with Handler("mapper", environment, LOG, pinned=False) as mapper:
        for task in range(max(MAPPER_TASKS)):
            answer = mapper.call(folder.map_event(contender, job, task % FILES) | {"task": task})
            if task + 1 in MAPPER_TASKS:
                print(
                    f"  {(task + 1) * SPLIT // 10**6:4} MB  {answer.peak_bytes / 2**20:.0f} MiB", flush=True
                )


def spread_map_outputs(cloud: clouds.Cloud, id: str) -> None:
    """Copy map outputs until there are as many as reducers are given."""
    bucket, made = cloud.stack.job_bucket, max(MAPPER_TASKS)
    for task in range(made, max(REDUCER_INPUTS)):
        source: Any = {"Bucket": bucket, "Key": f"jobs/{id}/stage-0/map/{task % made}"}
        cloud.stack.s3.copy(source, bucket, f"jobs/{id}/stage-0/map/{task}")


def measure_reducers(
    contender: str, job: dict[str, Any], id: str, environment: dict[str, str], *, final: bool
) -> None:
    """Have a process for each number of inputs reduce that many map outputs."""
    kind = "final" if final else "intermediate"
    print(f"\n{contender}, reducer, {kind}\n  inputs  read       peak      seconds")
    for count in REDUCER_INPUTS:
        with Handler("reducer", environment, LOG, pinned=False) as reducer:
            answer = reducer.call(reduce_event(job, id, count, task=count, final=final))
        read = f"{answer.value['bytesIn'] / 1e6:.0f} MB"
        peak = f"{answer.peak_bytes / 2**20:.0f} MiB"
        print(f"  {count:6}  {read:9}  {peak:8}  {answer.seconds:.1f}", flush=True)


if __name__ == "__main__":
    main()
