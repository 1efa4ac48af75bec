"""How fast tasks get done, and how long the others will take: smoothed, for people to look at."""

from __future__ import annotations

import math

# What was done so long ago weighs 1/e, so that numbers stand still to be read.
MEMORY_SECONDS = 30.0


class Rate:
    """Tasks a second, lately: a mean whose weights fade as time goes by.

    Until `MEMORY_SECONDS` have passed it is about the mean since the beginning, which is all that is known;
    how often it is noted makes hardly a difference.
    """

    def __init__(self) -> None:
        self._at = 0.0
        self._done = 0
        self._last = 0.0  # when another task was done
        self._weighted_tasks = 0.0
        self._weighted_seconds = 0.0

    def note(self, done: int, seconds: float) -> None:
        """Take in how many tasks are done.

        Args:
            done: since the beginning. A number smaller than one before is passed over.
            seconds: since the beginning, by a clock that may be set back.
        """
        passed = max(0.0, seconds - self._at)
        fading = math.exp(-passed / MEMORY_SECONDS)
        self._weighted_tasks = self._weighted_tasks * fading + max(0, done - self._done)
        self._weighted_seconds = self._weighted_seconds * fading + passed
        self._at = max(self._at, seconds)
        if done > self._done:
            self._last = self._at
        self._done = max(self._done, done)

    @property
    def per_second(self) -> float | None:
        """Tasks a second; None while nothing is done, for that says nothing of the first task."""
        if not self._weighted_tasks or not self._weighted_seconds:
            return None
        return self._weighted_tasks / self._weighted_seconds

    def seconds_left(self, tasks: int) -> float | None:
        """Return how long so many more tasks will take, or None if that is not known.

        When nothing was done for longer than that, it is plainly wrong: those that are left take longer than
        others did, and how long nobody knows.
        """
        pace = self.per_second
        if pace is None:
            return None
        left = tasks / pace
        return None if tasks and self._at - self._last > left else left
