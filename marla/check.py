"""What `marla run` refuses before anything is uploaded, for the stack would refuse it then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapreduce import catalogue
from mapreduce.check import check
from mapreduce.errors import InvalidParameter, MarlaError, described
from mapreduce.formats import Csv
from mapreduce.job import Job
from mapreduce.pipeline import Pipeline, job_options
from mapreduce.results import output_format
from mapreduce.sqljob import SqlJob

from . import pipelines
from .arguments import meant
from .errors import UsageError
from .request import AnyJob, Request, check_no_input

# A field of the execution's input, and the option that it comes from.
OPTIONS = {
    "sql.columns": "--columns",
    "format": "--format",
    "format.delimiter": "--delimiter",
    "format.quote": "--quote",
    "format.length": "--record-bytes",
    "partitions": "--partitions",
    "partitioning": "--partitioning",
    "output": "--output",
}


def check_query(request: Request, files: Iterable[tuple[str, Path]]) -> None:
    """Raise UsageError for what the stack would refuse a query for.

    Args:
        files: of the input, those on this machine, each with the name of its input.
    """
    # They import DuckDB, which takes its time.
    from mapreduce.sql.check import check_sql  # noqa: PLC0415
    from mapreduce.sql.table import table_format  # noqa: PLC0415

    assert not isinstance(request.job, str)
    fields = request.fields
    try:
        job = SqlJob.inline(request.job, request.params)
        inputs = [request.about(one.name) for one in request.inputs]
        partitioning = fields.get("partitioning", "hash")
        check_sql(job, fields.get("output"), inputs, fields.get("partitions", 1), partitioning)
        formats = {(name, file): table_format(None, job.maps[name].format, file.name) for name, file in files}
    except MarlaError as error:
        raise UsageError(_in_options(str(error), request.source)) from error
    for (name, file), format in formats.items():
        if job.maps[name].columns is None and isinstance(format, Csv) and not format.header:
            raise UsageError(_no_columns(name, file, request.source))


def _no_columns(name: str, file: Path, source: str) -> str:
    if name:
        return (
            f"{source}: sql.inputs.{name}.columns: got nothing, and nothing else says what the columns of "
            f'{file} are; give names with types, or "format": {{"type": "csv", "header": true}} if each file '
            "begins with a line of names"
        )
    return (
        f"--columns: got nothing, and nothing else says what the columns of {file} are; give names with "
        'types, such as --columns "ip VARCHAR, revenue DOUBLE", or --header if each file begins with a line '
        "of names"
    )


def check_job(request: Request) -> None:
    """Raise UsageError for what the local cloud would refuse a job for; it has this machine's catalogue."""
    name = request.name
    _check_name(name)
    try:
        found = catalogue.find(name)
        pipelines.check(name)
        if isinstance(found, Pipeline):
            found.check(request.params)
        for stage in _stages(found, request):
            stage.check()
    except MarlaError as error:
        raise UsageError(_in_options(str(error), f"JOB: {name}")) from error
    except UsageError:
        raise
    except Exception as error:  # the file of a job may hold anything
        raise UsageError(f"JOB: {name} cannot be loaded. {described(error)}") from error


def _check_name(name: str) -> None:
    names = catalogue.names()
    if name not in names:
        check_no_input(name)
        raise UsageError(f"JOB: there is no {name!r}; the jobs are {', '.join(names)}{meant(name, names)}")


@dataclass(frozen=True)
class _Stage:
    """A stage as the state machine has it checked, as far as it is known before it begins.

    Attributes:
        fields: with `inputs`.
        names: those that the pipeline has for the stage's parameters.
    """

    job: type[Job] | SqlJob
    fields: dict[str, Any]
    names: Mapping[str, str]

    def check(self) -> None:
        """Raise MarlaError for what is wrong, naming a field of the execution's input."""
        job = self.job
        if any(map(_is_reference, self.fields["params"].values())):
            # What an earlier stage makes of it is not known, but that the stage writes this output is.
            output_format(job, self.fields.get("output"))
            return
        try:
            check(self.fields)
        except InvalidParameter as error:
            raise InvalidParameter(_with_name_of_pipeline(str(error), self.names)) from error


def _stages(job: AnyJob, request: Request) -> Iterator[_Stage]:
    """Yield the stages of a job, with what is asked for."""
    inputs = [request.about(one.name) for one in request.inputs]
    if not isinstance(job, Pipeline):
        fields = {"job": request.name, "params": request.params, "inputs": inputs}
        yield _Stage(job, fields | job_options(job) | request.fields, {})
        return
    output = {name: request.fields[name] for name in request.fields if name == "output"}
    shared = {name: value for name, value in request.fields.items() if name != "output"}
    for number, (stage, fields) in enumerate(zip(job.stages, job.to_json(request.name), strict=True)):
        own: dict[str, Any] = {name: value for name, value in fields.items() if not _is_reference(value)}
        params = own.pop("params", {})
        names = {
            name: value["from"].removeprefix("params.")
            for name, value in params.items()
            if _is_reference(value) and value["from"].startswith("params.")
        }
        partitioning = {"partitioning": own.pop("partitioning")} if "partitioning" in own else {}
        merged = partitioning | shared | own | (output if number == len(job.stages) - 1 else {})
        merged["params"] = _resolved(params, names, request.params)
        merged["inputs"] = _inputs_of(own.get("input")) if number else inputs
        yield _Stage(stage.job, merged, names)


def _resolved(
    params: Mapping[str, Any], names: Mapping[str, str], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a stage's parameters, with those of the pipeline in place of references to them."""
    of_stage = {name: value for name, value in params.items() if name not in names}
    return of_stage | {name: given[other] for name, other in names.items() if other in given}


def _inputs_of(given: Any) -> list[dict[str, Any]]:
    """Return what is known of the inputs of a later stage: mostly nothing, of the result before it."""
    inputs = given if isinstance(given, list) else [given]
    return [
        {name: one[name] for name in ("name", "format", "columns") if name in one}
        if isinstance(one, dict)
        else {}
        for one in inputs
    ]


def _is_reference(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"from"}


def _with_name_of_pipeline(message: str, names: Mapping[str, str]) -> str:
    """Return a message about a stage's parameter as one about the pipeline's."""
    field, colon, rest = message.partition(": ")
    name = field.removeprefix("params.")
    return f"params.{names[name]}{colon}{rest}" if field.startswith("params.") and name in names else message


def _in_options(message: str, source: str) -> str:
    """Return a message about fields of the execution's input as one about options."""
    field, colon, rest = message.partition(": ")
    if field in {"sql", "sql.map", "job"}:
        return f"{source}{colon}{rest}"
    if field in OPTIONS:
        return f"{OPTIONS[field]}{colon}{rest}"
    if field.startswith("params."):
        return f"--param {field.removeprefix('params.')}{colon}{rest}"
    return f"{source}: {message}"
