import errno
import io
import random
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapreduce import Job
from mapreduce.errors import BadKey, BadValue, DiskFull, JobFailed
from mapreduce.keys import partition_of
from mapreduce.partitioning import Boundary, HashPartitioner, Partitioner, RangePartitioner
from mapreduce.segments import SegmentedObject
from mapreduce.shuffle import CHECK_PAIRS, Shuffle
from tests.unit.sample_jobs import Collect, FailingCombine, Grouped, Ordered, Sorted, Spread, Total

Pair = tuple[Any, Any]

MUCH = 1 << 40

word_pairs = st.lists(st.tuples(st.text("abc한", max_size=3), st.integers(-9, 9)), max_size=60)


def shuffled(
    job: Job,
    pairs: list[Pair],
    folder: Path,
    pool: ThreadPoolExecutor,
    *,
    partitions: int = 1,
    memory_bytes: int = MUCH,
    relieve_every: int = MUCH,
    boundaries: list[Boundary] | None = None,
) -> bytes:
    """Return the object that a shuffle of pairs writes, its memory looked at every so many pairs."""
    partitioner: Partitioner = HashPartitioner(job, partitions)
    if boundaries is not None:
        partitioner = RangePartitioner(job, boundaries, partitions)
    shuffle = Shuffle(job, partitioner, folder, memory_bytes)
    for number, (key, value) in enumerate(pairs, start=1):
        shuffle.add(key, value)
        if number % relieve_every == 0:
            shuffle.relieve(number)
    sink = io.BytesIO()
    written = shuffle.write(sink, "s3://bucket/map", pool)
    assert written == sum(len(values) for segment in read(sink.getvalue(), pool) for _, values in segment)
    return sink.getvalue()


def one_partition(job: Job) -> tuple[Job, Partitioner]:
    return job, HashPartitioner(job, 1)


def read(data: bytes, pool: ThreadPoolExecutor) -> list[list[tuple[Any, list[Any]]]]:
    """Return each partition's keys with all of their values."""
    source = SegmentedObject(lambda start, stop: data[start:stop], data, len(data), "s3://bucket/map")
    found = []
    for number in range(len(source.segments)):
        groups: defaultdict[Any, list[Any]] = defaultdict(list)
        for key, values in source.groups(number, 1 << 20, pool):
            groups[key] += values
        found.append(list(groups.items()))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=word_pairs, partitions=st.integers(1, 5))
def test_each_key_is_in_its_partition_in_order_with_all_its_values(
    tmp_path: Path, pool: ThreadPoolExecutor, pairs: list[Pair], partitions: int
) -> None:
    found = read(shuffled(Collect(), pairs, tmp_path, pool, partitions=partitions), pool)
    assert len(found) == partitions
    for partition, groups in enumerate(found):
        keys = sorted({key for key, _ in pairs if partition_of(key, partitions) == partition})
        assert groups == [(key, [value for other, value in pairs if other == key]) for key in keys]


