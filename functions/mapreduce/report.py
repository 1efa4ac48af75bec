"""A task's failure as others may read of it: what it says of the data lies with the job's objects.

Lambda logs the message of what a function raises, and sends it on to traces and to the state machine, which
logs it too. Those who may read logs need not be those who may read the data. So an error leaves the function
without what it quotes, and says where the whole of it is.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from .errors import InternalError, MarlaError, StorageRefused, StorageUnavailable, kind_of
from .events import MapTask, ReduceTask
from .layout import error_key
from .storage import ObjectStore, write_json

FUNCTIONS = Path(__file__).parents[1]


def reported(error: Exception, task: MapTask | ReduceTask, store: ObjectStore, bucket: str) -> Exception:
    """Return an error of a task as the function is to raise it; raise it `from None`.

    If it quotes data, its whole message and traceback are written to an object of the job's that expires, as
    JSON: `error`, `message`, `traceback`.
    """
    if isinstance(error, StorageUnavailable):
        return error
    without_data = error.without_data if isinstance(error, MarlaError) else _of_a_bug(error)
    if isinstance(error, MarlaError) and without_data == str(error):
        return error
    kind = type(error) if isinstance(error, MarlaError) else InternalError
    key = error_key(task.prefix, task.output)
    content = {
        "error": kind.__name__,
        "message": str(error) if isinstance(error, MarlaError) else f"{without_data}: {error}",
        "traceback": "".join(traceback.format_exception(error)),
    }
    try:
        write_json(store, bucket, key, content)
        rest = f"What it says of the data is in s3://{bucket}/{key}, which `marla` shows"
    except (StorageRefused, StorageUnavailable) as refusal:
        rest = f"What it says of the data could not be written ({type(refusal).__name__})"
    message = f"{without_data}. {rest}"
    return kind(message, without_data=message)


def _of_a_bug(error: Exception) -> str:
    general = (InternalError.__doc__ or "").removesuffix(".")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(FUNCTIONS)]
    place = f" ({Path(ours[-1].filename).relative_to(FUNCTIONS)} line {ours[-1].lineno})" if ours else ""
    return f"{general}: {kind_of(error) if not place else type(error).__name__ + place}"
