import errno
import io
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapreduce import Job
from mapreduce.errors import BadKey, BadValue, DiskFull, JobFailed
from mapreduce.keys import partition_of
from mapreduce.segments import SegmentedObject
from mapreduce.shuffle import CHECK_PAIRS, Shuffle
from tests.unit.sample_jobs import Collect, FailingCombine, Spread, Total

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
) -> bytes:
    """Return the object that a shuffle of pairs writes, its memory looked at every so many pairs."""
    shuffle = Shuffle(job, partitions, folder, memory_bytes)
    for number, (key, value) in enumerate(pairs, start=1):
        shuffle.add(key, value)
        if number % relieve_every == 0:
            shuffle.relieve(number)
    sink = io.BytesIO()
    written = shuffle.write(sink, pool)
    assert written == sum(len(values) for segment in read(sink.getvalue(), pool) for _, values in segment)
    return sink.getvalue()


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


@pytest.mark.parametrize("job", [Collect(), Total()])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(pairs=word_pairs, partitions=st.integers(1, 3), relieve_every=st.integers(1, 20))
def test_spilling_changes_no_byte(
    tmp_path: Path, pool: ThreadPoolExecutor, job: Job, pairs: list[Pair], partitions: int, relieve_every: int
) -> None:
    in_memory = shuffled(job, pairs, tmp_path, pool, partitions=partitions)
    spilled = shuffled(
        job, pairs, tmp_path, pool, partitions=partitions, memory_bytes=0, relieve_every=relieve_every
    )
    assert spilled == in_memory


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
        shuffle = Shuffle(job, 1, tmp_path, memory_bytes)
        for key in range(CHECK_PAIRS * 2):
            shuffle.add(key, 1)
        assert shuffle.relieve(CHECK_PAIRS * 2) == CHECK_PAIRS * 2 + pairs


@pytest.mark.parametrize("value", ["x" * 1000, ["x" * 100] * 10, {"name": "x" * 980}])
@pytest.mark.parametrize("keys", [1, 100, 1000])
def test_pairs_are_spilled_before_they_fill_the_memory(tmp_path: Path, value: Any, keys: int) -> None:
    roomy, tight = Shuffle(Collect(), 1, tmp_path, 2_500_000), Shuffle(Collect(), 1, tmp_path, 900_000)
    for shuffle in (roomy, tight):
        for number in range(1000):
            shuffle.add(number % keys, value)
        shuffle.relieve(1000)
    assert (len(roomy.groups), len(tight.groups)) == (keys, 0)


def test_memory_is_measured_anew_after_a_spill_and_after_combining(tmp_path: Path) -> None:
    collect, total = Shuffle(Collect(), 1, tmp_path, 150_000), Shuffle(Total(), 1, tmp_path, 150_000)
    for round_ in range(1, 4):
        for shuffle in (collect, total):
            for number in range(2500):  # of 40 bytes each: too many only with those of the round before
                shuffle.add(number % 10, round_ * 1000)
            shuffle.relieve(round_ * 2500)
    assert len(list(tmp_path.iterdir())) == 1  # in the second round
    assert list(total.groups) == list(range(10))


def test_values_of_a_key_that_no_sample_meets_are_counted(tmp_path: Path) -> None:
    shuffle = Shuffle(Collect(), 1, tmp_path, 10 << 20)
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
    again = Shuffle(Nested(), 1, tmp_path, 0)
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
