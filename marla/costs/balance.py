"""Balance: tasks that took much longer than others of their step, and tasks hardly worth starting."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from mapreduce.record import Place, TaskRecord

from ..phase import step_name
from .advice import Advice
from .balance_splits import FIXED_BYTES, mappers_for, objects_of
from .deployment import EXPRESS
from .prices import Prices
from .usage import Usage

FEW = 8  # tasks of a step, of which none is typical
TIMES_LONGER, SECONDS_LONGER = 3.0, 10.0  # than the median: what makes a task a straggler
SHARE, SKEW_SECONDS = 2.0, 5.0  # times its share of the data, and longer than the median: a partition's skew
TINY_SECONDS, MANY = 1.0, 20  # the median of mappers, and how many there must be of them
GOOD_SECONDS = 10.0  # for a mapper: long beside what it takes to start one
MOST_TIMES = 16  # larger splits at once
WORTH_FEWER = 0.5  # of the mappers: if larger splits spare less than that, they are no remedy


@dataclass(frozen=True)
class Step:
    """The tasks of one step that were done, not found done: of several attempts at one, the quickest."""

    name: str
    stage: int
    step: int
    sample: bool
    tasks: tuple[TaskRecord, ...]

    @property
    def typical(self) -> float:
        """The median of the tasks' seconds."""
        return median(one.seconds for one in self.tasks)

    @property
    def slowest(self) -> TaskRecord:
        """The task that took longest."""
        return max(self.tasks, key=lambda one: one.seconds)


def steps_of(records: Sequence[TaskRecord]) -> list[Step]:
    """Return the steps in which tasks were done, in order."""
    quickest: dict[Place, TaskRecord] = {}
    for one in records:
        before = quickest.get(one.place)
        if one.succeeded and not one.reused and (before is None or one.seconds < before.seconds):
            quickest[one.place] = one
    steps: defaultdict[tuple[int, bool, int], list[TaskRecord]] = defaultdict(list)
    for task in sorted(quickest):
        steps[task.stage, not task.sample, task.step].append(quickest[task])
    several = len({stage for stage, _, _ in steps}) > 1
    return [
        Step(
            step_name(step, sample=not main, stage=stage if several else None),
            stage,
            step,
            not main,
            tuple(tasks),
        )
        for (stage, main, step), tasks in sorted(steps.items())
    ]


def balance_advice(records: Sequence[TaskRecord], usage: Usage, prices: Prices) -> Iterator[Advice]:
    """Yield advice on the worst straggler, the worst skew, the worst big object, and on tiny tasks."""
    steps = [step for step in steps_of(records) if not step.sample]
    yield from _worst([_skew(step, ranges=step.stage in usage.ranges) for step in steps if step.step])
    yield from _worst(
        [_late(step, backups=(step.stage, step.tasks[0].kind) in usage.raced) for step in steps]
    )
    yield from _tiny([step for step in steps if not step.step], usage, prices)


def _worst(found: list[tuple[float, Advice] | None]) -> Iterator[Advice]:
    """Yield the advice about which the most seconds are, if there is any."""
    some = [each for each in found if each]
    if some:
        yield max(some, key=lambda each: each[0])[1]


def _late(step: Step, *, backups: bool) -> tuple[float, Advice] | None:
    """Return advice on the slowest task of a step: a backup if it is slow, smaller pieces if it is big."""
    slowest, typical = step.slowest, step.typical
    more = slowest.seconds - typical
    if len(step.tasks) < FEW or slowest.seconds < TIMES_LONGER * typical or more < SECONDS_LONGER:
        return None
    times = (
        f"{step.name}: the slowest of {len(step.tasks):,} tasks took {slowest.seconds:.0f} s, where half of "
        f"them took less than {max(typical, 0.1):.1f} s"
    )
    usual = median(one.bytes_in for one in step.tasks)
    read = slowest.bytes_in / usual if usual else 1.0
    if read >= slowest.seconds / max(typical, 0.001) / 2:
        if step.step:
            return None  # skew, or the last group of a step: said elsewhere
        text = (
            f"{times}; it read {read:.0f} times as much. An object that is compressed goes whole to one "
            "mapper: give it as several, or not compressed."
        )
        return more, Advice("One mapper had much more to read than others", text, "")
    if backups:
        return None
    text = f"{times}, and it read no more than they did. A backup of such a task costs what a task does."
    return more, Advice("One task took much longer than others like it", text, "--speculate")


def _skew(step: Step, *, ranges: bool) -> tuple[float, Advice] | None:
    """Return advice on the partition that has the most, if that is much more than its share.

    Args:
        ranges: whether its partitions are ranges of keys.
    """
    sizes: defaultdict[int, int] = defaultdict(int)
    seconds: defaultdict[int, float] = defaultdict(float)
    for one in step.tasks:
        sizes[one.partition] += one.bytes_in
        seconds[one.partition] = max(seconds[one.partition], one.seconds)
    total, largest = sum(sizes.values()), max(sizes, key=lambda partition: sizes[partition])
    more = seconds[largest] - median(seconds.values())
    if len(sizes) < 2 or sizes[largest] * len(sizes) < SHARE * total or not total or more < SKEW_SECONDS:
        return None
    text = (
        f"{step.name}: of {len(sizes):,} partitions, number {largest} has {sizes[largest] / total:.0%} of "
        f"the data and took {seconds[largest]:.0f} s, {more:.0f} s longer than half of them. "
    )
    if not ranges:
        text += "Ranges of keys are more even than hashes where keys are few; where "
    else:
        text += "Its partitions are ranges of keys already, as even as a sample makes them. Where "
    text += "one key has most of the values, a combine in the job helps (docs/jobs.md, Skew)."
    option = "" if ranges else "--partitioning range"
    return more, Advice("One partition has much more than the others", text, option)


def _tiny(steps: list[Step], usage: Usage, prices: Prices) -> Iterator[Advice]:
    """Yield advice on larger splits, where these would need far fewer mappers."""
    mappers = [one for step in steps for one in step.tasks]
    if len(mappers) < MANY or "map" not in usage.measured:
        return
    typical = median(one.seconds for one in mappers)
    inputs = [objects_of(step.tasks) for step in steps]
    if typical >= TINY_SECONDS or not all(inputs):
        return
    times = min(MOST_TIMES, int(GOOD_SECONDS / max(typical, 0.001)))
    tape = sum(FIXED_BYTES + one.size for objects in inputs for one in objects)
    megabytes = math.ceil(times * tape / len(mappers) / 10**6)
    fewer = len(mappers) - sum(mappers_for(objects, megabytes * 10**6) for objects in inputs)
    if fewer < len(mappers) * WORTH_FEWER:  # each page of the listing has mappers of its own
        return
    # What there is once a task, whatever it does: its start, its state, its request.
    a_child = prices.transition + (
        prices.express_request if usage.child_type == EXPRESS else prices.transition
    )
    text = (
        f"Half of the {len(mappers):,} mappers took less than {typical:.2g} s, and starting one costs time "
        f"and money too. Splits of {megabytes:,} MB would need up to {fewer:,} fewer of them."
    )
    yield Advice(
        "Mappers have little to do each",
        text,
        f"--split-bytes {megabytes}MB",
        fewer * (a_child + prices.lambda_request),
    )