@pytest.mark.parametrize("job", [Collect(), Total(), Ordered(), Ordered(descending=True)])
@pytest.mark.parametrize("ranged", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(pairs=word_pairs, partitions=st.integers(1, 3), relieve_every=st.integers(1, 20))
def test_spilling_changes_no_byte(
    tmp_path: Path,
    pool: ThreadPoolExecutor,
    job: Job,
    ranged: bool,
    pairs: list[Pair],
    partitions: int,
    relieve_every: int,
) -> None:
    ends = sorted([Boundary("b"), Boundary("한a")][: partitions - 1], reverse=job.descending)
    boundaries = ends if ranged else None
    in_memory = shuffled(job, pairs, tmp_path, pool, partitions=partitions, boundaries=boundaries)
    spilled = shuffled(
        job,
        pairs,
        tmp_path,
        pool,
        partitions=partitions,
        memory_bytes=0,
        relieve_every=relieve_every,
        boundaries=boundaries,
    )
    assert spilled == in_memory


@pytest.mark.parametrize("relieve_every", [MUCH, 7])
def test_segments_are_in_descending_order_where_the_job_is(
    tmp_path: Path, pool: ThreadPoolExecutor, relieve_every: int
) -> None:
    pairs = [(number * 7 % 50, number) for number in range(100)]
    (found,) = read(
        shuffled(
            Ordered(descending=True), pairs, tmp_path, pool, memory_bytes=0, relieve_every=relieve_every
        ),
        pool,
    )
    assert found == [(key, [value for other, value in pairs if other == key]) for key in range(49, -1, -1)]


def test_values_of_a_group_stay_in_one_partition_in_the_order_of_keys(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    pairs = [((group, number), number) for number in range(9, 0, -1) for group in "abcd"]
    first, second = read(shuffled(Grouped(), pairs, tmp_path, pool, partitions=2), pool)
    for number, found in enumerate((first, second)):
        groups = [group for group in "abcd" if partition_of(group, 2) == number]
        assert found == [((group, value), [value]) for group in groups for value in range(1, 10)]
    assert first
    assert second


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    pairs=word_pairs,
    fractions=st.lists(st.floats(0.05, 1), min_size=1, max_size=3).map(sorted),
    relieve_every=st.integers(3, 100),
)
def test_a_key_of_several_partitions_has_each_of_its_values_in_one(
    tmp_path: Path, pool: ThreadPoolExecutor, pairs: list[Pair], fractions: list[float], relieve_every: int
) -> None:
    boundaries = [Boundary("a", fraction) for fraction in fractions]
    found = read(
        shuffled(
            Sorted(),
            pairs,
            tmp_path,
            pool,
            partitions=len(boundaries) + 1,
            memory_bytes=0,
            relieve_every=relieve_every,
            boundaries=boundaries,
        ),
        pool,
    )
    keys = [key for groups in found for key, _ in groups]
    assert keys == sorted(keys)
    written = [(key, value) for groups in found for key, values in groups for value in values]
    assert sorted(written) == sorted(pairs)


def test_the_values_of_a_hot_key_are_spread_and_stay_in_order(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    pairs = [("hot", [number]) for number in range(1000)]
    boundaries = [Boundary("hot", 0.3), Boundary("hot", 0.6)]
    data = shuffled(Sorted(), pairs, tmp_path, pool, partitions=3, boundaries=boundaries)
    in_order = [[number] for number in range(1000)]
    assert read(data, pool) == [
        [("hot", in_order[:300])], [("hot", in_order[300:600])], [("hot", in_order[600:])],
    ]  # fmt: skip
    one_value = read(shuffled(Sorted(), pairs[:1], tmp_path, pool, partitions=3, boundaries=boundaries), pool)
    assert one_value == [[], [("hot", [[0]])], []]


def test_spills_with_one_value_of_a_key_do_not_all_favour_the_same_partition(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    data = shuffled(
        Sorted(),
        [("hot", number) for number in range(60)],
        tmp_path,
        pool,
        partitions=3,
        memory_bytes=0,
        relieve_every=1,
        boundaries=[Boundary("hot", 0.3), Boundary("hot", 0.6)],
    )
    assert all(15 <= len(values) <= 25 for ((_, values),) in read(data, pool))


@pytest.mark.parametrize("relieve_every", [MUCH, 10])
def test_a_combined_key_has_one_value_in_a_partition(
    tmp_path: Path, pool: ThreadPoolExecutor, relieve_every: int
) -> None:
    class SplitTotal(Total):
        splits_keys = True

    pairs = [("hot", 1), ("cold", 2), ("warm", 3)] * 100
    boundaries = [Boundary("hot", 0.5), Boundary("hot", 1.0)]
    found = read(
        shuffled(
            SplitTotal(),
            pairs,
            tmp_path,
            pool,
            partitions=3,
            memory_bytes=0,
            relieve_every=relieve_every,
            boundaries=boundaries,
        ),
        pool,
    )
    assert all(len(values) == 1 for groups in found for _, values in groups)
    totals = Counter[str]()
    for groups in found:
        for key, (value,) in groups:
            totals[key] += value
    assert totals == {"hot": 100, "cold": 200, "warm": 300}


@pytest.mark.parametrize("job", [Collect(), Total()])
def test_spilling_a_key_with_many_values_changes_no_byte(
    tmp_path: Path, pool: ThreadPoolExecutor, job: Job
) -> None:
    pairs = [("hot" if number % 10 else f"cold {number}", number) for number in range(60_000)]
    in_memory = shuffled(job, pairs, tmp_path, pool)
    assert shuffled(job, pairs, tmp_path, pool, memory_bytes=100_000, relieve_every=7_000) == in_memory
    assert len(list(tmp_path.iterdir())) > 2


def test_combine_leaves_one_value_a_key(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    pairs = [("a", 1), ("b", 2), ("a", 3)] * 100
    ((a, b),) = read(shuffled(Total(), pairs, tmp_path, pool), pool)
    assert (a, b) == (("a", [400]), ("b", [200]))


def test_a_combine_of_pairs_may_be_spilled_between(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    pairs = [("key", (number, number)) for number in range(50)]
    data = shuffled(Spread(), pairs, tmp_path, pool, memory_bytes=0, relieve_every=7)
    assert read(data, pool) == [[("key", [[0, 49]])]]


def test_combining_is_tried_before_spilling(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    shuffled(Total(), [("hot", 1)] * 50_000, tmp_path, pool, memory_bytes=10_000, relieve_every=1000)
    assert list(tmp_path.iterdir()) == []


def test_the_same_pairs_are_the_same_bytes(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    numbers = random.Random(1)
    pairs = [(f"key {numbers.randrange(3000)}", numbers.random()) for _ in range(20_000)]
    first, second = (
        shuffled(Collect(), pairs, tmp_path, pool, partitions=7, memory_bytes=200_000, relieve_every=3_000)
        for _ in range(2)
    )
    assert first == second


def test_memory_is_looked_at_again_after_some_pairs_or_as_many_as_combining_visited(tmp_path: Path) -> None:
    for job, memory_bytes, pairs in (
        (Total(), MUCH, CHECK_PAIRS),
        (Total(), 0, CHECK_PAIRS * 2),
        (Collect(), 0, CHECK_PAIRS),
    ):
        shuffle = Shuffle(*one_partition(job), tmp_path, memory_bytes)
        for key in range(CHECK_PAIRS * 2):
            shuffle.add(key, 1)
        assert shuffle.relieve(CHECK_PAIRS * 2) == CHECK_PAIRS * 2 + pairs


@pytest.mark.parametrize("value", ["x" * 1000, ["x" * 100] * 10, {"name": "x" * 980}])
@pytest.mark.parametrize("keys", [1, 100, 1000])
def test_pairs_are_spilled_before_they_fill_the_memory(tmp_path: Path, value: Any, keys: int) -> None:
    roomy, tight = (
        Shuffle(*one_partition(Collect()), tmp_path, 2_500_000),
        Shuffle(*one_partition(Collect()), tmp_path, 900_000),
    )
    for shuffle in (roomy, tight):
        for number in range(1000):
            shuffle.add(number % keys, value)
        shuffle.relieve(1000)
    assert (len(roomy.groups), len(tight.groups)) == (keys, 0)


def test_memory_is_measured_anew_after_a_spill_and_after_combining(tmp_path: Path) -> None:
    collect, total = (
        Shuffle(*one_partition(Collect()), tmp_path, 150_000),
        Shuffle(*one_partition(Total()), tmp_path, 150_000),
    )
    for round_ in range(1, 4):
        for shuffle in (collect, total):
            for number in range(2500):  # of 40 bytes each: too many only with those of the round before
                shuffle.add(number % 10, round_ * 1000)
            shuffle.relieve(round_ * 2500)
    assert len(list(tmp_path.iterdir())) == 1  # in the second round
    assert list(total.groups) == list(range(10))


def test_values_of_a_key_that_no_sample_meets_are_counted(tmp_path: Path) -> None:
    shuffle = Shuffle(*one_partition(Collect()), tmp_path, 10 << 20)
    for number in range(2000):
        shuffle.add(number, 1)
    for number in range(300_000):
        shuffle.add(1, number)
    shuffle.relieve(302_000)
    assert len(shuffle.groups) == 0


def test_a_value_that_is_a_list_is_one_value(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    pairs = [("a", [1, 2]), ("b", []), ("a", [3]), ("c", [[4]])]
    for relieve_every in (MUCH, 1):
        data = shuffled(Collect(), pairs, tmp_path, pool, memory_bytes=0, relieve_every=relieve_every)
        assert read(data, pool) == [[("a", [[1, 2], [3]]), ("b", [[]]), ("c", [[[4]]])]]


def test_a_combine_may_return_the_list_that_it_got(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    class Nested(Collect):
        def combine(self, key: Any, values: list[Any]) -> Any:
            assert type(values) is list
            return values

    pairs = [("a", 1), ("a", 2), ("b", 3)]
    assert read(shuffled(Nested(), pairs, tmp_path, pool), pool) == [[("a", [[1, 2]]), ("b", [3])]]
    again = Shuffle(*one_partition(Nested()), tmp_path, 0)
    for key, value in pairs:
        again.add(key, value)
    again._combine_all()
    assert again.groups == {"a": [1, 2], "b": 3}
    assert type(again.groups["a"]) is list


def test_a_combine_that_raises_names_the_job_the_error_and_the_key(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    message = "combine of FailingCombine raised ZeroDivisionError: combine fails, for key 'a'"
    with pytest.raises(JobFailed, match=message):
        shuffled(FailingCombine(), [("a", 1), ("a", 2)], tmp_path, pool)
    with pytest.raises(JobFailed, match=message):
        shuffled(FailingCombine(), [("a", 1), ("a", 2)], tmp_path, pool, relieve_every=2)


@pytest.mark.parametrize("relieve_every", [MUCH, 1])
def test_keys_of_several_kinds_are_an_error_whether_spilled_or_not(
    tmp_path: Path, pool: ThreadPoolExecutor, relieve_every: int
) -> None:
    with pytest.raises(BadKey, match="of one kind"):
        shuffled(Collect(), [("a", 1), (1, 1)], tmp_path, pool, memory_bytes=0, relieve_every=relieve_every)


@pytest.mark.parametrize("relieve_every", [MUCH, 1])
def test_a_value_that_json_cannot_say_is_an_error_whether_spilled_or_not(
    tmp_path: Path, pool: ThreadPoolExecutor, relieve_every: int
) -> None:
    with pytest.raises(BadValue, match="a value of key 'a'"):
        shuffled(Collect(), [("a", {1})], tmp_path, pool, memory_bytes=0, relieve_every=relieve_every)


def test_a_full_disk_says_what_to_change(
    tmp_path: Path, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda *_: FullDisk())
    with pytest.raises(DiskFull, match="lower splitBytes, or give the function more EphemeralStorage"):
        shuffled(Collect(), [("a", 1)], tmp_path, pool, memory_bytes=0, relieve_every=1)
