"""What a failed task says of the data: it is in an object of the job, for logs are not to have it."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from .stack import Stack

_ELSEWHERE = re.compile(
    r"\. What it says of the data is in s3://(?P<bucket>[^/]+)/(?P<key>jobs/.+/errors/.+\.json), "
    r"which `marla` shows$"
)
_FRAME = re.compile(r'  File "(?P<file>.+)", line \d+, in ')
_JOBS_FILE = re.compile(r".*/(?=jobs/[^/]+\.py$)")  # what is before it depends on who runs it
_TRACEBACK = "Traceback (most recent call last):"
_MARKS = re.compile(r"[ ~^]+")  # below a frame's line of code


class Detail(NamedTuple):
    """What a task says of its failure.

    Attributes:
        message: all of it.
        traceback: lines of it, from the job's own file and the error's; none, if the job's file had no part.
    """

    message: str
    traceback: tuple[str, ...] = ()


def of(stack: Stack, message: str) -> Detail:
    """Return the whole of a message that refers to an object of the stack's.

    As it is, if that object cannot be read.
    """
    found = _ELSEWHERE.search(message)
    if not found or found["bucket"] != stack.job_bucket:
        return Detail(message)
    try:
        answer = stack.s3.get_object(Bucket=found["bucket"], Key=found["key"])
        content = json.loads(answer["Body"].read())
        return Detail(str(content["message"]), frames_of_job(str(content.get("traceback", ""))))
    except (ClientError, BotoCoreError, ValueError, LookupError, TypeError, AttributeError):
        return Detail(message)


def frames_of_job(traceback: str) -> tuple[str, ...]:
    """Return what a traceback has of a job's own file: its last frames there, and the error.

    Of errors one for the other it is the first that has such frames, for it is what they all come from.

    Args:
        traceback: as Python formats it.
    """
    for part in traceback.split(_TRACEBACK)[1:]:
        frames = _frames(part.splitlines())
        runs = [
            [line for _, lines in run for line in lines]
            for is_job, run in groupby(frames, key=lambda frame: frame[0])
            if is_job
        ]
        if runs:
            return (*runs[-1], *_error(part.splitlines()))
    return ()


def _frames(lines: list[str]) -> list[tuple[bool, list[str]]]:
    """Return the frames of a traceback: whether each is of a job's file, and its lines."""
    frames: list[tuple[bool, list[str]]] = []
    for line in lines:
        if found := _FRAME.match(line):
            short = _JOBS_FILE.sub("", found["file"])
            frames.append((short != found["file"], [line.replace(found["file"], short, 1)]))
        elif frames and line.startswith("    ") and not _MARKS.fullmatch(line):
            frames[-1][1].append(line)
    return frames


def _error(lines: list[str]) -> list[str]:
    """Return the lines that name the error: those behind the frames, up to what is said of another one."""
    last = max(index for index, line in enumerate(lines) if line.startswith("  "))
    error = lines[last + 1 :]
    return error[: error.index("")] if "" in error else error
