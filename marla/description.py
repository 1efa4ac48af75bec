"""What a job of the catalogue is, as a document: what it takes, reads and writes, and how to run it."""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from textwrap import dedent
from typing import Any

from mapreduce import catalogue
from mapreduce.errors import described
from mapreduce.formats import FORMATS, Format, format_from
from mapreduce.job import Job, Parameter
from mapreduce.lines import Csv
from mapreduce.pipeline import Pipeline
from mapreduce.sqljob import SqlInput, SqlJob

from .arguments import meant
from .errors import UsageError
from .request import AnyJob, names_of_inputs

TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
EXAMPLE_PARTITIONS = 4  # for a job whose partitions are in order; of one alone there is nothing to see


def of(name: str) -> dict[str, Any]:
    """Return the document of a job. Raises UsageError if there is no such job, or it cannot be loaded."""
    names = catalogue.names()
    if name not in names:
        raise UsageError(f"JOB: there is no {name!r}; the jobs are {', '.join(names)}{meant(name, names)}")
    try:
        return _of(name, catalogue.find(name))
    except Exception as error:  # the file of a job may hold anything
        raise UsageError(f"JOB: {name} cannot be loaded. {described(error)}") from error


def _of(name: str, job: AnyJob) -> dict[str, Any]:
    documented = job if isinstance(job, type) else import_module(f"jobs.{name.replace('-', '_')}")
    first, _, rest = (inspect.getdoc(documented) or "").partition("\n")
    document: dict[str, Any] = {
        "kind": "chain" if isinstance(job, Pipeline) else "sql" if isinstance(job, SqlJob) else "python",
        "description": first,
        "details": rest.strip("\n"),
        "parameters": {name: _parameter(one) for name, one in job.parameters().items()},
    }
    if isinstance(job, Pipeline):
        stages = [
            _stage(fields["job"], stage.job)
            for stage, fields in zip(job.stages, job.to_json(name), strict=True)
        ]
        document |= {"reads": stages[0]["reads"], "writes": stages[-1]["writes"], "stages": stages}
    else:
        document |= _between(job)
    return document | {"example": _example(name, job)}


def _stage(name: str, job: type[Job] | SqlJob) -> dict[str, Any]:
    summary = "" if isinstance(job, SqlJob) else (inspect.getdoc(job) or "").partition("\n")[0]
    return {"job": name, "description": summary} | _between(job)


def _parameter(parameter: Parameter) -> dict[str, Any]:
    minimum = {} if parameter.minimum is None else {"minimum": parameter.minimum}
    default = {"required": True} if parameter.required else {"default": parameter.default}
    return {
        "type": TYPES.get(parameter.type, parameter.type.__name__),
        **default,
        **minimum,
        "help": parameter.help,
    }


# ---- what it reads and writes -----------------------------------------------------------------------------


def _between(job: type[Job] | SqlJob) -> dict[str, Any]:
    """Return what a job, or a stage, reads and writes."""
    if isinstance(job, SqlJob):
        return {
            "reads": [_table(name, one) for name, one in job.maps.items()],
            "writes": {"format": job.output, "columns": _columns_of_result(job)},
            "statements": _statements(job),
        }
    formats = job.inputs or {"": job.format}
    return {
        "reads": [_named(name, {"format": _format(format)}) for name, format in formats.items()],
        "writes": {
            "format": job.output,
            "columns": list(job.columns),
            **({"separator": job.separator} if job.output == "text" else {}),
        },
        "partitioning": job.partitioning,
    }


def _named(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, **fields} if name else fields


def _format(format: Format) -> dict[str, Any]:
    """Return a format as an execution's input has it."""
    known = (name for name, kind in FORMATS.items() if isinstance(format, kind))
    return {
        "type": next(known, type(format).__name__),
        **{name: value for name, value in asdict(format).items() if value != ()},
    }


def _table(name: str, input: SqlInput) -> dict[str, Any]:
    """Return what a map of a SQL job reads; None is what objects say themselves, by suffix or schema."""
    format = input.format
    if format is not None:
        format = _format(format if isinstance(format, Format) else format_from(format, Csv()))
    columns = dict(input.columns) if isinstance(input.columns, Mapping) else input.columns
    return _named(name, {"format": format, "columns": columns})


def _statements(job: SqlJob) -> dict[str, Any]:
    given = {"map": job.map, "reduce": job.reduce, "finish": job.finish}
    statements: dict[str, Any] = {role: _dedented(text) for role, text in given.items() if text is not None}
    if job.inputs:
        statements["inputs"] = {name: {"map": _dedented(one.map)} for name, one in job.inputs.items()}
    return statements


def _dedented(text: str) -> str:
    return dedent(text).strip()


def _columns_of_result(job: SqlJob) -> list[str]:
    """Return the names of a query's columns, as far as they follow from it alone."""
    from mapreduce.sql.check import check_sql  # noqa: PLC0415 - imports DuckDB, which takes its time

    arguments = values(job.parameters(), job.example)
    inputs = [{"name": name} for name in job.inputs]
    columns: list[str] = check_sql(job.with_arguments(arguments), None, inputs, 1, "hash")["columns"]
    return columns


# ---- an example -------------------------------------------------------------------------------------------


def _example(name: str, job: AnyJob) -> dict[str, Any]:
    """Return how to run a job: the command over files in `data/`, and the execution's input over a bucket."""
    params = values(job.parameters(), job.example)
    names = names_of_inputs(job)
    command = ["marla", "run", name, *([f"{one}=data/{one}/" for one in names] or ["data/"])]
    input: Any = [{"uri": f"s3://my-bucket/data/{one}/", "name": one} for one in names]
    execution: dict[str, Any] = {"job": name, "input": input or "s3://my-bucket/data/"}
    for parameter, value in params.items():
        command += ["--param", f"{parameter}={value if isinstance(value, str) else json.dumps(value)}"]
    if params:
        execution["params"] = params
    if isinstance(job, type) and job.partitioning == "range":
        command += ["--partitions", str(EXAMPLE_PARTITIONS)]
        execution["partitions"] = EXAMPLE_PARTITIONS
    return {"command": shlex.join(command), "execution": execution}


def values(declared: Mapping[str, Parameter], example: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters for an example: those that a job gives for it, and something for all it requires."""
    required = {name: one for name, one in declared.items() if one.required and name not in example}
    return dict(example) | {name: _some(one) for name, one in required.items()}


def _some(parameter: Parameter) -> Any:
    if parameter.minimum is not None:
        return parameter.type(parameter.minimum)
    return {str: "text", int: 1, float: 1.0, bool: True}.get(parameter.type, parameter.type())
