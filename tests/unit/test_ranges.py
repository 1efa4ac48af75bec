"""Whole jobs whose partitions are ranges of keys: parts are in order, and even."""

import gzip
import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_s3.client import S3Client

from mapreduce import run
from mapreduce.boundaries import read_boundaries
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, JOBS, Outcome, run_on, run_pipeline
from tests.unit.sample_jobs import (
    Lines,
    Ordered,
)

pytestmark = pytest.mark.usefixtures("sample_jobs", "small_samples")


def rows(outcome: Outcome) -> list[list[Any]]:
    found = [json.loads(line) for part in outcome.parts for line in part.splitlines()]
    return [[row["key"], row["value"]] for row in found]


def lines_of(outcome: Outcome) -> list[str]:
    return [line for part in outcome.parts for line in part.decode().split("\n")[:-1]]


some_keys = st.one_of(
    st.just(st.text("ab한", max_size=2)),
    st.just(st.integers(-3, 3) | st.sampled_from([1.5, -0.5, 2.0])),
    st.just(st.tuples(st.text("ab", max_size=1), st.integers(0, 2)).map(list)),
)
some_records = some_keys.flatmap(
    lambda key: st.lists(st.tuples(key, st.integers(0, 9)).map(list), min_size=1, max_size=40)
)


@pytest.mark.parametrize("partitions", range(1, 10))
@settings(max_examples=12)
@given(
    records=some_records,
    split_bytes=st.integers(1, 200),
    sample_splits=st.integers(1, 3),
    fan_in=st.integers(2, 4),
    descending=st.booleans(),
    splits=st.booleans(),
)
def test_parts_are_in_order_one_after_the_other(
    partitions: int,
    records: list[Any],
    split_bytes: int,
    sample_splits: int,
    fan_in: int,
    descending: bool,
    splits: bool,
) -> None:
    data = "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()
    outcome = run_on(
        {"data": data},
        "sorted" if splits else "ordered",
        split_bytes=split_bytes,
        sample_splits=sample_splits,
        partitions=partitions,
        fan_in=fan_in,
        partitioning="range",
        params={"descending": descending},
    )
    in_memory = [json.loads(json.dumps(row)) for row in run(Ordered(descending=descending), records)]
    if splits:  # the values of a key are not in the order of the input
        in_memory, found = ([[key, value] for key, value in some] for some in (in_memory, rows(outcome)))
        assert [key for key, _ in found] == [key for key, _ in in_memory]
        assert sorted(found) == sorted(in_memory)
    else:
        assert rows(outcome) == in_memory
    assert len(outcome.parts) == partitions


@pytest.mark.parametrize("job", ["lines", "sorted-lines", "counted-lines"])
def test_order_does_not_depend_on_the_order_in_which_tasks_run(job: str) -> None:
    numbers = random.Random(3)
    lines = [f"{numbers.choice([7, numbers.randrange(10**6)]):06}" for _ in range(60_000)]
    data = {"a": "\n".join(lines[:30_000]).encode(), "b": "\n".join(lines[30_000:]).encode()}
    outcomes = [
        run_on(
            data,
            job,
            split_bytes=60_000,
            sample_splits=4,
            partitions=5,
            partitioning="range",
            fan_in=3,
            **options,
        )
        for options in ({}, {"backwards": True})
    ]
    assert outcomes[0].parts == outcomes[1].parts
    assert len(outcomes[0].sampled) == 2


def test_all_formats_can_be_in_order() -> None:
    numbers = random.Random(4)
    blocks = b"".join(b"%04dvalue!" % numbers.randrange(10_000) for _ in range(5000))[:50_000]
    outcome = run_on({"a": blocks}, "blocks", split_bytes=7777, partitions=4, partitioning="range", fan_in=9)
    ordered = b"".join(sorted(blocks[start : start + 10] for start in range(0, len(blocks), 10)))
    assert b"".join(outcome.parts) == ordered
    assert all(part for part in outcome.parts)

    texts = {f"{number}": " ".join(f"w{numbers.randrange(100):02}" for _ in range(50)) for number in range(9)}
    documents = {key: text.encode() for key, text in texts.items()}
    outcome = run_on(documents, "documents", split_bytes=1 << 20, partitions=4, partitioning="range")
    counted = sorted(Counter(word for text in texts.values() for word in text.split()).items())
    assert lines_of(outcome) == [f"{word},{count}" for word, count in counted]
    assert all(part for part in outcome.parts)

    compressed_too = {"a.gz": gzip.compress(b"b\nd\n"), "b": b"c\na\n"}
    outcome = run_on(compressed_too, "lines", partitions=4, partitioning="range")
    assert outcome.parts == [b"a\n", b"b\n", b"c\n", b"d\n"]


@pytest.mark.parametrize("output", ["csv", "jsonl", "text"])
def test_the_output_that_an_execution_asks_for_is_that_of_the_job_alone(output: str) -> None:
    outcome = run_on({"a": b"c\na\nb\n"}, "counted-lines", partitions=2, partitioning="range", output=output)
    assert outcome.format == output.replace("text", "txt")
    assert [line[:1] for line in lines_of(outcome)] == (["{"] * 3 if output == "jsonl" else ["a", "b", "c"])


