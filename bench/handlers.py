"""Handlers, each in a fresh process of its own, as a worker is in an execution environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from marla.local.cloud import ROOT

LAST_LINES = 10  # of the log, that an error shows


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returned, and what that took."""

    value: dict[str, Any]
    seconds: float
    processor_seconds: float
    peak_bytes: int  # of the process, since it began


def processor() -> int:
    """Return the processor that what is measured on one core is kept to."""
    return max(os.sched_getaffinity(0))


class HandlerError(Exception):
    """A handler's process ended without an answer."""


class Handler:
    """A module's `handler`, called in a process of its own.

    Args:
        module: `mapper`, `reducer`, or a module of bench.
        environment: variables beside those of this process.
        log: where what it says goes.
        pinned: whether it keeps to one processor.
    """

    def __init__(self, module: str, environment: dict[str, str], log: Path, *, pinned: bool = True) -> None:
        self._module = module
        self._log = log
        # Of the user's AWS, nothing.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.invoke", module, *([str(processor())] if pinned else [])],
                cwd=ROOT,
                env=inherited | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def call(self, event: dict[str, Any]) -> Answer:
        """Invoke the handler. Raises HandlerError."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            said = "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise HandlerError(f"{self._module}: no answer to {json.dumps(event)}\n{said}")
        return Answer(**json.loads(line))
