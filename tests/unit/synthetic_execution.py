"""An execution that never was: as many attempts as one likes, with all that can happen to them.

Stage 0 takes a sample of its keys, maps, and reduces in two steps; stage 1 maps and reduces in one. Workers
are as many as `concurrency`; the first task of each has a cold start. Some attempts fail and are tried again,
some tasks take long and get a backup, and one partition has far more records than others.
"""

from __future__ import annotations

import random
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from mapreduce.record import ObjectRange, TaskRecord

START = 1_795_000_000.0  # 2026-11-18, seconds since 1970
NAME = "synthetic-20261118-110640-0000"
BUCKET = "marla-jobbucket-synthetic"
CHILDREN = "arn:aws:states:us-east-1:000000000000:execution:machine/Map"

_FAILED_SHARE = 0.01
_SLOW_SHARE = 0.004
_PARTITIONS = 40
LARGEST = 7  # the partition that has so many times what others have:
_TIMES_MORE = 6
_TIMES_LESS = 5  # records that are written, of those that are read


def records(tasks: int = 10_000, *, concurrency: int = 300, seed: int = 6) -> list[TaskRecord]:
    """Return the attempts of an execution of that many tasks at least; the same for the same arguments."""
    workers = _Workers(random.Random(seed), concurrency)
    sampled = workers.do(0, True, 0, [3_000] * _of(tasks, 0.02))
    workers.do(0, True, 1, [sampled])
    mapped = workers.do(0, False, 0, [200_000] * _of(tasks, 0.72))
    merged = workers.do(0, False, 1, _shares(mapped, _of(tasks, 0.16) // _PARTITIONS + 1))
    reduced = workers.do(0, False, 2, _shares(merged, 1))
    mapped = workers.do(1, False, 0, [reduced // _of(tasks, 0.1)] * _of(tasks, 0.1))
    workers.do(1, False, 1, _shares(mapped, 1))
    return workers.records


def _of(tasks: int, share: float) -> int:
    return max(2, round(tasks * share))


def _shares(records: int, each: int) -> list[int]:
    """Return what each of a step's reducers reads, `each` of them in a partition; one has far more."""
    share = records // ((_PARTITIONS + _TIMES_MORE - 1) * each)
    return [
        share * (_TIMES_MORE if partition == LARGEST else 1)
        for partition in range(_PARTITIONS)
        for _ in range(each)
    ]


class _Task(NamedTuple):
    stage: int
    sample: bool
    step: int
    partition: int
    task: int
    records: int


class _Workers:
    """Workers that take tasks one after the other, each as soon as it is free."""

    def __init__(self, random: random.Random, concurrency: int) -> None:
        self.records: list[TaskRecord] = []
        self._random = random
        self._free: list[tuple[float, int]] = [(START + 2.0, worker) for worker in range(concurrency)]
        heapify(self._free)
        self._warm: set[tuple[int, str]] = set()
        self._barrier = START + 2.0

    def do(self, stage: int, sample: bool, step: int, reads: list[int]) -> int:
        """Do a step whose tasks read so many records each; return how many records they write."""
        each = 1 if step == 0 or sample else len(reads) // _PARTITIONS
        for number, read in enumerate(reads):
            partition, task = (0, number) if step == 0 else divmod(number, each)
            self._task(_Task(stage, sample, step, partition, task, read))
        self._barrier = max(until for until, _ in self._free) + 0.4  # nobody begins before all are done
        self._free = [(self._barrier, worker) for _, worker in self._free]
        heapify(self._free)
        return sum(read // _TIMES_LESS for read in reads)

    def _task(self, task: _Task) -> None:
        attempt = 0
        while self._random.random() < _FAILED_SHARE and attempt < 2:
            self._attempt(task, attempt, error=True)
            attempt += 1
        if self._random.random() < _SLOW_SHARE:
            self._attempt(task, attempt, slow=True)
            self._attempt(task, 0, backup=True)
        else:
            self._attempt(task, attempt)

    def _attempt(
        self, task: _Task, attempt: int, *, error: bool = False, slow: bool = False, backup: bool = False
    ) -> None:
        draw = self._random
        stage, sample, step, partition, number, read = task
        kind = "reduce" if step else "map"
        free, worker = heappop(self._free)
        cold = (worker, kind) not in self._warm
        self._warm.add((worker, kind))
        init = round(draw.uniform(0.25, 0.6), 3) if cold else 0.0
        started = free + init + draw.uniform(0.01, 0.05)
        seconds = draw.lognormvariate(0.0, 0.18) * (1.6 if step == 0 else 0.9) * (5 if slow else 1)
        ended = started + seconds
        count = len(self.records)
        self.records.append(
            TaskRecord(
                kind=kind,
                stage=stage,
                sample=sample,
                step=step,
                partition=partition,
                task=number,
                attempt=attempt,
                backup=backup,
                execution=NAME,
                child=f"{CHILDREN}:{count:08d}-0000-4000-8000-000000000000",
                request=f"{count:08d}-1111-4111-8111-111111111111",
                log_stream=f"2026/11/18/[$LATEST]{worker:032x}",
                cold_start=cold,
                init_seconds=init,
                queued=free,
                started=started,
                first_byte=started + 0.05 * seconds,
                computed=None if error else started + 0.9 * seconds,
                written=None if error else started + 0.98 * seconds,
                ended=ended,
                records_in=0 if error else read,
                records_out=0 if error else read // _TIMES_LESS,
                bytes_in=0 if error else read * (20 if step else 83),
                bytes_out=0 if error else read // _TIMES_LESS * 20,
                rejects=0 if error else int(draw.random() < 0.001),
                objects=1 if step == 0 else 0,
                reads=3,
                writes=0 if error else 1,
                peak_memory_mib=int(draw.uniform(180, 240) if step else draw.uniform(600, 900)),
                memory_mib=1769,
                billed_ms=int((seconds + init) * 1000) + 1,
                architecture="arm64",
                output=f"jobs/{NAME}/stage-{stage}/{kind}/{partition}/{number}",
                ranges=() if step else (ObjectRange("input", f"visits/{number:05d}.csv", 0, read * 83),),
                error="StorageUnavailable" if error else "",
                message="S3 did not answer" if error else "",
            )
        )
        heappush(self._free, (ended, worker))
