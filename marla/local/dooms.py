"""Deaths of Lambda's workers in the local cloud, of those that serve invocations which are to suffer them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime

AGAIN = 0.01  # seconds between two looks at whether an invocation that was struck is over


class Doom:
    """The end of the process that serves an invocation, some seconds after its handler began.

    A process that dies before it got its event is replaced by ministack, which takes it for one that died
    since its last invocation; so what serves this one is struck until the invocation is over.
    """

    def __init__(self, seconds: float) -> None:
        self.killed = False
        self._seconds = seconds
        self._over = threading.Event()
        self._lock = threading.Lock()

    def befalls(self, worker: Any, invoke: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run an invocation on a worker of ministack's, unless it lasts too long."""
        lambda_runtime.ensure_spawned(worker)  # the handler is what dies, not the start of its environment
        threading.Thread(target=self._strike, args=[worker], daemon=True).start()
        try:
            return invoke()
        finally:
            with self._lock:
                self._over.set()

    def _strike(self, worker: Any) -> None:
        wait = self._seconds
        while not self._over.wait(wait):
            with self._lock:
                process = worker._proc
                if not self._over.is_set() and process is not None and process.poll() is None:
                    process.kill()
                    process.wait()
                    self.killed = True
            wait = AGAIN


doom: ContextVar[Doom | None] = ContextVar("doom", default=None)  # of the invocation in whose context it is


@functools.cache
def make_workers_mortal() -> None:
    """Let invocations whose context has a doom meet it. ministack (1.5.33) has nothing of the kind."""
    immortal = lambda_runtime.Worker.invoke

    @functools.wraps(immortal)
    def invoke(worker: Any, *arguments: Any, **options: Any) -> Any:
        run = functools.partial(immortal, worker, *arguments, **options)
        fate = doom.get()
        return fate.befalls(worker, run) if fate else run()

    lambda_runtime.Worker.invoke = invoke
