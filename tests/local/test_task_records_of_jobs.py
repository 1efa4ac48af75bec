"""The records that the tasks of real jobs leave add up to what the jobs say of themselves."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import pytest

from mapreduce.record import TaskRecord
from marla import records
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.local.conftest import Job, Put, Run
from tests.local.faulted import Faults, Started

WORDS = b"".join(b"a%d b c%d\n" % (number, number % 7) for number in range(4000))


def of(stack: Stack, job: Job) -> list[TaskRecord]:
    return records.of_execution(stack, job.name, job.name)


def test_records_add_up_to_the_steps_of_a_chain_with_ranges(stack: Stack, run: Run, put: Put) -> None:
    uri = put({f"{number}.txt": WORDS for number in range(6)})
    counted = {"job": "wordcount", "input": uri, "partitions": 3, "fanIn": 2, "splitBytes": 300_000}
    job = run(stages=[counted, {"job": "sort", "partitions": 2, "partitioning": "range"}])
    steps: dict[tuple[int, bool, int], list[TaskRecord]] = defaultdict(list)
    for record in of(stack, job):
        steps[record.stage, record.sample, record.step].append(record)
    said = {(step["stage"], step.get("sample", False), step["step"]): step for step in job.output["steps"]}
    assert steps.keys() == said.keys()
    assert len(said) > 5
    for place, step in said.items():
        assert len(steps[place]) == step["tasks"]
        for name, told in (
            ("records_in", "recordsIn"),
            ("records_out", "recordsOut"),
            ("bytes_in", "bytesIn"),
            ("bytes_out", "bytesOut"),
        ):
            assert sum(getattr(record, name) for record in steps[place]) == step[told], (place, name)


def test_each_record_leads_to_the_execution_of_its_item(stack: Stack, run: Run, put: Put) -> None:
    job = run(job="wordcount", input=put({"a.txt": WORDS, "b.txt": WORDS}), splitBytes=300_000)
    found = of(stack, job)
    assert (
        len({record.child for record in found})
        == len(found)
        == sum(step["tasks"] for step in job.output["steps"])
    )
    for record in found:
        child = stack.sfn.describe_execution(executionArn=record.child)
        assert child["status"] == "SUCCEEDED"
        assert record.queued is not None
        assert child["startDate"].timestamp() <= record.queued + 0.001
        assert record.ended <= child["stopDate"].timestamp() + 0.001


@pytest.mark.parametrize(
    "given",
    [{"job": "uservisits"}, {"job": "uservisits-sql"}],
    ids=["python", "sql"],
)
def test_the_times_of_tasks_are_in_their_order(
    stack: Stack, run: Run, put: Put, given: dict[str, Any]
) -> None:
    row = b"1.2.3.4,url/a,2000-01-01,0.5,agent,KOR,KOR-KO,word,5\n"
    job = run(input=put({"a.csv": row * 5000, "b.csv": row * 10}), splitBytes=300_000, **given)
    assert job.output["counters"]["inputRecords"] == 5010
    for record in of(stack, job):
        times = [
            record.queued,
            record.started,
            record.first_byte,
            record.computed,
            record.written,
            record.ended,
        ]
        known = [time for time in times if time is not None]
        assert len(known) == 6
        assert known == sorted(known)
        assert 0 < record.peak_memory_mib < record.memory_mib == 1769
        assert record.reads >= 1
        assert record.writes == 3  # its output, its receipt, and this


def test_a_backup_and_the_straggler_leave_a_record_each(cloud: LocalCloud, stack: Stack) -> None:
    straggler = {
        "fault": "delay",
        "match": {"service": "lambda", "payload": r'"pieces".*"task": ?0,|"task": ?0,.*"pieces"'},
        "seconds": 5,
        "times": 1,
    }
    job = Started(stack, Faults(cloud), straggler, speculate=1).end().job
    deadline = time.monotonic() + 60  # the one that lost goes on to its end
    while len(of_task := [one for one in of(stack, job) if one.kind == "map" and one.task == 0]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sorted(one.backup for one in of_task) == [False, True]
    assert len({one.child for one in of_task}) == 1
    assert len({(one.output, one.records_in, one.bytes_out) for one in of_task}) == 1
    first, backup = sorted(of_task, key=lambda one: one.backup)
    assert backup.ended < first.started


def test_failed_attempts_leave_records_that_name_the_place(stack: Stack, run: Run, put: Put) -> None:
    row = b"1.2.3.4,url/a,2000-01-01,0.5,agent,KOR,KOR-KO,word,5\n"
    job = run(job="uservisits", input=put({"a.csv": row * 3 + row.replace(b"0.5", b"much")}))
    assert job.progress.status == "FAILED"
    (record,) = of(stack, job)
    assert record.error == "BadRecord"
    assert f"at byte {3 * len(row)}" in record.message
    assert "much" not in record.message
