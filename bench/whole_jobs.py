"""Whole jobs: everything that makes a result of some files, each run checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from marla.local.cloud import ROOT

from .clouds import Cloud
from .jobs import JOBS, SQL
from .oracle import Oracle
from .peers.table import PREFIX
from .places import LOG, OUTPUT
from .programs import PEERS, Timing
from .seed.job import SeedJob

COMMAND = "MARLA SQL, as `marla run`"
SEED_JOB = "seed-style, 2 workers"

Job = Callable[[Path], Timing]


class WholeJobs:
    """The jobs over some files, which lie on disk and, uploaded, in a folder of the job bucket."""

    def __init__(self, cloud: Cloud, files: list[Path], folder: str) -> None:
        self._cloud = cloud
        self._files = files
        self._folder = folder
        self._uri = f"s3://{cloud.stack.job_bucket}/{folder}"
        self._oracle = Oracle(files)

    def of_marla(self, **options: Any) -> dict[str, Callable[[], Timing]]:
        """Return MARLA's own jobs by contender; `options` are fields of the execution's input."""
        jobs: dict[str, Job] = {name: partial(self._execution, job | options) for name, job in JOBS.items()}
        return self._all_checked(jobs | {COMMAND: partial(self._command, JOBS[SQL])})

    def of_peers(self, *, slow: bool) -> dict[str, Callable[[], Timing]]:
        """Return the peers that this machine has by name; those that are slow only if `slow`."""
        peers = [peer for peer in PEERS if peer.here and (slow or not peer.slow)]
        return self._all_checked({peer.name: partial(peer.run, files=self._files) for peer in peers})

    def of_seed(self, seed: SeedJob) -> dict[str, Callable[[], Timing]]:
        """Return the job of the seed-style workers."""
        return self._all_checked({SEED_JOB: partial(self._seed_job, seed)})

    def _all_checked(self, jobs: dict[str, Job]) -> dict[str, Callable[[], Timing]]:
        return {name: partial(self._checked, job) for name, job in jobs.items()}

    def _checked(self, job: Job) -> Timing:
        out = OUTPUT / "result"
        if out.is_dir():
            shutil.rmtree(out)
        out.unlink(missing_ok=True)
        timing = job(out)
        self._oracle.check(out)
        return timing

    def _execution(self, execution_input: dict[str, Any], out: Path) -> Timing:
        """Start an execution whose input is in S3; its result stays there."""
        done = self._cloud.run(**execution_input, input=self._uri)
        self._cloud.fetch(done, out)
        self._cloud.forget(f"jobs/{done.name}/")
        return Timing(done.seconds)

    def _command(self, job: dict[str, Any], out: Path) -> Timing:
        """Run the `marla` command, as a user does, until the result is in a file."""
        command = [sys.executable, "-m", "marla", "run", job["job"], self._uri, "--out", str(out)]
        for name, value in job["params"].items():
            command += ["--param", f"{name}={value}"]
        with LOG.open("ab") as log:
            began = time.perf_counter()
            subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | self._cloud.command_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )
            seconds = time.perf_counter() - began
        self._cloud.forget("jobs/")
        return Timing(seconds)

    def _seed_job(self, seed: SeedJob, out: Path) -> Timing:
        """Have the seed-style workers do it, warm as MARLA's are; their result stays in S3 too."""
        key, seconds = seed.run([self._folder + file.name for file in self._files], "seed/")
        body = self._cloud.stack.s3.get_object(Bucket=self._cloud.stack.job_bucket, Key=key)["Body"]
        sums = json.loads(body.read())
        out.write_text("".join(f"{group},{revenue!r}\n" for group, revenue in sums.items()))
        self._cloud.forget("seed/")
        return Timing(seconds)


@contextmanager
def uploaded(cloud: Cloud, files: list[Path], name: str) -> Iterator[WholeJobs]:
    """Have files in the job bucket for a while."""
    cloud.upload(files, name)
    yield WholeJobs(cloud, files, f"input/{name}/")
    cloud.forget(f"input/{name}/")


@contextmanager
def seed_workers(cloud: Cloud) -> Iterator[SeedJob]:
    """Have seed-style workers for a while."""
    with ExitStack() as stack:
        yield SeedJob(cloud, PREFIX, LOG, stack)
