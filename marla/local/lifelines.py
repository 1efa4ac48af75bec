"""The two servers of the local cloud end together, however one of them ends.

What one holds in memory the other refers to, so that one alone is of no use, and would stay behind. Each
server holds the writing end of a pipe into which nothing is ever written, and reads the other's: that read
ends when the other does, even by SIGKILL. Until the second server runs, whoever starts them holds its end, so
that a start that is killed halfway leaves nothing either.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

VARIABLE = "MARLA_LIFELINE"  # READ:WRITE:PARTNER:HOME, of a server's environment
DEATH = "died"  # the file in the home folder that names the server that ended first
FOLDER = "tmp"  # within the home folder, what TMPDIR names for the servers and all that they start
CLEAR_SECONDS = 5.0


@dataclass(frozen=True)
class Lifeline:
    """What a server inherits: the end to read of its partner's pipe, and the end to hold of its own."""

    partner: str
    read: int
    write: int

    def variable(self, home: Path) -> dict[str, str]:
        """The environment variable in which the server finds it, and the home folder."""
        return {VARIABLE: f"{self.read}:{self.write}:{self.partner}:{home}"}


@contextmanager
def lifelines(one: str, other: str) -> Iterator[dict[str, Lifeline]]:
    """Make a lifeline for each of two servers, by name; this process lets go of both at the end."""
    pipes = {one: os.pipe(), other: os.pipe()}
    try:
        yield {
            one: Lifeline(other, pipes[other][0], pipes[one][1]),
            other: Lifeline(one, pipes[one][0], pipes[other][1]),
        }
    finally:
        for end in (*pipes[one], *pipes[other]):
            os.close(end)


def end_with_partner() -> None:
    """Let this process end as soon as the other server has; one that was started by hand has no other.

    Its workers end with it, the home's temporary folder goes, and a file says which server ended first.
    """
    given = os.environ.pop(VARIABLE, "")  # its workers are not to see it
    if not given:
        return
    read, write, partner, home = given.split(":", 3)
    for end in (read, write):
        os.set_inheritable(int(end), False)
    threading.Thread(target=_end, args=(int(read), partner, Path(home)), name="lifeline", daemon=True).start()


def _end(read: int, partner: str, home: Path) -> None:
    os.read(read, 1)
    try:
        (home / DEATH).write_text(partner)
        clear(home / FOLDER)
    finally:
        # Not in good order: that would wait for what the other server was to answer.
        os.kill(os.getpid(), signal.SIGKILL)


def clear(folder: Path) -> None:
    """Kill the processes that run a script in a folder, as ministack's workers do, and remove the folder."""
    deadline = time.monotonic() + CLEAR_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        for process in _running_in(folder):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():  # a worker that is just ending may still have written
            time.sleep(0.02)


def _running_in(folder: Path) -> Iterable[psutil.Process]:
    for process in psutil.process_iter(["cmdline"]):
        _, *arguments = process.info["cmdline"] or [""]
        if arguments and Path(arguments[0]).is_relative_to(folder):
            yield process
