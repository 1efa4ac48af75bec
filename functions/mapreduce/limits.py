"""The function's own limits, met with a name and advice: Lambda itself only ends the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .errors import OutOfMemory, OutOfTime

MARGIN_SECONDS = 5.0  # in which what was begun is cleared away; a tenth of the time, if that is less
REMEDIES = {
    "map": "lower splitBytes, so that a mapper has less to do",
    "reduce": "raise partitions or lower fanIn, so that a reducer has less to do",
    "publish": "lower partitions, so that there are fewer parts to copy",
}


class _TimeIsUpError(BaseException):
    """Raised wherever the task is. Not to be taken for an error of the job's code, so no Exception."""


@contextmanager
def named_limits(kind: str, context: Any) -> Iterator[None]:
    """Raise OutOfTime shortly before Lambda would end the function, and OutOfMemory for a MemoryError.

    Both say what to do about it. A worker that Lambda ends after all, for the system had no memory left or
    the task could not be interrupted, is named by Step Functions (Sandbox.Timedout, Runtime.OutOfMemory).

    Args:
        kind: map, reduce or publish.
        context: Lambda's, which knows the time that is left; None has no limit.
    """
    memory = "MapperMemory" if kind == "map" else "ReducerMemory"
    remedy = REMEDIES[kind]
    seconds = context.get_remaining_time_in_millis() / 1000 if context else 0.0
    try:
        with _interrupted_after(seconds - min(MARGIN_SECONDS, seconds / 10)):
            yield
    except _TimeIsUpError:
        raise OutOfTime(
            f"the {kind} task takes more than the {seconds:.0f} s that the function has: {remedy}; or deploy "
            f"the stack with a higher WorkerTimeout (900 at most) or {memory} (more memory is more processor)"
        ) from None
    except MemoryError:
        size = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        has = f"the {size} MiB that the function has" if size else "the function has"
        raise OutOfMemory(
            f"the {kind} task takes more memory than {has}: {remedy}; or deploy the stack with a higher "
            f"{memory}"
        ) from None


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raise _TimeIsUpError in the body after some seconds; never for 0, or where there are no signals."""
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _TimeIsUpError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
