"""A mapper that is held up: with backups its job takes little longer, and gives the same bytes."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.local.conftest import Job, Put
from tests.local.faulted import Faults, Started

HELD_UP = 20  # seconds
TASKS = 20
# One invocation of one task; the backup's is the second.
ONE_IN_TWENTY = {
    "fault": "delay",
    "match": {"service": "lambda", "payload": r'"task": ?3,'},
    "seconds": HELD_UP,
    "times": 1,
}


@pytest.mark.alone
def test_a_backup_saves_the_time_of_a_straggler(cloud: LocalCloud, stack: Stack, put: Put) -> None:
    texts = [b"".join(b"w%d all\n" % (line * part % 83) for line in range(500)) for part in range(TASKS)]
    # Objects that are not cut: a mapper for each.
    folder = put({f"part-{part:02d}.gz": gzip.compress(text) for part, text in enumerate(texts)})
    options: dict[str, Any] = {"input": folder, "splitBytes": 1000, "concurrency": 4, "fanIn": TASKS}
    faults = Faults(cloud)

    undelayed = Started(stack, faults, speculate=True, **options).end().job
    waiting = Started(stack, faults, ONE_IN_TWENTY, **options)  # through all of the next
    saved = Started(stack, faults, ONE_IN_TWENTY, speculate=True, **options).end().job
    waited = waiting.end().job

    assert [job.output["steps"][0]["tasks"] for job in (undelayed, saved, waited)] == [TASKS] * 3
    assert waited.progress.seconds > HELD_UP
    assert saved.progress.seconds < undelayed.progress.seconds + 5
    assert backups(saved) >= 1  # a busy machine holds up others, too
    assert backups(waited) == 0
    assert undelayed.parts() == saved.parts() == waited.parts()
    for task in range(TASKS):
        assert len({map_output(job, task) for job in (undelayed, saved, waited)}) == 1


def backups(job: Job) -> int:
    """How many mappers had a backup."""
    runs = [run["mapRunArn"] for run in job.stack.sfn.list_map_runs(executionArn=job.arn)["mapRuns"]]
    [run] = [run for run in runs if "/Map" in run]  # behind it is the label of the state
    children = job.stack.sfn.list_executions(mapRunArn=run)["executions"]
    assert len(children) == TASKS
    entered = [
        event.get("stateEnteredEventDetails", {}).get("name")
        for child in children
        for event in job.stack.sfn.get_execution_history(executionArn=child["executionArn"])["events"]
    ]
    return entered.count("Backup mapper")


def map_output(job: Job, task: int) -> bytes:
    key = f"jobs/{job.name}/stage-0/map/{task}"
    return job.stack.s3.get_object(Bucket=job.stack.job_bucket, Key=key)["Body"].read()
