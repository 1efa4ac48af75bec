"""`marla console` as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 15


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the console of the local cloud that MARLA_HOME names, on any free port.

    Args:
        folder: where what it says is written.

    Yields the URL that it prints, with the secret.
    """
    log = folder / "console.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "marla", "console", "--no-browser", "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _printed(process, log)
    finally:
        process.terminate()  # an interruption is ignored by what a shell has started in the background
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _printed(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"http://marla-\w+\.localhost:\d+/\?token=[\w-]+", log.read_text()):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"the console did not start:\n{log.read_text()}")
