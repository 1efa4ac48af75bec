import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3.client import S3Client

from mapreduce.errors import (
    BadKey,
    BadResult,
    CorruptSegment,
    JobFailed,
    OutputGone,
    StorageUnavailable,
)
from mapreduce.events import ReduceTask
from mapreduce.reduce_task import run_reduce_task
from mapreduce.segments import Group, SegmentedObject, SegmentWriter
from mapreduce.storage import INTERMEDIATE, ObjectStore
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import JOBS, read_all, reduce_event

pytestmark = pytest.mark.usefixtures("sample_jobs")

PREFIX = "jobs/job-1/stage-0/"


def put(store: ObjectStore, key: str, segments: list[list[Group]]) -> None:
    """Write an object as a task of the step before does."""
    with store.write(JOBS, PREFIX + key, tag=INTERMEDIATE) as target:
        writer = SegmentWriter(target, f"s3://{JOBS}/{PREFIX}{key}")
        for groups in segments:
            for group_key, values in groups:
                writer.add(group_key, values)
            writer.end_segment()
        writer.finish()


def run(store: ObjectStore, job: str, **fields: Any) -> dict[str, Any]:
    return run_reduce_task(ReduceTask.from_event(reduce_event(job, **fields)), store, JOBS)


def result(s3: S3Client, key: str = "step-1/0/0") -> str:
    return read_all(s3, PREFIX + key).decode()


def merged(s3: S3Client, pool: ThreadPoolExecutor, key: str) -> list[list[Group]]:
    data = read_all(s3, PREFIX + key)
    url = f"s3://{JOBS}/{PREFIX}{key}"
    source = SegmentedObject(lambda start, stop: data[start:stop], data, len(data), url)
    return [
        [(key, list(values)) for key, values in source.groups(number, 1 << 20, pool)]
        for number in range(len(source.segments))
    ]


def objects_written(s3: S3Client, prefix: str = "step-") -> list[str]:
    listed = s3.list_objects_v2(Bucket=JOBS, Prefix=PREFIX + prefix).get("Contents", [])
    return [item["Key"].removeprefix(PREFIX) for item in listed]


# The final step


def test_the_final_step_reduces_each_key_with_all_of_its_values(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1]), ("b", [2, 3])]])
    put(store, "map/1", [[("b", [4]), ("c", [5])]])
    counters = run(store, "total", count=2)
    assert result(s3) == "a,1\nb,9\nc,5\n"
    sizes = [s3.head_object(Bucket=JOBS, Key=f"{PREFIX}map/{task}")["ContentLength"] for task in (0, 1)]
    assert counters["bytesIn"] < sum(sizes)  # the segments without index and trailer
    assert {**counters, "bytesIn": 0} == {
        "recordsIn": 5,
        "recordsOut": 3,
        "bytesIn": 0,
        "bytesOut": 12,
        "objects": 2,
        "largestKey": {"key": '"b"', "values": 3},
    }


def test_values_reach_reduce_in_the_order_of_tasks_and_of_records(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [3, 1]), ("b", [9])]])
    put(store, "map/1", [[("b", [8, 8])]])
    put(store, "map/2", [[("a", [2])]])
    run(store, "collect", count=3, output="jsonl")
    assert result(s3) == '{"key": "a", "value": [3, 1, 2]}\n{"key": "b", "value": [9, 8, 8]}\n'


def test_a_reducer_reads_its_partition_of_map_outputs_only(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1])], [("b", [2])], []])
    put(store, "map/1", [[("a", [3])], [], []])
    for partition, text, read in ((0, "a,4\n", 2), (1, "b,2\n", 1), (2, "", 0)):
        counters = run(store, "total", partition=partition, count=2)
        assert (result(s3, f"step-1/{partition}/0"), counters["recordsIn"]) == (text, read)


def test_a_staged_result_expires(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1])]])
    run(store, "total")
    tag_set = s3.get_object_tagging(Bucket=JOBS, Key=f"{PREFIX}step-1/0/0")["TagSet"]
    assert tag_set == [{"Key": "marla", "Value": "intermediate"}]


def test_reduce_need_not_look_at_its_values(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1] * 1000), ("b", [1])]])
    put(store, "map/1", [[("a", [1] * 1000), ("c", [1])]])
    assert run(store, "lazy", count=2)["recordsIn"] == 2002
    assert result(s3) == "a,seen\nb,seen\nc,seen\n"


