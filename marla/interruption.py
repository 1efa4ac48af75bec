"""SIGTERM and SIGHUP as Ctrl-C: what runs is left through its `finally`s, and an execution is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # exit statuses, as shells have them


class Terminated(KeyboardInterrupt):
    """SIGTERM came, or SIGHUP, as when the terminal is closed."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP raise Terminated.

    Only the main thread hears signals; in another nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal's handler)
    raise Terminated


def exit_status(error: KeyboardInterrupt) -> int:
    """Return the exit status of a command that was interrupted: 130, or 143 for SIGTERM and SIGHUP."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
