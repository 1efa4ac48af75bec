"""Progress of real executions, followed to their ends: it never goes backwards, and ends at what was done."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from marla import execution
from marla.progress import Progress
from marla.stack import Stack
from marla.summary import summary
from tests.local.conftest import JOB_SECONDS, Put

# A wave is full at 100 KB of text, where what is not ASCII counts as four bytes: some fifty pieces of this.
LONG_NAME = "é" * 505 + ".txt"
WORDS = "".join(f"word-{number % 7} x\n" for number in range(40)).encode()


def polled(stack: Stack, asked: dict[str, Any], name: str) -> tuple[Progress, list[dict[str, Any]]]:
    """Run a job to its end; return its progress, and what each poll showed."""
    arn = execution.start(stack, asked, name)
    progress, seen = Progress(), []
    deadline = time.monotonic() + JOB_SECONDS
    for _ in execution.follow(stack, arn, progress):
        assert time.monotonic() < deadline, f"it did not end; it is in {progress.state}"
        seen.append(summary(progress))
    return progress, seen


def assert_never_backwards(seen: list[dict[str, Any]]) -> None:
    for before, after in pairwise(seen):
        for name in ("fraction", "stage", "total", "succeeded", "failed"):
            assert before[name] <= after[name], name
        for phase, later in zip(before["phases"], after["phases"], strict=False):
            for name in ("total", "succeeded", "failed"):
                assert phase[name] <= later[name], name
    for each in seen:
        assert each["succeeded"] + each["running"] <= each["total"]
        assert (each["fraction"] == 1) == (each["status"] == "SUCCEEDED")


def test_a_chain_of_waves_samples_and_steps_is_followed_from_its_start_to_its_end(
    stack: Stack, put: Put
) -> None:
    inputs = [put({LONG_NAME: WORDS}) for _ in range(2)]
    count = {"job": "wordcount", "fanIn": 16, "partitions": 2}
    sort = {"job": "sort", "partitions": 2, "input": {"from": "stages.0.objects"}, "splitBytes": 1000}
    asked = {"input": inputs, "splitBytes": 7, "stages": [count, sort]}
    progress, seen = polled(stack, asked, execution.new_name("chain"))
    assert progress.output is not None, progress.cause
    assert_never_backwards(seen)
    assert seen[-1]["stages"] == 2
    assert max(phase.wave for phase in progress.phases) == 2
    assert {(phase.stage, phase.sample) for phase in progress.phases} == {(0, False), (1, True), (1, False)}
    counted: dict[tuple[int, bool, int], list[int]] = {}
    for phase in progress.phases:
        assert phase.total == phase.succeeded
        of_step = counted.setdefault((phase.stage, phase.sample, phase.step), [0, 0, 0])
        for place, number in enumerate((phase.total, phase.records, phase.bytes)):
            assert number is not None
            of_step[place] += number
    steps = {
        (step["stage"], step.get("sample", False), step["step"]): [
            step["tasks"],
            step["recordsIn"],
            step["bytesIn"],
        ]
        for step in progress.output["steps"]
    }
    assert counted == steps
    # Tasks were planned before they were counted, and seen on their way, not only at their end.
    for each in seen:
        for phase, last in zip(each["phases"], seen[-1]["phases"], strict=False):
            assert phase["total"] == last["total"]
    assert len({each["fraction"] for each in seen}) > 10


def test_what_a_resumed_job_had_done_before_counts_as_done(stack: Stack, put: Put) -> None:
    folder = put({"a.txt": WORDS, "b.txt": b"long " * 1000})
    asked = {"job": "wordcount", "input": folder, "splitBytes": 270_000, "concurrency": 1}
    name = execution.new_name("fails")
    failed, seen = polled(stack, asked | {"maxRecordBytes": 100}, name)
    assert_never_backwards(seen)
    assert (failed.status, failed.phases[-1].status) == ("FAILED", "stopped")
    assert (failed.total, failed.succeeded, failed.failed, failed.running) == (2, 1, 1, 0)
    assert 0 < failed.fraction < 1
    resumed, seen = polled(
        stack, asked | {"maxRecordBytes": 9000, "resume": name}, execution.new_name("goes-on")
    )
    assert_never_backwards(seen)
    assert resumed.output is not None, resumed.cause
    assert resumed.output["steps"][0]["reused"] == 1
    assert [(phase.total, phase.succeeded) for phase in resumed.phases] == [(2, 2), (1, 1)]
