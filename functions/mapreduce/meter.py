"""What a task asks of S3, and when: counted where the requests are sent, so that nothing is left out."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

READS = {"GetObject", "HeadObject"}
FREE = {"DeleteObject", "AbortMultipartUpload"}  # which S3 does not bill


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
        self.reset()

    def reset(self) -> None:
        """Forget everything: another task begins."""
        self.reads = 0
        self.writes = 0
        self.first_byte: float | None = None
        self.computed: dict[str, float] = {}
        self.written: dict[str, float] = {}

    def begin(self) -> None:
        """Note that what is read from now on is the task's input."""
        self.first_byte = None

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
                self.first_byte = time.time()
