"""A handler in a process of its own: `python -m bench.invoke MODULE [PROCESSOR]`.

Events come in and answers go out, as JSON, a line each. With PROCESSOR the process keeps to that one, as a
Lambda function of 1,769 MB has one. It imports nothing but the handler, so that its peak memory is the
handler's.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

FUNCTIONS = Path(__file__).resolve().parents[1] / "functions"


def peak_bytes(pid: int | str = "self") -> int:
    """Return the most memory that a process has had resident.

    Not `ru_maxrss`: that counts what the process was before it became this program.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main(module: str, processor: str = "") -> None:
    """Answer events until there are no more."""
    if processor:
        os.sched_setaffinity(0, {int(processor)})
    sys.path.insert(0, str(FUNCTIONS))
    handler = importlib.import_module(module).handler
    answers, sys.stdout = sys.stdout, sys.stderr  # what a handler prints is no answer
    for line in sys.stdin:
        event = json.loads(line)
        began, busy = time.perf_counter(), time.process_time()
        value = handler(event, None)
        answer = {
            "value": value,
            "seconds": time.perf_counter() - began,
            "processor_seconds": time.process_time() - busy,
            "peak_bytes": peak_bytes(),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
