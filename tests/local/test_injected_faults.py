"""Jobs under each kind of fault: the same bytes as undisturbed, or the error by its right name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.local.conftest import READABLE, Job
from tests.local.faulted import Faults, Rule, Run, Started

AT_ONCE = 6


@pytest.fixture(scope="module")
def faults(cloud: LocalCloud) -> Faults:
    return Faults(cloud)


S3, LAMBDA = {"service": "s3"}, {"service": "lambda"}
WRITES = {"service": "s3", "operation": "PutObject"}
READS = {"service": "s3", "operation": "GetObject"}
INTERMEDIATES = READS | {"key": "/stage-0/(map|step-1)/"}
KINDS: dict[str, Rule] = {
    "requests that are delayed": {"fault": "delay", "match": S3, "seconds": [0, 0.3], "probability": 0.5},
    "answers that are delayed": {"fault": "delay", "match": LAMBDA, "seconds": [0, 0.3], "when": "after"},
    "reads that are slow": {"fault": "slow", "match": READS, "seconds": 0.4, "probability": 0.5},
    "connections that break before": {"fault": "break", "match": S3, "probability": 0.3},
    "connections that break after": {"fault": "break", "match": S3, "probability": 0.3, "when": "after"},
    "writes whose answer is lost": {"fault": "break", "match": WRITES, "times": 1, "when": "after"},
    "invocations whose answer is lost": {"fault": "break", "match": LAMBDA, "times": 1, "when": "after"},
    "reads that end early": {"fault": "truncate", "match": READS, "times": 1},
    "answers that end early": {"fault": "truncate", "match": LAMBDA, "times": 1, "probability": 0.5},
    "S3 that is slowed down": {"fault": "throttle", "match": S3, "probability": 0.4, "times": 2},
    "Lambda that is throttled": {"fault": "throttle", "match": LAMBDA, "times": 1},
    "S3's internal errors": {"fault": "error", "match": S3, "probability": 0.3},
    "Lambda's internal errors": {"fault": "error", "match": LAMBDA, "times": 1, "probability": 0.5},
    "corrupt reads": {"fault": "corrupt", "match": INTERMEDIATES, "times": 1, "probability": 0.5},
    "corrupt writes": {"fault": "corrupt", "match": WRITES, "times": 1, "probability": 0.5},
    "mappers that are killed": {"fault": "kill", "match": LAMBDA | {"payload": '"pieces"'}, "times": 1},
    "reducers that are killed": {"fault": "kill", "match": LAMBDA | {"payload": '"step": ?1'}, "times": 1},
    "the publication killed": {"fault": "kill", "match": LAMBDA | {"payload": '"publish"'}, "times": 1},
    "invocations at the same time": {"fault": "duplicate", "match": LAMBDA},
    "invocations once more, later": {"fault": "duplicate", "match": LAMBDA, "seconds": 0.5},
}  # fmt: skip


# What does not end: what it ends in, and after how many attempts.
LASTING: dict[str, tuple[Rule, str, str, int]] = {
    "S3 that takes no output": (
        {"fault": "corrupt", "match": WRITES | {"key": "/stage-0/map/1$"}},
        "StorageUnavailable",
        "/stage-0/map/1: ",
        7,
    ),
    "an output that is corrupt": (
        {"fault": "corrupt", "match": READS | {"key": "/stage-0/map/1$"}},
        "CorruptSegment",
        "/stage-0/map/1",
        7,
    ),
    "Lambda that does not work": (
        {"fault": "error", "match": LAMBDA | {"payload": '"step": ?1'}},
        "Lambda.ServiceException",
        "ServiceException",
        7,
    ),
    "a worker that dies each time": (
        {"fault": "kill", "match": LAMBDA | {"payload": '"step": ?2'}},
        "Runtime.ExitError",
        "signal: killed",
        3,
    ),
    "a publication that dies each time": (
        {"fault": "kill", "match": LAMBDA | {"payload": '"publish"'}},
        "Runtime.ExitError",
        "signal: killed",
        3,
    ),
}


# Publishing begins with this. A worker that is to be killed must not be done before.
IN_NO_HURRY = {"fault": "delay", "match": S3 | {"operation": "HeadObject"}, "seconds": 0.5}
UNDISTURBED = "undisturbed"


@pytest.fixture(scope="module")
def runs(stack: Stack, faults: Faults) -> Iterator[dict[str, Future[Run]]]:
    """All of these jobs, some at once: most of their time they wait, to try something again."""

    def run(*rules: Rule, **options: Any) -> Run:
        return Started(stack, faults, *rules, **options).end()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        # What lasts begins first. With one partition, every bit of an output is one that somebody reads.
        started = {
            what: pool.submit(run, rule, IN_NO_HURRY, partitions=1) for what, (rule, *_) in LASTING.items()
        }
        started[UNDISTURBED] = pool.submit(run)
        yield started | {kind: pool.submit(run, rule) for kind, rule in KINDS.items()}


def outputs(job: Job) -> dict[str, bytes]:
    """What the tasks of a job wrote, and its result."""
    assert job.output["warnings"] == []
    keys = [key for key in job.keys("stage-0/") if re.search(r"/stage-0/(map|step-\d+|result)/", key)]
    bucket = job.stack.job_bucket
    bodies = {key: job.stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return {key.removeprefix(f"jobs/{job.name}/"): body for key, body in bodies.items()}


def test_a_job_that_nothing_disturbs_has_two_steps(runs: dict[str, Future[Run]]) -> None:
    undisturbed = runs[UNDISTURBED].result()
    assert [step["tasks"] for step in undisturbed.job.output["steps"]][1:] == [4, 2]
    assert undisturbed.injected == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_gives_the_same_bytes_under(kind: str, runs: dict[str, Future[Run]]) -> None:
    run = runs[kind].result()
    assert outputs(run.job) == outputs(runs[UNDISTURBED].result().job)
    assert run.injected[KINDS[kind]["fault"]] >= 1


@pytest.mark.parametrize("what", LASTING)
def test_what_does_not_end_fails_by_its_name_and_leaves_no_result(
    what: str, runs: dict[str, Future[Run]]
) -> None:
    _, name, cause, count = LASTING[what]
    job = runs[what].result().job
    assert job.progress.status == "FAILED"
    assert job.failure.name == name
    assert cause in job.failure.cause
    made = [attempt for attempt in job.explanation.attempts if not attempt.backup]
    assert [(attempt.number, attempt.error) for attempt in made] == [(n + 1, name) for n in range(count)]
    assert job.keys("stage-0/result/") == []


def test_an_object_that_is_overwritten_while_the_job_runs_ends_it(stack: Stack, faults: Faults) -> None:
    started = Started(stack, faults, {"fault": "delay", "match": READS | {"key": "part-"}, "seconds": 2})
    started.until(lambda progress: progress.state.startswith("Map"))
    stack.s3.put_object(Bucket=READABLE, Key=f"{started.name}/part-2", Body=b"other words\n")
    job = started.end().job
    assert job.failure.name == "InputChanged"
    assert job.failure.object == f"s3://{READABLE}/{started.name}/part-2"
    assert job.keys("stage-0/result/") == []
