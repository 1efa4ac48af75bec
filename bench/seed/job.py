"""The whole of a seed-style job: two workers at a time, step by step."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bench.clouds import Cloud
from bench.handlers import Handler

from .steps import halving

WORKERS = 2


class Pool:
    """Processes that each have a handler, for as many threads."""

    def __init__(self, module: str, environment: dict[str, str], log: Path, stack: ExitStack) -> None:
        self._idle: SimpleQueue[Handler] = SimpleQueue()
        for _ in range(WORKERS):
            self._idle.put(stack.enter_context(Handler(module, environment, log, pinned=False)))

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the handler in a process that is idle."""
        handler = self._idle.get()
        try:
            return handler.call(event).value
        finally:
            self._idle.put(handler)


class SeedJob:
    """A job of seed-style workers that are warm."""

    def __init__(self, cloud: Cloud, prefix: int, log: Path, stack: ExitStack) -> None:
        self._bucket = cloud.stack.job_bucket
        self._prefix = prefix
        environment = cloud.worker_environment()
        self._mappers = Pool("bench.seed.mapper", environment, log, stack)
        self._reducers = Pool("bench.seed.reducer", environment, log, stack)
        self._threads = stack.enter_context(ThreadPoolExecutor(WORKERS))

    def run(self, inputs: list[str], folder: str) -> tuple[str, float]:
        """Map and reduce the objects `inputs`; return the result's key and the seconds that it took."""
        began = time.perf_counter()
        outputs = [f"{folder}map/{task}" for task in range(len(inputs))]
        events = [
            {"bucket": self._bucket, "key": key, "output": output, "prefix": self._prefix}
            for key, output in zip(inputs, outputs, strict=True)
        ]
        list(self._threads.map(self._mappers.call, events))
        result = outputs[0]
        for step in halving(outputs, folder):
            events = [{"bucket": self._bucket, **task._asdict()} for task in step]
            list(self._threads.map(self._reducers.call, events))
            result = step[-1].output
        return result, time.perf_counter() - began
