"""The sampling phase: what a job's keys are, and what weighs on each, from small parts of the input.

Result objects that are in order one after the other need boundaries that are known before the first pair is
written. So mappers read some of their input first, spread over all of it, map that, and write which keys came
of it and the weight of each. See mapreduce.boundaries for what becomes of that.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

from .boundaries import Boundaries, Sample, runs
from .check import input_format
from .events import MapTask
from .formats import Format, Reject
from .job import Job, Key
from .keys import sort_keys
from .map_task import Mapper, with_header
from .partitioning import HashPartitioner, ranged_key
from .pieces import Piece
from .place import Place
from .rejects import Rejects
from .sampled_parts import parts_to_sample, read_parts
from .shuffle import CHECK_PAIRS, Several, Shuffle
from .storage import INTERMEDIATE, ObjectStore

# To how many samples a task's are thinned; they may be twice as many, where light keys are beside heavy ones.
LEAST_SAMPLES, MOST_SAMPLES, SAMPLES_PER_PARTITION = 1 << 10, 1 << 13, 64
HELD_KEYS = 1 << 16  # that are counted, before they are thinned
HELD_BYTES = 32 << 20  # that these keys may have
LEAST_LONG_SAMPLES = 128  # to which a task's are thinned at least, however long keys are
PAIR_BYTES = 32  # what a pair weighs besides its bytes: a reducer takes time for each, however short
MEASURED = 64  # values of a key whose sizes are looked at
LEVELS = 32  # of a value, one in the other, whose sizes are looked at


def run_sample_task(task: MapTask, job: Job, store: ObjectStore, bucket: str) -> dict[str, int]:
    """Take a sample of the keys that a map task will yield; the output is one object in `bucket`.

    It takes them from the job's own `map`. What cannot be read is passed over: the map task itself finds it
    again, and says so, or sets it aside.

    Returns:
        The counters of mapreduce.map_task.run_map_task, of what was sampled.
    """
    format = input_format(job, task.input, task.job.format)
    job.place = Place(task.input.name, task.input.number)
    weights = Weights(job, task.sample)
    mapper = Mapper(job, weights, _PassedOver())
    named: dict[str, Format] = {}  # formats that know an object's header
    parts = parts_to_sample(task.pieces, format, task.sample)
    for part, blocks, factor in read_parts(store, parts, format, task.max_record_bytes):
        weights.factor = factor
        of_object = named.get(part.piece.key, format)
        if of_object.needs_header and blocks:
            of_object = named[part.piece.key] = with_header(format, part.piece, blocks[0], store)
        mapper.map_piece(part.piece, iter(blocks), of_object, store)
        weights.settle()
    boundaries = Boundaries(job, task.sample)
    # It is too small to be spilled.
    shuffle = Shuffle(boundaries, HashPartitioner(boundaries, 1), Path(tempfile.gettempdir()))
    for key, value in boundaries.pairs(weights.samples()):
        shuffle.add(key, value)
    with (
        store.write(bucket, task.output, tag=INTERMEDIATE) as output,
        ThreadPoolExecutor(1) as pool,
    ):
        records_out = shuffle.write(output, f"s3://{bucket}/{task.output}", pool)
    return mapper.counters(task, records_out, output.size)


class _PassedOver(Rejects):
    """Records that cannot be read, of which nothing is kept, nor of the pairs of their map."""

    def __init__(self) -> None:
        self.count = 0
        self.limit = 1  # with 0 the mapper would not keep back the pairs of a record

    def add(self, piece: Piece, reject: Reject, cause: Exception | None = None) -> None:
        """Pass it over, uncounted: the map task counts it."""


class Weights:
    """Collects the pairs of a sample, and weighs their keys.

    A partition is to have as many bytes of map output as any other, for these are what its reducer reads and
    most often what it takes time for. So a pair weighs as many bytes as it takes, with something for itself,
    times the bytes of input for which each byte of its part of the sample stands.

    Where a job combines, a mapper writes one pair for a key however often the key occurs, and only different
    keys weigh anything. How many there are does not follow from how many there are in the sample: a key that
    occurs in it once may stand for others that it missed, one that occurs several times is most likely
    frequent, and stands for itself. So the first weighs the root of what its part stands for, and the second
    nothing more, as in the estimator GEE, whose worst error is, up to a constant, as small as it can be
    (Charikar, Chaudhuri, Motwani and Narasayya 2000, "Towards estimation error guarantees for distinct
    values").

    Attributes:
        groups: what the mapper adds to, until `settle`.
        factor: how many bytes of input each byte stands for, of those that are being mapped.
    """

    def __init__(self, job: Job, partitions: int) -> None:
        self.groups: dict[Any, Any] = {}
        self.factor = 1.0
        self._job = job
        self._most = min(max(LEAST_SAMPLES, SAMPLES_PER_PARTITION * partitions), MOST_SAMPLES)
        self._key_of = ranged_key(job)
        self._held: dict[Key, _Weight] = {}
        self._held_bytes = 0
        self._thinned: list[Sample] = []

    def relieve(self, pairs: int) -> int:
        """Weigh the pairs that there are; return at how many to call again."""
        self.settle()
        return pairs + CHECK_PAIRS

    def settle(self) -> None:
        """Weigh the pairs that there are, and forget them."""
        for key, held in self.groups.items():
            values = held if type(held) is Several else (held,)
            of_key = size_of(key)
            some = values[:: ceil(len(values) / MEASURED)]
            size = len(values) * (PAIR_BYTES + of_key + sum(map(size_of, some)) / len(some))
            if key not in self._held:
                self._held[key] = _Weight()
                self._held_bytes += of_key
            weight = self._held[key]
            weight.pairs += len(values)
            weight.bytes += size
            weight.weighted += size * self.factor
        self.groups.clear()
        if len(self._held) > HELD_KEYS or self._held_bytes > HELD_BYTES:
            self._thin(HELD_KEYS // 4)

    def samples(self) -> list[Sample]:
        """Return the keys in order, each with its weight and that of the keys beside it; not too many."""
        self._thin(self._most)
        return self._thinned

    def _thin(self, most: int) -> None:
        weigh = self._distinct if self._job.combines else self._all_pairs
        key_of = self._key_of or _itself
        weights: dict[Key, int] = {}
        new = ((key_of(key), max(1, round(weigh(weight)))) for key, weight in self._held.items())
        for key, weight in chain(self._thinned, new):
            weights[key] = weights.get(key, 0) + weight
        size = sum(map(size_of, weights))
        if size > HELD_BYTES // 2:  # keys are long
            most = min(most, max(len(weights) * HELD_BYTES // (4 * size), LEAST_LONG_SAMPLES))
        self._thinned = _thinned(
            [(key, weights[key]) for key in sort_keys(weights, descending=self._job.descending)], most
        )
        self._held.clear()
        self._held_bytes = 0

    @staticmethod
    def _all_pairs(weight: _Weight) -> float:
        return weight.weighted

    @staticmethod
    def _distinct(weight: _Weight) -> float:
        of_one = weight.bytes / weight.pairs
        factor = weight.weighted / weight.bytes
        return of_one * factor**0.5 if weight.pairs == 1 else of_one


class _Weight:
    """What was seen of a key: how many pairs, their bytes, and the bytes that they stand for."""

    __slots__ = ("bytes", "pairs", "weighted")

    def __init__(self) -> None:
        self.pairs = 0
        self.bytes = 0.0
        self.weighted = 0.0


def _itself(key: Key) -> Key:
    return key


def _thinned(samples: list[Sample], most: int) -> list[Sample]:
    """Return no more than twice as many samples, of the same weight: of light neighbours one stands for all.

    It is the middle one by weight, so that as much is counted too early as too late.
    """
    if len(samples) <= most:
        return samples
    capacity = ceil(sum(weight for _, weight in samples) / most)
    return [_middle(run) for run in runs(samples, capacity)]


def _middle(run: list[Sample]) -> Sample:
    total = sum(weight for _, weight in run)
    before = 0
    for key, weight in run:
        before += weight
        if 2 * before >= total:
            return key, total
    raise AssertionError("a run weighs as much as its keys")


def size_of(value: Any, levels: int = LEVELS) -> int:
    """Estimate the bytes that a key or a value takes in map output, before compression.

    Args:
        levels: how deep to look; what is in deeper lists and objects is taken for a number.
    """
    match value:
        case str():
            return len(value) + 1
        case list() | tuple() if levels:
            return 2 + sum(size_of(item, levels - 1) for item in value)
        case dict() if levels:
            return 2 + sum(
                size_of(name, levels - 1) + size_of(item, levels - 1) for name, item in value.items()
            )
    return 8  # a number
