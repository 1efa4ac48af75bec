"""Jobs that group by some fields of their keys: each group's values come in the order of the whole keys."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapreduce import Job, run
from mapreduce.errors import BadRecord
from mapreduce.events import ReduceTask
from mapreduce.reduce_task import run_reduce_task
from mapreduce.segments import SegmentWriter
from mapreduce.shuffle import MEMORY_BYTES, Shuffle
from mapreduce.storage import INTERMEDIATE
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, JOBS, Outcome, read_all, reduce_event, run_on, run_pipeline
from tests.unit.sample_jobs import SAMPLE_JOBS

pytestmark = pytest.mark.usefixtures("sample_jobs")

keys = st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 3)).map(list)
records = st.lists(st.tuples(keys, st.integers(-9, 9)).map(list), min_size=1, max_size=30)


def lines(some: list[Any]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in some)


def rows(outcome: Outcome) -> list[list[Any]]:
    found = [json.loads(line) for part in outcome.parts for line in part.splitlines()]
    return [[row["key"], row["value"]] for row in found]


def expected(job: Job, some: list[Any]) -> list[list[Any]]:
    """Return a job's rows in memory, as JSON has them."""
    return [json.loads(json.dumps(row)) for row in run(job, some)]


@pytest.mark.parametrize("job", ["grouped", "grouped-by-two", "grouped-totals"])
@pytest.mark.parametrize("partitioning", ["hash", "range"])
@settings(max_examples=25)
@given(
    records=records,
    split_bytes=st.integers(1, 200),
    partitions=st.integers(1, 4),
    fan_in=st.integers(2, 4),
    descending=st.booleans(),
)
def test_groups_are_those_of_the_job_in_memory(
    job: str,
    partitioning: str,
    records: list[Any],
    split_bytes: int,
    partitions: int,
    fan_in: int,
    descending: bool,
) -> None:
    outcome = run_on(
        {"data": lines(records)},
        job,
        split_bytes=split_bytes,
        partitions=partitions,
        fan_in=fan_in,
        params={"descending": descending},
        partitioning=partitioning,
    )
    in_memory = expected(SAMPLE_JOBS[job](descending=descending), records)
    if partitioning == "range" or partitions == 1:
        assert rows(outcome) == in_memory
    else:
        assert sorted(rows(outcome)) == sorted(in_memory)


def test_values_come_in_the_order_of_keys_not_of_records_or_tasks() -> None:
    data = lines(
        [[["a", day], f"day {day}"] for day in (5, 1, 4)] + [[["a", day], f"day {day}"] for day in (3, 2)]
    )
    outcome = run_on({"data": data}, "grouped", split_bytes=len(data) // 2, fan_in=2)
    assert len(outcome.mapped) > 1
    assert rows(outcome) == [["a", [f"day {day}" for day in range(1, 6)]]]


def test_order_survives_spills_and_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    spilled = []
    spill = Shuffle._spill

    def counted(shuffle: Shuffle) -> None:
        spilled.append(shuffle)
        spill(shuffle)

    monkeypatch.setattr(Shuffle, "_spill", counted)
    monkeypatch.setattr(Shuffle, "_size", lambda *_: MEMORY_BYTES + 1)
    monkeypatch.setattr("mapreduce.map_task.CHECK_PAIRS", 30)
    monkeypatch.setattr("mapreduce.shuffle.CHECK_PAIRS", 30)
    some = [[[f"g{number % 7}", number * 7919 % 1000], number] for number in range(1000)]
    outcome = run_on({"data": lines(some)}, "grouped", split_bytes=6000, partitions=3, fan_in=2)
    assert len(spilled) > 8
    assert len(outcome.reduced) > 3 * 2
    assert sorted(rows(outcome)) == expected(SAMPLE_JOBS["grouped"](), some)


@pytest.mark.parametrize("max_bad_records", [0, 3])
@pytest.mark.parametrize(
    ("job", "key", "fields"),
    [("grouped", "a", 1), ("grouped", 1, 1), ("grouped", ["a"], 1), ("grouped-by-two", ["a", 1], 2)],
)
def test_a_key_with_too_few_fields_is_a_bad_record(
    job: str, key: Any, fields: int, max_bad_records: int
) -> None:
    data = lines([[["a", 1, 2], 1], [key, 2], [["b", 1, 2], 3]])
    options = {"maxBadRecords": max_bad_records, "partitions": 2}
    if not max_bad_records:
        message = (
            rf"at byte {len(lines([[['a', 1, 2], 1]]))}: BadKey: key .* groups by {fields} of a key's fields"
        )
        with pytest.raises(BadRecord, match=message):
            run_on({"data": data}, job, **options)
        return
    outcome = run_on({"data": data}, job, **options)
    assert [counters["rejects"] for counters in outcome.mapped] == [1]
    assert sorted(value for _, (value,) in rows(outcome)) == [1, 3]


def test_memory_does_not_grow_with_the_values_of_a_group() -> None:
    s3, store = memory_store(JOBS, {})
    for task in range(2):
        written = f"jobs/job-1/stage-0/map/{task}"
        with store.write(JOBS, written, tag=INTERMEDIATE) as target:
            writer = SegmentWriter(target, f"s3://{JOBS}/{written}")
            for number in range(100_000):
                writer.add(("hot", number * 2 + task), [f"{number:0200}"])
            writer.end_segment()
            writer.finish()
    tracemalloc.start()
    try:
        event = reduce_event("peak-memory-of-groups", count=2)
        counters = run_reduce_task(ReduceTask.from_event(event), store, JOBS)
    finally:
        tracemalloc.stop()
    key, peak = read_all(s3, "jobs/job-1/stage-0/step-1/0/0").split(b",")
    assert (key, counters["recordsOut"]) == (b"hot", 1)
    assert counters["largestKey"] == {"key": '"hot"', "values": 200_000}
    assert int(peak) < 20_000_000  # of values that together take 50 MB


def test_a_group_may_be_in_several_partitions_where_a_job_allows_it() -> None:
    some = [[["hot", number * 7919 % 3000], number] for number in range(3000)]
    data = lines(some)
    s3, _ = memory_store(INPUT, {"data": data})
    outcome = run_pipeline(
        s3,
        "grouped-across",
        {"data": len(data)},
        split_bytes=9000,
        partitions=3,
        partitioning="range",
        fan_in=9,
    )
    found = rows(outcome)
    assert [value for _, value in found] == [value for _, value in sorted(some)]
    assert all(900 < len(part.splitlines()) < 1100 for part in outcome.parts)
