"""Lines that are too long for csv to be read as it streams.

DuckDB 2.0 drops a line that is longer than its option max_line_size, and says nothing, where the line ends at
the edge of what is read at once; anywhere else it is an error.
"""

from __future__ import annotations

LEAST_STEP = 1 << 10  # to look at less at a time takes its time


class LongLines:
    """Finds lines that may be long, in data that comes in pieces.

    It finds each one that is longer than `longest` (or 3 KiB, if that is more), and none that is shorter than
    a third of that. It takes little time: there need not be but one newline in each third.
    """

    def __init__(self, longest: int) -> None:
        self._step = max(longest // 3, LEAST_STEP)
        self._without = 0  # bytes that were seen without a newline

    def feed(self, data: bytes) -> bool:
        """Say whether there may be a long line in some data, or ends there."""
        for start in range(0, len(data), self._step):
            if data.find(b"\n", start, start + self._step) >= 0:
                self._without = 0
                continue
            self._without += min(self._step, len(data) - start)
            if self._without >= self._step:
                return True
        return False