def test_the_output_format_may_be_asked_for(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("A!", [1])]])
    run(store, "shouted")
    assert json.loads(result(s3)) == {"text": "A!", "count": 1}
    run(store, "shouted", output="csv")
    assert result(s3) == "A!,1\n"


# The key that has most values


def test_the_key_with_most_values_is_told_whether_or_not_reduce_looks_at_them(store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1] * 3), ("b", [1] * 2000)]])
    put(store, "map/1", [[("a", [1] * 3000), ("b", [1] * 1000)]])
    for job in ("total", "collect", "lazy"):
        counters = run(store, job, count=2, output="jsonl")
        assert counters["largestKey"] == {"key": '"a"', "values": 3003}


def test_without_keys_there_is_no_largest(store: ObjectStore) -> None:
    put(store, "map/0", [[]])
    assert run(store, "total")["largestKey"] is None


def test_a_step_that_is_not_final_tells_no_largest_key(store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1])]])
    assert "largestKey" not in run(store, "total", final=False)


def test_what_counts_is_the_group_where_a_job_groups(store: ObjectStore) -> None:
    put(store, "map/0", [[(("a", 1), [1]), (("a", 2), [1]), (("b", 1), [1, 1]), (("b", 3), [1])]])
    put(store, "map/1", [[(("a", 2), [1]), (("a", 3), [1])]])
    assert run(store, "grouped", count=2)["largestKey"] == {"key": '"a"', "values": 4}
    put(store, "map/0", [[(("a", 1.0, 1), [1]), (("a", 1, 2), [1]), (("b", 1, 1), [1])]])
    assert run(store, "grouped-by-two")["largestKey"] == {"key": '["a",1]', "values": 2}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (-1.5, "-1.5"),
        (("a", 1), '["a",1]'),
        ("x" * 38, '"' + "x" * 38 + '"'),
        ("x" * 39, '"' + "x" * 36 + "…"),
        ("한" * 20, '"' + "한" * 12 + "…"),
        ("aa" + "한" * 20, '"aa' + "한" * 11 + "…"),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_not_more_than_40_bytes_of_the_largest_key_are_told(store: ObjectStore, key: Any, told: str) -> None:
    put(store, "map/0", [[(key, [1])]])
    assert run(store, "collect", output="jsonl")["largestKey"] == {"key": told, "values": 1}
    assert len(told.encode()) <= 40


# Steps before the final one


def test_a_step_combines_what_it_merges(s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor) -> None:
    for task in range(4):
        put(store, f"map/{task}", [[("a", [task]), (f"b{task}", [1])]])
    counters = run(store, "total", first=1, count=2, task=5, final=False)
    assert merged(s3, pool, "step-1/0/5") == [[("a", [3]), ("b1", [1]), ("b2", [1])]]
    assert (counters["recordsIn"], counters["recordsOut"], counters["objects"]) == (4, 3, 2)
    assert counters["bytesOut"] == s3.head_object(Bucket=JOBS, Key=f"{PREFIX}step-1/0/5")["ContentLength"]


def test_a_step_without_combine_keeps_all_values_in_order(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    put(store, "map/0", [[], [("a", [3, 1])]])
    put(store, "map/1", [[], [("a", [2]), ("b", [4])]])
    counters = run(store, "collect", partition=1, count=2, final=False)
    assert merged(s3, pool, "step-1/1/0") == [[("a", [3, 1, 2]), ("b", [4])]]
    assert (counters["recordsIn"], counters["recordsOut"]) == (4, 4)


def test_a_later_step_reads_the_outputs_of_the_step_before(s3: S3Client, store: ObjectStore) -> None:
    put(store, "step-1/3/4", [[("a", [1])]])
    put(store, "step-1/3/5", [[("a", [2])]])
    run(store, "total", step=2, partition=3, task=2, first=4, count=2)
    assert result(s3, "step-2/3/2") == "a,3\n"


def test_merging_nothing_gives_an_output_of_nothing(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    put(store, "map/0", [[]])
    run(store, "total", final=False)
    assert merged(s3, pool, "step-1/0/0") == [[]]


@pytest.mark.parametrize("final", [True, False])
def test_a_task_that_runs_twice_writes_the_same_bytes(s3: S3Client, store: ObjectStore, final: bool) -> None:
    for task in range(3):
        put(store, f"map/{task}", [[(f"key {key:04}", [task] * (key % 5 + 1)) for key in range(2000)]])
    written = []
    for _ in range(2):
        run(store, "collect", count=3, final=final)
        written.append(read_all(s3, f"{PREFIX}step-1/0/0"))
    assert written[0] == written[1]


def test_memory_does_not_grow_with_the_values_of_a_key() -> None:
    _, store = memory_store(JOBS, {})
    for task in range(2):
        put(store, f"map/{task}", [[("hot", [f"{number:0100}" for number in range(200_000)])]])
    tracemalloc.start()
    try:
        run(store, "peak-memory", count=2)
    finally:
        tracemalloc.stop()
    peak = int(store.read_tail(JOBS, f"{PREFIX}step-1/0/0", 100).data.split(b",")[1])
    assert peak < 20_000_000  # of values that together take 60 MB


# Errors


def test_a_reduce_that_raises_names_the_job_the_error_and_the_key(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1]), ("fatal", [1])]])
    with pytest.raises(
        JobFailed, match="reduce of FailingReduce raised KeyError: 'no such thing', for key 'fatal'"
    ):
        run(store, "failing-reduce")
    assert objects_written(s3) == []


