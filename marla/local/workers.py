"""Repairs of the Lambda workers of ministack (1.5.33), made in its process.

- A worker that is busy when ministack is killed goes on, for minutes, with what nobody will ask for. Here it
  ends at once. Can go when ministack's workers do so.
- Of a worker that died ministack says only that, and ends all of the function if one died as it started.
  Here it says how, in Lambda's words, and ends no other. Can go when ministack reports Runtime.ExitError.
- A worker whose handler raised is ended. Here it takes the next event, as Lambda's do. Can go when ministack
  leaves it alive.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from typing import Any

from ministack.core import lambda_runtime

# What ministack says of a worker that died: as it worked, before it got its event, and before it was ready.
DIED, DIED_BEFORE, DIED_AT_ONCE = "Worker process died", "[Errno 32] Broken pipe", "Worker process exited"
DEATH_SECONDS = 5  # from the end of its output to its own
EXITED = "Runtime exited"  # how what is said here begins

# A worker's standard input is a pipe, which hangs up when ministack is gone. What ministack writes into it
# wakes nobody here.
END_WITH_MINISTACK = """
def end_with_ministack():
    import os, select
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    os._exit(1)

import threading
threading.Thread(target=end_with_ministack, daemon=True).start()
"""

# What a worker writes when its handler has raised, for which ministack would end it, and what it writes here.
FAILURE = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
RAISED = '{"status": "ok", "raised": {"error": str(e), "trace": traceback.format_exc()}}'

_ended = threading.local()  # how the worker process that this thread has collected last ended


def install() -> None:
    """Put the repairs of this module in place."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = END_WITH_MINISTACK + going_on(lambda_runtime._PYTHON_WORKER_SCRIPT)
    lambda_runtime._collect = remembering(lambda_runtime._collect)
    lambda_runtime.Worker.invoke = saying_how(lambda_runtime.Worker.invoke)


def going_on(script: str) -> str:
    """Return a worker's program that outlives its handler's exceptions: `saying_how` makes errors of them."""
    if script.count(FAILURE) != 1:
        raise RuntimeError("ministack's workers answer otherwise than those that this repairs")
    return script.replace(FAILURE, RAISED)


def remembering(collect: Any) -> Any:
    """Keep the exit status of a process that ministack collects, which it throws away."""

    def collect_process(process: subprocess.Popen[str] | None, deadline: float) -> None:
        collect(process, deadline)
        _ended.status = process.returncode if process is not None else None

    return collect_process


def saying_how(invoke: Any) -> Any:
    """Say how a worker died that did not answer, and what its handler raised."""

    def invoke_worker(worker: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = invoke(worker, *args, **kwargs)
        except (RuntimeError, BrokenPipeError) as error:
            if isinstance(error, RuntimeError) and not str(error).startswith(DIED_AT_ONCE):
                raise
            return {"status": "error", "error": f"{EXITED} {how(worker._proc.wait(DEATH_SECONDS))}"}
        if raised := answer.pop("raised", None):
            answer |= {"status": "error", **raised}
        if answer.get("error") in {DIED, DIED_BEFORE} and "trace" not in answer:
            answer["error"] = f"{EXITED} {how(_ended.status)}"
        return answer

    return invoke_worker


def how(status: int | None) -> str:
    """Return how a process ended, by its exit status, as Lambda puts it."""
    if not status:
        return "without providing a reason"
    if status > 0:
        return f"with error: exit status {status}"
    return f"with error: signal: {(signal.strsignal(-status) or str(-status)).lower()}"