def test_parts_are_in_order_on_s3_as_in_memory(s3: S3Client) -> None:
    numbers = random.Random(5)
    lines = [f"{numbers.randrange(10**6):06} 한글" for _ in range(30_000)]
    objects = in_objects(lines, 3)
    for key, data in objects.items():
        s3.put_object(Bucket=INPUT, Key=key, Body=data)
    sizes = {key: len(data) for key, data in objects.items()}
    options: dict[str, Any] = {"split_bytes": 1 << 18, "partitions": 3, "partitioning": "range", "fan_in": 4}
    outcome = run_pipeline(s3, "lines", sizes, **options)
    assert outcome.parts == run_on(objects, "lines", **options).parts
    assert lines_of(outcome) == sorted(lines)


def test_several_inputs_are_sampled_as_they_are_mapped() -> None:
    inputs = {"left": {"l": b"one\ntwo\n"}, "right": {"r": b"three\n"}}
    outcome = run_on(inputs, "places", split_bytes=5, partitions=3, partitioning="range")
    assert rows(outcome) == [
        [[0, "left", f"s3://{INPUT}/l", 0], "one"],
        [[0, "left", f"s3://{INPUT}/l", 4], "two"],
        [[1, "right", f"s3://{INPUT}/r", 0], "three"],
    ]


def test_an_input_without_keys_gives_empty_parts() -> None:
    outcome = run_on({"a": b"nonsense\n\n"}, "ordered", partitions=3, partitioning="range", maxBadRecords=5)
    assert outcome.parts == [b"", b"", b""]


def test_a_key_that_no_sample_met_has_its_place_all_the_same() -> None:
    lines = [f"{number:07}" for number in range(10**6, 10**6 + 60_000)]
    data = "\n".join(["0", *lines, "9"]).encode()
    outcome = run_on({"a": data}, "lines", partitions=3, partitioning="range")
    assert lines_of(outcome) == ["0", *lines, "9"]


# How even parts are


N = 40_000


def uniform(numbers: random.Random) -> list[str]:
    return [f"{numbers.randrange(10**12):012}" for _ in range(N)]


def zipf(numbers: random.Random) -> list[str]:
    names = [
        f"{numbers.randrange(10**12):012}" for _ in range(20_000)
    ]  # popularity and order have nothing in common
    return numbers.choices(names, [1 / rank for rank in range(1, len(names) + 1)], k=N)


