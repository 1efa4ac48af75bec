"""When a read is slow, and how many reads may be repeated for it: decisions only, no requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock

LEAST_PATIENCE = 2.0  # seconds; S3 takes less for what one read asks for
START_PATIENCE = 5.0  # seconds, until it is known how long reads take
ENOUGH_READS, RECENT_READS = 20, 128
USUAL, TIMES_USUAL = 0.95, 3  # a read is slow at three times what 95 % of the recent ones took at most

# Repeating reads helps if few are slow. If all of S3 is slow, it would be twice as much for S3 to do.
MOST_REPEATS = 4.0  # at once, and at first
REPEATS_PER_READ = 0.1


def patience(recent: Sequence[float]) -> float:
    """Return after how many seconds a read is slow, from how many the recent ones of its size took."""
    if len(recent) < ENOUGH_READS:
        return START_PATIENCE
    usual = sorted(recent)[int(len(recent) * USUAL)]
    return max(LEAST_PATIENCE, TIMES_USUAL * usual)


class Pace:
    """How long reads took lately, by their size, and how many may be repeated. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recent: dict[int, deque[float]] = {}
        self._repeats = MOST_REPEATS

    def note(self, length: int, seconds: float) -> None:
        """Learn how long a read of `length` bytes took."""
        with self._lock:
            self._recent.setdefault(_size_class(length), deque(maxlen=RECENT_READS)).append(seconds)
            self._repeats = min(self._repeats + REPEATS_PER_READ, MOST_REPEATS)

    def patience(self, length: int) -> float:
        """Return after how many seconds a read of `length` bytes is slow."""
        with self._lock:
            recent = list(self._recent.get(_size_class(length), ()))
        return patience(recent)

    def take_repeat(self) -> bool:
        """Say whether one more read may be repeated now; if so, it counts as repeated."""
        with self._lock:
            may = self._repeats >= 1
            self._repeats -= may
        return may


def _size_class(length: int) -> int:
    """Return the same number for lengths of which none is more than eight times another."""
    return (length.bit_length() + 2) // 3
