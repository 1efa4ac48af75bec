"""How long the records of an input are, where all are as long: in bytes, or 0 where they are lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mapreduce import catalogue
from mapreduce.errors import MarlaError
from mapreduce.formats import Fixed, format_from
from mapreduce.pipeline import Pipeline


def of_task(task: Mapping[str, Any]) -> int:
    """Return the length of the records that a map task reads.

    Args:
        task: its input.
    """
    return _length(task.get("job"), task.get("format"))


def of_object(asked: Any, uri: str) -> int:
    """Return the length of the records in an object of an execution's own input.

    Args:
        asked: the execution's input, which may be any JSON.
    """
    if not isinstance(asked, dict):
        return 0
    given = asked.get("input")
    inputs = [each if isinstance(each, dict) else {"uri": each} for each in _list(given)]
    ours = [each for each in inputs if uri.startswith(str(each.get("uri")).removesuffix("*"))]
    nearest = max(ours, key=lambda each: len(str(each.get("uri"))), default={})
    stages = asked.get("stages")
    first = stages[0] if isinstance(stages, list) and stages and isinstance(stages[0], dict) else asked
    return _length(first.get("job"), nearest.get("format"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _length(job: Any, format_: Any) -> int:
    if not isinstance(job, str):  # a query
        return 0
    try:
        found = catalogue.find(job) if ":" not in job else catalogue.of_one_stage(job)
        default = (found.stages[0].job if isinstance(found, Pipeline) else found).format
        chosen = format_from(format_, default) if format_ else default
    except MarlaError:  # a job that is not in this catalogue
        return 0
    return chosen.length if isinstance(chosen, Fixed) else 0