def clustered(numbers: random.Random) -> list[str]:
    """Keys of which each object has a range; neither these nor the keys within one are in order."""
    keys = sorted(uniform(numbers))
    clusters = [keys[start : start + N // 8] for start in range(0, N, N // 8)]
    numbers.shuffle(clusters)
    for cluster in clusters:
        numbers.shuffle(cluster)
    return [key for cluster in clusters for key in cluster]


def skewed(numbers: random.Random) -> list[str]:
    """Keys that are dense in a small part of their range."""
    return [f"{int(numbers.random() ** 5 * 10**12):012}" for _ in range(N)]


INPUTS = {
    "uniform": uniform,
    "zipf": zipf,
    "sorted": lambda numbers: sorted(uniform(numbers)),
    "reverse": lambda numbers: sorted(uniform(numbers), reverse=True),
    "clustered": clustered,
    "skewed": skewed,
}


def in_objects(lines: list[str], count: int = 8) -> dict[str, bytes]:
    step = -(-len(lines) // count)
    return {
        f"{start:06}": "".join(line + "\n" for line in lines[start : start + step]).encode()
        for start in range(0, len(lines), step)
    }


def imbalance(sizes: list[int]) -> float:
    """Return how many times the mean the largest is."""
    return max(sizes) * len(sizes) / sum(sizes)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(  # any two of them meet
    ("descending", "splits", "tasks"),
    [(False, False, 1), (False, True, 4), (True, False, 4), (True, True, 1)],
)
def test_parts_are_even_whatever_the_order_and_distribution_of_keys(
    kind: str, descending: bool, splits: bool, tasks: int
) -> None:
    lines = INPUTS[kind](random.Random(f"{kind} {descending}"))
    objects = in_objects(lines)
    size = sum(map(len, objects.values()))
    outcome = run_on(
        objects,
        "sorted-lines" if splits else "lines",
        split_bytes=-(-size // tasks),
        partitions=7,
        partitioning="range",
        fan_in=9,
        params={"descending": descending},
    )
    assert sum(counters["bytesIn"] for counters in outcome.sampled) < 0.3 * tasks * size
    assert lines_of(outcome) == sorted(lines, reverse=descending)
    assert imbalance([len(part) for part in outcome.parts]) < 1.3


@pytest.mark.parametrize(
    "key",
    [
        lambda numbers: numbers.gauss(0, 1),
        lambda numbers: int(numbers.gauss(0, 10**6)),
        lambda numbers: [numbers.choice("abc"), numbers.randrange(10**6)],
    ],
)
def test_parts_are_even_for_numbers_and_tuples_too(key: Any) -> None:
    numbers = random.Random(7)
    records = [[key(numbers), 1] for _ in range(20_000)]
    objects = in_objects([json.dumps(record) for record in records])
    outcome = run_on(objects, "ordered", split_bytes=1 << 18, partitions=6, partitioning="range", fan_in=9)
    assert [key for key, _ in rows(outcome)] == sorted(key for key, _ in records)
    assert imbalance([len(part.splitlines()) for part in outcome.parts]) < 1.3


def test_parts_are_even_in_bytes_where_some_pairs_are_large() -> None:
    numbers = random.Random(8)
    lines = [
        key + ("x" * 2000 if key < "0.1" else "")
        for key in (f"{numbers.random():.12f}" for _ in range(10_000))
    ]
    options = {"split_bytes": 1 << 19, "partitions": 6, "partitioning": "range", "fan_in": 19}
    outcome = run_on(in_objects(lines), "lines", **options)
    assert imbalance([len(part) for part in outcome.parts]) < 1.3
    assert imbalance([len(part.splitlines()) for part in outcome.parts]) > 2


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_a_hot_key_fills_several_parts_where_a_job_allows_it(share: float) -> None:
    numbers = random.Random(9)
    lines = ["5" * 12 if numbers.random() < share else f"{numbers.randrange(10**12):012}" for _ in range(N)]
    objects = in_objects(lines)
    for partitions in (2, 9):
        outcome = run_on(
            objects,
            "sorted-lines",
            split_bytes=1 << 16,
            sample_splits=4,
            partitions=partitions,
            partitioning="range",
            fan_in=20,
        )
        assert lines_of(outcome) == sorted(lines)
        assert imbalance([len(part) for part in outcome.parts]) < 1.3


def test_a_hot_key_is_in_one_part_and_the_others_are_even_where_it_must_not_be_split() -> None:
    numbers = random.Random(10)
    lines = ["5" * 12 if numbers.random() < 0.4 else f"{numbers.randrange(10**12):012}" for _ in range(N)]
    outcome = run_on(
        in_objects(lines), "lines", split_bytes=1 << 17, partitions=7, partitioning="range", fan_in=20
    )
    assert lines_of(outcome) == sorted(lines)
    (hot,) = [part for part in outcome.parts if b"5" * 12 in part]
    hot_only = 13 * lines.count("5" * 12)
    assert len(hot) < 1.02 * hot_only
    assert imbalance([len(part) for part in outcome.parts if part is not hot]) < 1.3


def test_a_hot_key_costs_nothing_where_a_job_combines() -> None:
    numbers = random.Random(11)
    lines = ["5" * 12 if numbers.random() < 0.5 else f"{numbers.randrange(10**12):012}" for _ in range(N)]
    objects = in_objects(lines, 4)
    outcome = run_on(
        objects,
        "counted-lines",
        split_bytes=-(-sum(map(len, objects.values())) // 4),
        partitions=5,
        partitioning="range",
        fan_in=9,
    )
    counted = sorted(Counter(lines).items())
    assert lines_of(outcome) == [f"{line}\t{count}" for line, count in counted]
    # Each mapper writes one value for it.
    assert sum(counters["recordsOut"] for counters in outcome.mapped) == len(counted) - 1 + 4
    assert imbalance([counters["recordsIn"] for counters in outcome.reduced]) < 1.3
    assert max(counters["largestKey"]["values"] for counters in outcome.reduced) == 4


def test_frequent_and_rare_keys_are_even_where_a_job_combines() -> None:
    numbers = random.Random(12)
    frequent = [f"a{numbers.randrange(2000):011}" for _ in range(N // 2)]
    rare = [f"b{numbers.randrange(10**11):011}" for _ in range(N // 2)]
    lines = frequent + rare
    numbers.shuffle(lines)
    outcome = run_on(in_objects(lines), "counted-lines", partitions=6, partitioning="range", fan_in=9)
    assert imbalance([counters["recordsIn"] for counters in outcome.reduced]) < 1.3


def test_compressed_objects_are_even() -> None:
    lines = uniform(random.Random(13))
    objects = {f"{key}.gz": gzip.compress(data) for key, data in in_objects(lines, 20).items()}
    outcome = run_on(objects, "lines", split_bytes=1 << 30, partitions=5, partitioning="range")
    assert lines_of(outcome) == sorted(lines)
    assert imbalance([len(part) for part in outcome.parts]) < 1.3


def test_the_object_that_a_stage_publishes_is_what_its_mappers_read() -> None:
    data = b"".join(b"%05d\n" % number for number in range(20_000))
    s3, store = memory_store(INPUT, {"a": data})
    run_pipeline(s3, "lines", {"a": len(data)}, partitions=4, partitioning="range")
    uri = f"s3://{JOBS}/jobs/job-1/stage-0/sample/result/part-00000.jsonl"
    ends = read_boundaries(store, uri, Lines(), 4)
    assert [end.key for end in ends] == sorted(end.key for end in ends)
    assert all(
        abs(int(end.key) - place) < 500 for end, place in zip(ends, (5000, 10_000, 15_000), strict=True)
    )