def test_a_combine_that_raises_names_the_job_the_error_and_the_key(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1])]])
    put(store, "map/1", [[("a", [1])]])
    with pytest.raises(JobFailed, match=r"combine of FailingCombine raised ZeroDivisionError.*for key 'a'"):
        run(store, "failing-combine", count=2, final=False)
    assert objects_written(s3) == []


@pytest.mark.parametrize("final", [True, False])
def test_keys_of_several_kinds_are_not_blamed_on_reduce(
    s3: S3Client, store: ObjectStore, final: bool
) -> None:
    put(store, "map/0", [[((1, "x"), [1]), ((2, "x"), [1])]])
    put(store, "map/1", [[((2, 5), [1])]])
    with pytest.raises(BadKey, match="a job's keys must be of one kind"):
        run(store, "total", count=2, final=final)
    assert objects_written(s3) == []


def test_a_row_that_does_not_fit_is_an_error_of_the_result(s3: S3Client, store: ObjectStore) -> None:
    put(store, "map/0", [[("a", [1]), ("b", [{"not": "flat"}])]])
    with pytest.raises(BadResult, match="the row of key 'b' is not flat"):
        run(store, "rows")
    assert objects_written(s3) == []


@pytest.mark.parametrize("final", [True, False])
def test_an_output_that_is_gone_is_named(s3: S3Client, store: ObjectStore, final: bool) -> None:
    put(store, "map/0", [[("a", [1])]])
    with pytest.raises(
        OutputGone, match=f"s3://{JOBS}/{PREFIX}map/1: .*IntermediateDays.*Start the job anew"
    ):
        run(store, "total", count=2, final=final)
    assert objects_written(s3) == []


@pytest.mark.parametrize("final", [True, False])
def test_a_damaged_segment_is_an_error_and_no_partial_result(
    s3: S3Client, store: ObjectStore, final: bool
) -> None:
    put(store, "map/0", [[(f"key {number:05}", [number]) for number in range(20_000)]])
    data = bytearray(read_all(s3, f"{PREFIX}map/0"))
    data[len(data) // 2] ^= 1
    s3.put_object(Bucket=JOBS, Key=f"{PREFIX}map/0", Body=bytes(data))
    with pytest.raises(CorruptSegment, match=f"s3://{JOBS}/{PREFIX}map/0: segment 0"):
        run(store, "total", final=final)
    assert objects_written(s3) == []


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("large", [True, False])
def test_an_s3_that_does_not_take_the_output_is_not_blamed_on_the_job(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, final: bool, large: bool
) -> None:
    def refused(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "please wait"}}, "PutObject")

    store = ObjectStore(s3)
    put(store, "map/0", [[(f"key {number:06}", [number]) for number in range(20_000)]])
    if large:
        monkeypatch.setattr("mapreduce.storage.UPLOAD_PART_BYTES", 1000)
        monkeypatch.setattr("mapreduce.results.BUFFER_CHARACTERS", 1000)
    monkeypatch.setattr(s3, "upload_part" if large else "put_object", refused)
    with pytest.raises(StorageUnavailable, match=f"s3://{JOBS}/{PREFIX}step-1/0/0: .*SlowDown"):
        run(store, "total", final=final)
    assert objects_written(s3) == []
    assert not s3.list_multipart_uploads(Bucket=JOBS).get("Uploads")
