"""A task of the sampling phase: what keys weigh, and what it writes."""

import gzip
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mapreduce import Job
from mapreduce.errors import BadKey, BadRecord, JobFailed
from mapreduce.events import MapTask
from mapreduce.map_task import run_map_task
from mapreduce.sampling import PAIR_BYTES, Weights, size_of
from mapreduce.segments import SegmentedObject
from tests.unit.memory_s3 import MemoryS3, memory_store
from tests.unit.pipeline import INPUT, JOBS, map_event, piece
from tests.unit.sample_jobs import (
    SAMPLE_JOBS,
    CountedLines,
    Grouped,
    GroupedTotals,
    Lines,
    Ordered,
)

pytestmark = pytest.mark.usefixtures("sample_jobs")

PAIR = PAIR_BYTES + 2 + 8  # what a pair of a letter and a number weighs


# What keys weigh


def weigh(job: Job, pairs: list[tuple[Any, Any]], factor: float = 1.0) -> dict[Any, int]:
    weights = Weights(job, 4)
    weights.factor = factor
    for key, value in pairs:
        if key in weights.groups:
            weights.settle()
        weights.groups[key] = value
    weights.settle()
    return dict(weights.samples())


def test_a_key_weighs_the_bytes_of_its_pairs_times_what_they_stand_for() -> None:
    pairs = [("a", "x" * 10), ("b", "x" * 98), ("a", "x" * 10), ("c", 5)]
    assert weigh(Ordered(), pairs, 3.0) == {
        "a": 2 * 3 * (PAIR_BYTES + 13),
        "b": 3 * (PAIR_BYTES + 101),
        "c": 3 * (PAIR_BYTES + 10),
    }


def test_a_value_may_have_many_levels() -> None:
    value: Any = 1
    for _ in range(5000):
        value = {"a": [value]}
    assert size_of(value) == 16 * (2 + 2 + 2) + 8
    assert size_of({"a": [1, "bc"]}) == 2 + 2 + (2 + 8 + 3)


def test_a_combined_key_weighs_a_pair_and_one_that_occurs_once_those_that_were_missed_too() -> None:
    pairs = [("hot", 1)] * 100 + [("one", 1)]
    of_one = PAIR_BYTES + 4 + 8
    assert weigh(CountedLines(), pairs, 16.0) == {"hot": of_one, "one": 4 * of_one}
    assert weigh(CountedLines(), pairs) == {"hot": of_one, "one": of_one}


def test_what_weighs_is_the_group_where_it_must_not_be_torn() -> None:
    pairs = [(("a", number), 1) for number in range(10)] + [(("b", 1), 1)]
    of_one = PAIR_BYTES + 12 + 8
    assert weigh(Grouped(), pairs) == {"a": 10 * of_one, "b": of_one}
    assert weigh(GroupedTotals(), pairs * 2) == {"a": 10 * of_one, "b": of_one}
    assert set(weigh(SAMPLE_JOBS["grouped-across"](), pairs)) == {key for key, _ in pairs}


@pytest.mark.parametrize("job", [Ordered(), Ordered(descending=True), CountedLines()])
def test_samples_are_not_too_many_have_all_of_the_weight_and_heavy_keys_as_they_are(job: Job) -> None:
    weights = Weights(job, 1)
    keys = random.Random(2).sample(range(10**9), 50_000)
    for start in range(0, len(keys), 1000):
        weights.groups |= {f"{key:09}": 1 for key in keys[start : start + 1000]}
        weights.settle()
    weights.groups["500000000x"] = ["x" * 50_000]
    weights.settle()
    samples = weights.samples()
    assert 900 < len(samples) <= 2050
    assert [key for key, _ in samples] == sorted((key for key, _ in samples), reverse=job.descending)
    heavy = PAIR_BYTES + size_of("500000000x") + size_of(["x" * 50_000])
    of_one = PAIR_BYTES + 10 + 8
    assert dict(samples)["500000000x"] == heavy
    assert sum(weight for _, weight in samples) == heavy + of_one * 50_000
    before = 0
    for key, weight in samples:  # where keys are dense, samples are too
        if key != "500000000x":
            share, place = (before + weight / 2) / (of_one * 50_000), int(key) / 10**9
            assert abs(share - (1 - place if job.descending else place)) < 0.01
            before += weight


def test_the_keys_that_are_counted_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapreduce.sampling.HELD_KEYS", 1000)
    weights = Weights(Ordered(), 1)
    most = 0
    for start in range(0, 100_000, 500):
        weights.groups |= {f"{key * 7919 % 100_000:05}": 1 for key in range(start, start + 500)}
        assert weights.relieve(10) > 10
        assert not weights.groups
        most = max(most, len(weights._held) + len(weights._thinned))
    assert most <= 2500
    samples = weights.samples()
    of_one = PAIR_BYTES + 6 + 8
    assert sum(weight for _, weight in samples) == 100_000 * of_one
    tenth = sum(weight for key, weight in samples if key < "1")
    assert tenth == pytest.approx(10_000 * of_one, rel=0.02)


def test_keys_that_are_long_are_thinned_to_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapreduce.sampling.HELD_BYTES", 1_000_000)
    weights = Weights(Ordered(), 1)
    for number in range(3000):
        weights.groups[f"{number:04}" + "x" * 2000] = 1
        weights.settle()
        held = [*weights._held, *(key for key, _ in weights._thinned)]
        assert sum(map(len, held)) <= 2_000_000
    samples = weights.samples()
    assert len(samples) >= 100
    assert sum(weight for _, weight in samples) == 3000 * (PAIR_BYTES + 2005 + 8)


