"""SIGTERM as Ctrl-C: what runs is left through its `finally`s, and an execution is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # exit statuses, as shells have them


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM raises Terminated. Only the main thread hears signals; in another nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal's handler)
    raise Terminated


def exit_status(error: KeyboardInterrupt) -> int:
    """Return the exit status of a command that was interrupted: 130, or 143 for SIGTERM."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
