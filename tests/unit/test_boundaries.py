"""From samples to boundaries, and from the object that has them."""

import itertools
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapreduce import Job
from mapreduce.boundaries import RESOLUTION, Boundaries, read_boundaries, runs
from mapreduce.errors import BadKey, CorruptSegment, InputNotReadable
from mapreduce.events import MapTask
from mapreduce.map_task import run_map_task
from mapreduce.partitioning import Boundary, RangePartitioner
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import JOBS, map_event, piece
from tests.unit.sample_jobs import (
    Ordered,
    Sorted,
)

pytestmark = pytest.mark.usefixtures("sample_jobs")

samples = st.lists(st.tuples(st.text("abc", max_size=3), st.integers(1, 50)), max_size=12).map(
    lambda some: sorted(dict(some).items())
)


def boundaries(job: Job, some: list[tuple[Any, int]], partitions: int) -> list[Boundary]:
    """Return the boundaries by samples, which are reduced as they are written."""
    reducer = Boundaries(job, partitions)
    pairs = [(key, json.loads(json.dumps(value))) for key, value in reducer.pairs(some)]
    pairs.sort(key=lambda pair: pair[0], reverse=job.descending)
    rows = list(reducer.reduce(0, iter([value for _, value in pairs])))
    assert [partition for partition, _ in rows] == list(range(partitions))
    assert rows[-1][1] | {"checksum": 0} == {"last": None, "fraction": 1.0, "checksum": 0}
    return [Boundary(row["last"], row["fraction"]) for _, row in rows if row["last"] is not None]


def weights_of(job: Job, some: list[tuple[Any, int]], ends: list[Boundary], partitions: int) -> list[int]:
    """Return what partitions weigh, of keys that weigh as many as they have values."""
    shares = RangePartitioner(job, ends, partitions).shares(
        [key for key, _ in some], dict(some).__getitem__, 0
    )
    counts = dict(some)
    return [
        sum(len(range(counts[key])[share.slices.get(key, slice(None))]) for key in share.keys)
        for share in shares
    ]


def lightest(weights: list[int], partitions: int) -> int:
    """Return the least weight that the heaviest of so many ranges can have, by trying all."""
    if partitions == 1:
        return sum(weights)
    return min(
        max(sum(weights[:stop]), lightest(weights[stop:], partitions - 1)) for stop in range(len(weights) + 1)
    )


