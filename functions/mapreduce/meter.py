"""What a task asks of S3, and when: counted where the requests are sent, so that nothing is left out."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

READS = {"GetObject", "HeadObject"}
FREE = {"DeleteObject", "AbortMultipartUpload"}  # which S3 does not bill


class Clock:
    """The time of day as it was when this was made, and what has gone by since: it is never set back."""

    def __init__(self) -> None:
        self._time_of_day, self._began = time.time(), time.monotonic()

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._time_of_day + time.monotonic() - self._began


class Meter:
    """Counts requests, and notes the times of the task that is under way; for threads at the same time.

    Attributes:
        reads: requests that were sent, GET and HEAD, each further attempt of the SDK's counted too.
        writes: all others that S3 bills.
        first_byte: when S3 first answered a GET since `begin`, in seconds since 1970; None before.
        computed: by key, when all of an object's bytes had been made.
        written: by key, when S3 had them all.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset(Clock())

    def reset(self, clock: Clock) -> None:
        """Forget everything: another task begins."""
        self._clock = clock
        self.reads = 0
        self.writes = 0
        self.first_byte: float | None = None
        self.computed: dict[str, float] = {}
        self.written: dict[str, float] = {}

    def begin(self) -> None:
        """Note that what is read from now on is the task's input."""
        self.first_byte = None

    def all_made(self, key: str) -> None:
        """Note that all bytes of an object are made."""
        self.computed[key] = self._clock.now()

    def all_written(self, key: str) -> None:
        """Note that S3 has an object."""
        self.written[key] = self._clock.now()

    def attach(self, client: S3Client) -> None:
        """Count the requests of a client."""
        client.meta.events.register("before-send.s3", self._sent)
        client.meta.events.register("response-received.s3.GetObject", self._answered)

    def _sent(self, event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        with self._lock:
            if operation in READS:
                self.reads += 1
            elif operation not in FREE:
                self.writes += 1

    def _answered(self, exception: Exception | None, **_: Any) -> None:
        with self._lock:
            if exception is None and self.first_byte is None:
                self.first_byte = self._clock.now()
