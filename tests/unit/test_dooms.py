"""Deaths of Lambda's workers in the local cloud, with workers of a program that only waits."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core import lambda_runtime

from marla.local.dooms import Doom

WAITING = [sys.executable, "-c", "import sys; sys.stdin.read()"]
ENOUGH = 10.0  # seconds


class Worker:
    """A worker as ministack's: one that is found dead as it is given an event begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._proc: subprocess.Popen[str] | None = None
        self._cold = True
        self.begun: list[subprocess.Popen[str]] = []

    def _spawn(self) -> None:
        self._proc = subprocess.Popen(WAITING, stdin=subprocess.PIPE, text=True)
        self.begun.append(self._proc)

    def invoke(self, seconds: float) -> dict[str, Any]:
        """Serve an event for so long; say whether it was served, or the process died."""
        if self._proc is None or self._proc.poll() is not None:
            self._spawn()
        assert self._proc
        try:
            self._proc.wait(seconds)
        except subprocess.TimeoutExpired:
            return {"status": "ok"}
        return {"status": "error"}


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    for process in worker.begun:
        with process:
            process.kill()


def test_an_invocation_that_lasts_too_long_dies(worker: Worker) -> None:
    fate = Doom(0.05)
    assert fate.befalls(worker, lambda: worker.invoke(ENOUGH)) == {"status": "error"}
    assert fate.killed
    assert [process.poll() for process in worker.begun] == [-9]


def test_an_invocation_that_is_over_before_is_let_alone(worker: Worker) -> None:
    fate = Doom(0.3)
    assert fate.befalls(worker, lambda: worker.invoke(0.01)) == {"status": "ok"}
    time.sleep(0.6)
    assert not fate.killed
    assert [process.poll() for process in worker.begun] == [None]


def test_a_process_that_dies_before_it_got_its_event_is_not_the_only_one_that_dies(worker: Worker) -> None:
    fate = Doom(0)

    def invoke() -> dict[str, Any]:
        assert worker._proc
        assert worker._proc.wait(ENOUGH) == -9  # found dead, as by ministack, which begins another
        return worker.invoke(ENOUGH)

    assert fate.befalls(worker, invoke) == {"status": "error"}
    assert [process.poll() for process in worker.begun] == [-9, -9]


def test_workers_are_as_these_tests_have_them() -> None:
    for name in ("_lock", "_proc", "_cold"):
        assert hasattr(lambda_runtime.Worker("f", {}, b""), name)