@settings(max_examples=150)
@given(samples, st.integers(1, 5), st.booleans())
@example([("a", 1), ("b", 100), ("c", 1)], 2, False)
def test_the_heaviest_range_of_whole_keys_is_as_light_as_it_can_be(
    some: list[tuple[str, int]], partitions: int, descending: bool
) -> None:
    job = Ordered(descending=descending)
    some = some[::-1] if descending else some
    found = weights_of(job, some, boundaries(job, some, partitions), partitions)
    capacity = -(-sum(weight for _, weight in some) // (RESOLUTION * partitions))
    assert max(found) <= lightest([weight for _, weight in some], partitions) + 2 * capacity
    assert sum(found) == sum(weight for _, weight in some)


def test_a_heavy_key_does_not_make_the_other_ranges_heavy() -> None:
    some = sorted([(f"k{number:03}", 1) for number in range(500)] + [("k250x", 500)])
    found = weights_of(Ordered(), some, boundaries(Ordered(), some, 6), 6)
    assert sorted(found)[-1] == 500
    # There are about 250 on each side of it, so on one side are two ranges at most.
    assert sorted(found)[-2] <= 250 / 2 + 2


@settings(max_examples=150)
@given(samples, st.integers(1, 9), st.booleans())
def test_ranges_weigh_the_same_where_keys_may_be_split(
    some: list[tuple[str, int]], partitions: int, descending: bool
) -> None:
    job = Sorted(descending=descending)
    some = [(key, weight * 1000) for key, weight in (some[::-1] if descending else some)]
    found = weights_of(job, some, boundaries(job, some, partitions), partitions)
    mean = sum(weight for _, weight in some) / partitions
    assert all(abs(weight - mean) <= 2 * mean / RESOLUTION + 2 for weight in found)


def test_of_few_keys_the_first_partitions_have_one_each() -> None:
    ends = boundaries(Ordered(), [("a", 5), ("b", 1), ("c", 9)], 7)
    assert ends == [Boundary("a"), Boundary("b")]
    assert boundaries(Ordered(), [], 3) == []
    assert boundaries(Sorted(), [], 3) == []


@given(st.lists(st.integers(1, 30)), st.integers(1, 100))
def test_runs_are_light_or_of_one_key_and_not_many(weights: list[int], capacity: int) -> None:
    some = list(enumerate(weights))
    found = list(runs(some, capacity))
    assert [sample for run_ in found for sample in run_] == some
    of_runs = [sum(weight for _, weight in run_) for run_ in found]
    assert all(len(run_) == 1 or weight <= capacity for run_, weight in zip(found, of_runs, strict=True))
    assert all(one + other > capacity for one, other in itertools.pairwise(of_runs))


def test_the_same_key_of_several_tasks_is_one() -> None:
    assert list(runs([("a", 1), ("a", 2), ("b", 1)], 1)) == [[("a", 3)], [("b", 1)]]


# The object


def written(*rows: Any) -> bytes:
    """Return some rows as an object, with checksums that fit them."""
    lines = []
    checksum = 0
    for number, row in enumerate(rows):
        fields = json.dumps([number, row.get("last"), row.get("fraction")])
        checksum = zlib.crc32(fields.encode(), checksum)
        lines.append(json.dumps({"key": number, "value": row | {"checksum": checksum}}) + "\n")
    return "".join(lines).encode()


def end(last: Any, fraction: float = 1.0) -> dict[str, Any]:
    return {"last": last, "fraction": fraction}


def read(data: bytes, job: Job, partitions: int) -> list[Boundary]:
    _, store = memory_store(JOBS, {"jobs/b.jsonl": data})
    return read_boundaries(store, f"s3://{JOBS}/jobs/b.jsonl", job, partitions)


def test_boundaries_come_back_as_they_were() -> None:
    keys = [("a", 1.5), ("a", 2), ("b\n\u2028", 10**30), ("\ud800",)]
    data = written(*(end(list(key)) for key in keys), end(None), end(None))
    assert read(data, Ordered(), 6) == [Boundary(key) for key in keys]
    assert read(written(end(3), end(2, 0.5), end(2, 0.9), end(None)), Sorted(descending=True), 4) == [
        Boundary(3), Boundary(2, 0.5), Boundary(2, 0.9),
    ]  # fmt: skip
    assert read(written(end(None)), Ordered(), 1) == []


def test_boundaries_that_are_long_are_read_whole() -> None:
    keys = [f"{number:04}" + "x" * 3000 for number in range(999)]
    assert read(written(*map(end, keys), end(None)), Ordered(), 1000) == [Boundary(key) for key in keys]


GOOD = written(end("a"), end("b"), end(None))


@pytest.mark.parametrize(
    ("data", "partitions"),
    [
        (GOOD[:-20], 3),
        (GOOD, 2),
        (GOOD, 4),
        (GOOD + b"\n", 3),
        (b"\xff" + GOOD, 3),
        (b"[]", 1),
        (b"{}", 1),
        (b"nothing", 1),
        (written(end("b"), end("a"), end(None)), 3),
        (written(end("a"), end(None), end("b")), 3),
        (written(end("a"), end("b")), 2),
        (written(end("a", 0.5), end("a", 0.2), end(None)), 3),
        (written(end("a", 0.0), end(None)), 2),
        (written(end("a", 1.5), end(None)), 2),
        (written({"last": "a"}, end(None)), 2),
        (written(end(True), end(None)), 2),
        (written(end({"a": 1}), end(None)), 2),
    ],
)
def test_boundaries_that_are_damaged_are_an_error(data: bytes, partitions: int) -> None:
    message = f"s3://{JOBS}/jobs/b.jsonl: damaged, or not the boundaries of {partitions} partitions: .*again"
    with pytest.raises(CorruptSegment, match=message):
        read(data, Sorted(), partitions)


def test_a_flipped_bit_is_noticed_or_changes_nothing() -> None:
    data = written(end(["a", 1.5]), end(["b", 10], 0.25), end(None))
    intact = read(data, Sorted(), 3)
    for place, bit in itertools.product(range(len(data)), range(8)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        with suppress(CorruptSegment):
            assert read(bytes(damaged), Sorted(), 3) == intact


def test_what_is_written_can_be_read() -> None:
    samples = [((f"key {number}", number / 7), 1 + number % 3) for number in range(100)]
    found = list(Boundaries(Sorted(), 4).reduce((0, 1), [sum(w for _, w in samples), *samples]))
    lines = [json.dumps({"key": key, "value": value}) for key, value in found]
    assert len(read("\n".join(lines).encode(), Sorted(), 4)) == 3


@pytest.mark.parametrize("other", [1, ["a", "b"]])
def test_boundaries_that_cannot_be_compared_are_an_error_of_the_job_s_keys(other: Any) -> None:
    with pytest.raises(BadKey, match="a job's keys must be of one kind"):
        read(written(end("a"), end(other), end(None)), Sorted(), 3)


def test_boundaries_that_are_not_there_are_an_error_that_says_what_they_are() -> None:
    _, store = memory_store(JOBS, {})
    event = map_event("ordered", [piece("a", 0, 1)], boundaries=f"s3://{JOBS}/gone", partitions=2)
    with pytest.raises(
        InputNotReadable, match=f"s3://{JOBS}/gone: .*what the job itself found out about its"
    ):
        run_map_task(MapTask.from_event(event), store, JOBS)
