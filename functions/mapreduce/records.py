"""Whether a job's map takes what the records of a format are."""

from __future__ import annotations

import inspect
import typing
from types import UnionType
from typing import Any, Union

from .errors import InvalidParameter
from .formats import FORMATS, Format
from .job import Job

WORDS = {str: "a text", list: "a list of fields", dict: "a dict by columns", object: "a value of JSON"}


def check_taken(job: Job, format: Format, default: Format) -> None:
    """Raise InvalidParameter if a format's records are none that the job's map takes, and the map says so.

    It says so by the type of its parameter, as in `def map(self, record: str)`. A map that does not say may
    take anything, and what it raises for a record is about that record.

    Args:
        default: the format that the job has for the input; whatever its map says, it takes these records.
    """
    if format.record in {object, default.record} or _takes(job, format.record):
        return
    raise InvalidParameter(
        f"format: got {_name(format)}, of which a record is {WORDS[format.record]}, but {type(job).__name__} "
        f"maps what {_name(default)} gives, {WORDS[default.record]}: give that, or leave the format out"
    )


def _name(format: Format) -> str:
    name = next(name for name, kind in FORMATS.items() if isinstance(format, kind))
    return f"{name} with a header" if format.needs_header else name


def _takes(job: Job, record: type) -> bool:
    parameter = next(iter(inspect.signature(job.map).parameters), "")
    try:
        hint = typing.get_type_hints(job.map).get(parameter, Any)
    except Exception:  # a type is any expression, and often of names that only a type checker knows
        return True
    return any(_is_a(record, one) for one in _alternatives(hint))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in {Union, UnionType} else (hint,)


def _is_a(record: type, hint: Any) -> bool:
    kind = typing.get_origin(hint) or hint
    if kind is Any or not isinstance(kind, type):
        return True
    if typing.is_typeddict(kind):
        return record is dict
    try:
        return issubclass(record, kind)
    except TypeError:  # of a protocol
        return True
