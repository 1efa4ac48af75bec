"""The plan: how much data, how many runs, how much time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What the steps measure."""

    rounds: int  # runs of each figure
    split_bytes: int  # what a mapper reads, in the workers step
    splits: int  # how many of them are mapped, and reduced at once
    file_bytes: int  # of each file of the table, in the other steps
    sizes: tuple[int, ...]  # end to end: how many files
    growth: tuple[int, ...]  # how many files, ascending
    idle: tuple[tuple[int, int], ...]  # orchestration: map tasks and fan-in
    grep_splits: int  # catalogue: how many splits of text are mapped
    sort_files: int  # catalogue: how many files are sorted
    worker_seconds: float  # the budget for each kind of worker
    end_to_end_seconds: tuple[float, ...]  # the budget for each size
    growth_seconds: float
    idle_seconds: float
    grep_seconds: float


FULL = Plan(
    rounds=5,
    split_bytes=64 * 2**20,  # the state machine's default
    splits=8,
    file_bytes=128_500_000,
    sizes=(4, 16),
    growth=(2, 4, 8, 16, 32),
    idle=((1, 256), (50, 256), (200, 256), (16, 2), (64, 2)),
    grep_splits=16,
    sort_files=16,
    worker_seconds=240,
    end_to_end_seconds=(840, 660),
    growth_seconds=300,
    idle_seconds=240,
    grep_seconds=180,
)

# To see that everything works; its numbers mean nothing.
QUICK = Plan(
    rounds=1,
    split_bytes=2_000_000,
    splits=2,
    file_bytes=1_000_000,
    sizes=(2,),
    growth=(1, 2),
    idle=((1, 256), (4, 256), (4, 2)),
    grep_splits=2,
    sort_files=4,
    worker_seconds=60,
    end_to_end_seconds=(60,),
    growth_seconds=60,
    idle_seconds=60,
    grep_seconds=60,
)