# The task


def sample(job: str, objects: dict[str, bytes], **fields: Any) -> tuple[dict[str, int], list[Any]]:
    """Run a sampling task over all of some objects; return its counters, and the keys and values it wrote."""
    s3, store = memory_store(INPUT, objects)
    pieces = [piece(key, 0, len(data)) for key, data in objects.items()]
    event = map_event(job, pieces, **{"sample": 4} | fields)
    counters = run_map_task(MapTask.from_event(event), store, JOBS)
    return counters, list(segments_of(s3))


def segments_of(s3: MemoryS3) -> Iterator[tuple[Any, list[Any]]]:
    (key,) = [key for bucket, key in s3.objects if bucket == JOBS]
    assert key == "jobs/job-1/stage-0/sample/map/0"
    data = bytes(s3.objects[JOBS, key].data)
    url = f"s3://{JOBS}/{key}"
    source = SegmentedObject(lambda start, stop: data[start:stop], data, len(data), url)
    assert len(source.segments) == 1
    with ThreadPoolExecutor(1) as pool:
        yield from [(key, list(values)) for key, values in source.groups(0, 1 << 20, pool)]


def test_a_task_writes_the_total_and_its_keys_with_their_weights() -> None:
    counters, found = sample("lines", {"one": b"b\na\n", "two": b"b\n"})
    assert found == [((0, 0), [3 * PAIR]), ((0, 1, "a"), [["a", PAIR]]), ((0, 1, "b"), [["b", 2 * PAIR]])]
    assert {**counters, "bytesOut": 0} == {
        "recordsIn": 3, "recordsOut": 3, "bytesIn": 6, "bytesOut": 0, "rejects": 0, "objects": 2,
    }  # fmt: skip
    assert counters["bytesOut"] > 0


def test_in_descending_order_the_total_comes_first_too() -> None:
    _, found = sample("lines", {"one": b"b\na\n"}, params={"descending": True})
    assert [values for _, values in found] == [[2 * PAIR], [["b", PAIR]], [["a", PAIR]]]


def test_keys_that_are_tuples_stay_tuples() -> None:
    _, found = sample("grouped-across", {"a": b'[["b", 2], 1]\n[["a", 10], 1]\n'})
    assert [key for key, _ in found] == [(0, 0), (0, 1, "a", 10), (0, 1, "b", 2)]


def test_records_that_cannot_be_read_are_passed_over() -> None:
    data = b'["a", 1]\nnonsense\n[null, 2]\n["b", 3]\n5\n'
    counters, found = sample("ordered", {"a": data}, maxBadRecords=0)
    assert [values for _, values in found[1:]] == [[["a", PAIR]], [["b", PAIR]]]
    assert (counters["recordsIn"], counters["rejects"]) == (5, 0)


def test_a_record_that_is_passed_over_leaves_no_pairs_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(self: Any, record: str) -> Any:
        yield record, 1
        if record == "b":
            raise BadRecord("of no use")

    monkeypatch.setattr(Lines, "map", raising)
    _, found = sample("lines", {"a": b"a\nb\nc\n"})
    assert [key[2:] for key, _ in found] == [(), ("a",), ("c",)]


def test_a_mistake_in_map_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(self: Any, record: str) -> Any:
        yield undefined, 1  # type: ignore[name-defined]  # noqa: F821

    monkeypatch.setattr(Lines, "map", mistaken)
    with pytest.raises(JobFailed, match="map of Lines raised NameError"):
        sample("lines", {"a": b"b\n"})


def test_keys_of_several_kinds_are_an_error() -> None:
    with pytest.raises(BadKey, match="of one kind"):
        sample("ordered", {"a": b'["a", 1]\n[1, 1]\n'})


def test_a_map_can_ask_for_its_place() -> None:
    job = {"input": {"number": 3, "name": "left"}}
    _, found = sample("places", {"a": b"one\ntwo\n", "b": b"three\n"}, **job)
    assert [key[2:] for key, _ in found[1:]] == [
        (3, "left", f"s3://{INPUT}/a", 0),
        (3, "left", f"s3://{INPUT}/a", 4),
        (3, "left", f"s3://{INPUT}/b", 0),
    ]


@pytest.mark.usefixtures("small_samples")
def test_an_object_s_header_is_asked_for_once() -> None:
    data = b"name,amount\n" + b"".join(b"n%05d,1\n" % number for number in range(50_000))
    s3, store = memory_store(INPUT, {"a.csv": data})
    event = map_event("columns", [piece("a.csv", 0, len(data))], sample=4, task=0)
    counters = run_map_task(MapTask.from_event(event), store, JOBS)
    assert counters["recordsIn"] > 10_000
    # A request for each part, hardly any for the end of a last record, and one for the header.
    assert s3.requests["get_object"] <= 130


def test_csv_with_a_header_is_sampled_by_its_columns() -> None:
    _, found = sample("columns", {"a.csv": b"amount,name\n5,b\n6,a\n"})
    assert [key[2] for key, _ in found[1:]] == ["a", "b"]


@pytest.mark.usefixtures("small_samples")
def test_a_sample_stands_for_all_of_a_task() -> None:
    lines = b"".join(b"%09d\n" % (number * 7919 % 10**9) for number in range(100_000))
    _, found = sample("lines", {"a": lines})
    assert found[0][1][0] == pytest.approx((PAIR + 8) * 100_000, rel=0.02)
    _, of_gzip = sample("lines", {"a.gz": gzip.compress(lines)})
    assert of_gzip[0][1][0] == pytest.approx((PAIR + 8) * 100_000, rel=0.2)
