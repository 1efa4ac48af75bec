"""The named errors of a job: each class name is the error name that Step Functions shows.

Lambda reports an exception's class as `errorType`, so these names reach the execution's history, the
console and the command line as they stand. A message says what, where and what to do about it.

Lambda logs an exception's message, and traces have it, and the state machine's log. So what a worker raises
in the end is what `without_data` gives; see `mapreduce.report`.
"""

import traceback
from pathlib import Path

JOBS_FOLDER = "jobs"


def described(error: BaseException) -> str:
    """Return an error's type and message, and the line of a job's file that it comes from, if it does."""
    return f"{type(error).__name__}: {error}{_place(error)}"


def kind_of(error: BaseException) -> str:
    """Return an error's type, and the line of a job's file that it comes from, but not what it says."""
    return f"{type(error).__name__}{_place(error)}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent.name == JOBS_FOLDER]
    return f" ({JOBS_FOLDER}/{Path(ours[-1].filename).name} line {ours[-1].lineno})" if ours else ""


def raised_in(error: BaseException, file: str) -> bool:
    """Say whether an error was raised by a file's own code, not by what it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename == file


class MarlaError(Exception):
    """An error of a job that repeating the task would not mend; CorruptSegment is the exception.

    Args:
        message: what, where, and what to do about it.
        without_data: the same with nothing in it of what objects contain, for logs; the message itself, if
            not given. Names of objects, jobs and parameters are no such thing.
    """

    def __init__(self, message: str = "", *, without_data: str = "") -> None:
        super().__init__(message)
        self._without_data = without_data

    @property
    def without_data(self) -> str:
        """The message as logs may have it."""
        return self._without_data or str(self)


class _QuotesData(MarlaError):
    """An error whose message quotes keys, values or records, unless its raiser says what does not."""

    @property
    def without_data(self) -> str:
        """What the error is about in general, and what it comes from."""
        general = (type(self).__doc__ or "").partition("\n")[0].removesuffix(".")
        cause = f", for {kind_of(self.__cause__)}" if self.__cause__ else ""
        return self._without_data or f"{general}{cause}"


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
    """An input object was overwritten after the job listed it, or since the job was begun that is resumed."""


class ResumeRefused(MarlaError):
    """A job cannot be resumed: it has another plan now, other code, or was never begun."""


class CodeChanged(MarlaError):
    """The stack was deployed with other code while the job ran."""


class BadObject(MarlaError):
    """An input object as a whole is damaged: it does not decompress, or its header cannot be read."""


class BadRecord(_QuotesData):
    """A record that the format or the job's map cannot read."""


class RecordTooLong(MarlaError):
    """A record is longer than `maxRecordBytes`."""


class BadKey(_QuotesData):
    """A key that cannot be grouped, sorted and partitioned."""


class BadValue(_QuotesData):
    """A value that JSON cannot say."""


class JobFailed(_QuotesData):
    """The job's combine or reduce raised."""


class BadResult(_QuotesData):
    """Result rows do not fit the result's format."""


class InternalError(_QuotesData):
    """MARLA itself failed, which is a bug: please report it."""


class CorruptSegment(MarlaError):
    """An intermediate object is damaged, or holds other records than its index says."""


class RecordsLost(MarlaError):
    """What is to be published is not what the last step wrote."""


class OutOfMemory(MarlaError):
    """A task needs more memory than the function has."""


class OutOfTime(MarlaError):
    """A task needs more time than the function has."""


class DiskFull(MarlaError):
    """The function's temporary storage is too small for the spilled data."""


class OutputGone(MarlaError):
    """An intermediate object of the job itself is gone."""


class StorageRefused(MarlaError):
    """The worker may not do what a job must with its own objects."""


class StorageUnavailable(Exception):
    """S3 did not answer. No MarlaError: trying the task again may help, and the state machine does."""


def in_words(type: type) -> str:
    """Return what people call a value of a type that JSON has."""
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(type) or f"a {type.__name__}"
