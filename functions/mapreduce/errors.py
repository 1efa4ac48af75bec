"""The named errors of a job: each class name is the error name that Step Functions shows.

Lambda reports an exception's class as `errorType`, so these names reach the execution's history, the
console and the command line as they stand. A message says what, where and what to do about it.
"""

import traceback
from pathlib import Path

JOBS_FOLDER = "jobs"


def described(error: BaseException) -> str:
    """Return an error's type and message, and the line of a job's file that it comes from, if it does."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent.name == JOBS_FOLDER]
    place = f" ({JOBS_FOLDER}/{Path(ours[-1].filename).name} line {ours[-1].lineno})" if ours else ""
    return f"{type(error).__name__}: {error}{place}"


def raised_in(error: BaseException, file: str) -> bool:
    """Say whether an error was raised by a file's own code, not by what it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename == file


class MarlaError(Exception):
    """An error of a job that repeating the task would not mend."""


class InvalidTask(MarlaError):
    """A worker got an event that the state machine would not send."""


class UnknownJob(MarlaError):
    """No job of that name is in the catalogue."""


class InvalidParameter(MarlaError):
    """A job's parameter or an input option is unknown or of the wrong type."""


class InvalidQuery(MarlaError):
    """A SQL job's statement is wrong, or does not fit the columns of its input."""


class InputNotReadable(MarlaError):
    """An input object is gone, shorter than listed, or the mapper's role may not read it."""


class InputChanged(MarlaError):
    """An input object was overwritten after the job listed it."""


class BadObject(MarlaError):
    """An input object as a whole is damaged: it does not decompress, or its header cannot be read."""


class BadRecord(MarlaError):
    """A record that the format or the job's map cannot read."""


class RecordTooLong(MarlaError):
    """A record is longer than `maxRecordBytes`."""


class BadKey(MarlaError):
    """A key that cannot be grouped, sorted and partitioned."""


class BadValue(MarlaError):
    """A value that JSON cannot say."""


class JobFailed(MarlaError):
    """The job's combine or reduce raised."""


class BadResult(MarlaError):
    """Result rows do not fit the result's format."""


class CorruptSegment(MarlaError):
    """An intermediate object is damaged, or holds other records than its index says."""


class DiskFull(MarlaError):
    """The function's temporary storage is too small for the spilled data."""


class StorageRefused(MarlaError):
    """The worker may not do what a job must with its own objects."""


class StorageUnavailable(Exception):
    """S3 did not answer. No MarlaError: trying the task again may help, and the state machine does."""
