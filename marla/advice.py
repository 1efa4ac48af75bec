"""What to do about a failed job: in words for errors that say no remedy themselves, and as a command."""

from __future__ import annotations

from .execution import Progress, kind_of

_CONTINUE = "and resume the job"
_OTHERWISE = ", or start it anew with {less}"
_TOO_LITTLE_MEMORY = f"Raise the parameter {{memory}} of the stack {_CONTINUE}{_OTHERWISE}"
# By the error's name. {memory} and {less} are those of the task's kind.
_ADVICE = {
    "Sandbox.Timedout": (
        "Lambda ended the worker, for its time was up. Raise the parameter WorkerTimeout of the stack (900 s "
        f"at most) {_CONTINUE}{_OTHERWISE}"
    ),
    "Runtime.OutOfMemory": f"The worker needed more memory than its function has. {_TOO_LITTLE_MEMORY}",
    "Runtime.ExitError": (
        "The worker's process ended without an answer, again and again: mostly the system kills it when no "
        f"memory is left. {_TOO_LITTLE_MEMORY}"
    ),
    "Lambda.Unknown": (
        "Lambda does not say how the worker ended: mostly it had no memory left, or no time. "
        f"{_TOO_LITTLE_MEMORY}"
    ),
    "States.Timeout": (
        "Step Functions heard nothing from the worker in all the time that its function has, so Lambda may "
        f"have had an outage. Wait a little {_CONTINUE}"
    ),
    "States.DataLimitExceeded": (
        "It is more than the 256 KiB that Step Functions passes from state to state. Start the job anew with "
        "a shorter query, fewer or shorter parameters, or fewer inputs at once"
    ),
    "StorageUnavailable": (
        "S3 did not answer, or asked for fewer requests, and went on so as the task was tried again. Wait a "
        f"little {_CONTINUE}, with a lower --concurrency if other work needs the same buckets"
    ),
    "JobFailed": (
        "Correct the job, or the data that it cannot take, and start it anew: one that is resumed keeps both"
    ),
    "CorruptSegment": (
        "An intermediate object was damaged each time it was read. If that happened as it was read, it helps "
        "to resume the job; if it is damaged in itself, start the job anew"
    ),
    "Lambda.TooManyRequestsException": (
        "Your account's Lambda concurrency was used up all the time. Wait until other work is done, or have "
        f"the quota raised, {_CONTINUE}, with a lower --concurrency"
    ),
    "Lambda.AWSLambdaException": (
        "Lambda could not run the worker; the message says why: a permission that the state machine's role "
        f"lacks, the function's configuration or an outage. Mend it {_CONTINUE}"
    ),
}
_LAMBDA_FAILED = (
    "Lambda failed in itself, or could not be reached, each time that the task was tried: it may have had an "
    f"outage. Wait a little {_CONTINUE}"
)
_ADVICE |= dict.fromkeys(
    ("Lambda.ServiceException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException"),
    _LAMBDA_FAILED,
)
_JOB_TIMEOUT = f"The job took longer than the parameter JobTimeout of the stack allows. Raise it {_CONTINUE}"
_OF_KIND = {
    "Map": {"memory": "MapperMemory", "less": "a lower --split-bytes"},
    "Reduce": {"memory": "ReducerMemory", "less": "more --partitions"},
    "Result not published": {"memory": "ReducerMemory", "less": "fewer --partitions"},
}

# Resuming would come to the same end, or is refused: what is wrong is what was asked for, the job's code or
# its input, and a job that is resumed keeps all three.
_SAME_AGAIN = {
    "InvalidInput",
    "InvalidTask",
    "UnknownJob",
    "InvalidParameter",
    "InvalidQuery",
    "NoInput",
    "InputChanged",
    "ResumeRefused",
    "CodeChanged",
    "BadObject",
    "BadKey",
    "BadValue",
    "BadResult",
    "JobFailed",
    "OutputGone",
    "RecordsLost",
    "States.DataLimitExceeded",
    "States.QueryEvaluationError",
    "States.Runtime",
}
# What an error asks to be raised beside, for without it the same would happen again.
_OPTIONS = {
    "BadRecord": " --max-bad-records N",
    "TooManyBadRecords": " --max-bad-records N",
    "RecordTooLong": " --max-record-bytes SIZE",
}


def on(error: str, state: str, *, timed_out: bool = False) -> str:
    """Return what to do about an error, or nothing if its own message says so.

    Args:
        error: its name.
        state: where it happened.
        timed_out: whether all of the job took too long, and not a task.
    """
    if timed_out:
        return _JOB_TIMEOUT
    return _ADVICE.get(error, "").format(**_OF_KIND.get(kind_of(state), _OF_KIND["Map"]))


def is_resumable(error: str, cause: str) -> bool:
    """Say whether it may help to resume a job that failed with an error, rather than to start it anew.

    Args:
        error: its name.
        cause: its message, which may say itself to start the job again.
    """
    return error not in _SAME_AGAIN and "start the job again" not in cause


def command_to_resume(error: str, cause: str, name: str, progress: Progress, where: str) -> str:
    """Return the command that continues a failed job, or nothing if that is of no use.

    Args:
        error: the name of the error, and its `cause`, which may say itself to start the job again.
        name: the execution's.
        progress: of the execution: a job of which no task is done might as well be started anew.
        where: the options that say in which cloud.
    """
    is_begun = any(phase.succeeded for phase in progress.phases)
    if not is_begun or not is_resumable(error, cause):
        return ""
    return f"marla run --resume {name}{_OPTIONS.get(error, '')}{where}"


def options_of(stack: str, region: str | None) -> str:
    """Return the options, behind a space, that say in a command which stack on AWS it is about.

    Args:
        region: the stack's, or None if it is the usual one of who reads the command.
    """
    return f" --stack {stack}" + (f" --region {region}" if region else "")
