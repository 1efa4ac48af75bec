"""Whether a job can be run: asked before any input is listed, so that a wrong job costs one invocation."""

from __future__ import annotations

from typing import Any

from . import catalogue
from .errors import InvalidParameter
from .events import InputSpec, JobSpec
from .formats import Csv, Format, Parquet, format_from
from .job import Job
from .named import check_none_missing, of_input
from .pipeline import Pipeline
from .records import check_taken
from .results import output_format
from .sqljob import SqlJob


def check(event: dict[str, Any]) -> dict[str, Any]:
    """Return what a job makes of its parameters, and its columns; or raise what is wrong with it.

    Args:
        event: `job`, `params`, `output`, `partitions`, `partitioning`; `inputs`, each with `name`, `format`
            and `columns` if it says them; `pipeline`, the `name` and `params` of the one that the job is a
            stage of; and `later`, the stages behind this one, as the execution's input has them.
    """
    if event.get("pipeline"):
        _check_pipeline(event["pipeline"]["name"], event["pipeline"].get("params") or {})
    for stage in event.get("later") or []:
        _check_later(stage)
    spec = JobSpec.from_event(event)
    job = catalogue.load(spec.job, spec.params)
    inputs = event.get("inputs") or []
    if isinstance(job, SqlJob):
        from .sql.check import check_sql  # noqa: PLC0415 - imports DuckDB, which takes its time

        partitions = event.get("partitions") or 1
        return check_sql(job, spec.output, inputs, partitions, event.get("partitioning") or "hash")
    given = [
        InputSpec(number, one.get("name") or "", one.get("columns")) for number, one in enumerate(inputs)
    ]
    for input, fields in zip(given, inputs, strict=True):
        input_format(job, input, fields.get("format"))
    check_none_missing(job.inputs, [input.name for input in given])
    output_format(job, spec.output)
    return {
        "params": {name: getattr(job, name) for name in job.parameters()},
        "columns": list(job.columns),
    }


def _check_pipeline(name: str, params: dict[str, Any]) -> None:
    """Raise InvalidParameter for parameters of a pipeline that are wrong, those of its last stage too."""
    found = catalogue.find(name)
    if isinstance(found, Pipeline):
        found.check(params)


def _check_later(stage: dict[str, Any]) -> None:
    """Raise what is wrong with a stage that comes later, as far as that can be told without its parameters.

    What it says of itself may be a reference to what an earlier stage gives; that is not known yet.
    """
    job: type[Job] | SqlJob = SqlJob(map="") if "sql" in stage else catalogue.of_one_stage(stage["job"])
    output_format(job, stage.get("output"))
    if isinstance(job, SqlJob) and stage.get("partitioning") == "range":
        raise InvalidParameter(
            "partitioning: got range, but a stage is a SQL job, whose partitions are made by hash; say hash "
            "in that stage"
        )


def input_format(job: Job, input: InputSpec, requested: object) -> Format:
    """Return what an input of a Python job holds: as the execution's input says, or the job.

    Raises InvalidParameter; for a job of several inputs, if it has none of this name.
    """
    default = of_input(job.inputs, input.name) if job.inputs else job.format
    format = format_from(requested, default)
    if isinstance(format, Parquet):
        raise InvalidParameter(
            "format: got parquet, which SQL jobs read; give text, csv, jsonl, fixed or whole"
        )
    if input.columns is not None:
        if not isinstance(format, Csv):
            raise InvalidParameter("input.columns: a Python job takes names for csv only; leave them out")
        format = format_from({"type": "csv", "columns": input.columns}, format)
    check_taken(job, format, default)
    return format
