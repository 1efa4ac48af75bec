"""What `marla run` asks for: a job or a query over an input, from options to the execution's input."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mapreduce import catalogue
from mapreduce.job import Job, Parameter
from mapreduce.pipeline import Pipeline
from mapreduce.sqljob import SqlJob

from . import input_format, operands
from .errors import UsageError
from .inputs import Located
from .operands import Operand

AnyJob = type[Job] | SqlJob | Pipeline  # what the catalogue has

FIELDS = {
    "partitions": "partitions",
    "fan_in": "fanIn",
    "split_bytes": "splitBytes",
    "concurrency": "concurrency",
    "max_bad_records": "maxBadRecords",
    "max_record_bytes": "maxRecordBytes",
    "partitioning": "partitioning",
    "output": "output",
    "speculate": "speculate",
    "keep_intermediates": "keepIntermediates",
}


@dataclass(frozen=True)
class Request:
    """What to do with an input.

    Attributes:
        job: a name in the catalogue, or the fields of a query.
        inputs: INPUT arguments, each with its name if the job has names for its inputs.
        params: values of parameters.
        format: what the input holds, where that is not the job's own or the query's.
        fields: others of the execution's input, as they are there.
        source: the option that a query comes from, and its file if there is one.
    """

    job: str | dict[str, Any]
    inputs: list[Operand]
    params: dict[str, Any]
    format: dict[str, Any] | None
    fields: dict[str, Any]
    source: str = ""

    @property
    def is_query(self) -> bool:
        """Whether SQL is given, and no job of the catalogue."""
        return not isinstance(self.job, str)

    @property
    def name(self) -> str:
        """What to call it: the job's name, or `sql`."""
        return self.job if isinstance(self.job, str) else "sql"

    def execution_input(self, located: list[Located]) -> dict[str, Any]:
        """Return the execution's input: what to do, over what, and the fields whose options are given.

        Args:
            located: where the inputs are in S3.
        """
        inputs = [self._input(one) for one in located]
        document = {
            "sql" if self.is_query else "job": self.job,
            "input": inputs if len(inputs) > 1 else inputs[0],
        }
        return document | ({"params": self.params} if self.params else {}) | self.fields

    def _input(self, one: Located) -> str | dict[str, Any]:
        more = self.about(one.name)
        return {"uri": one.uri} | more if more else one.uri

    def about(self, name: str) -> dict[str, Any]:
        """Return the fields of an input object, beside its URI, for inputs of a name."""
        return ({"name": name} if name else {}) | ({"format": self.format} if self.format else {})


def from_options(options: argparse.Namespace) -> Request:
    """Return what the options of `marla run` ask for. Raises UsageError."""
    fields = {field: value for name, field in FIELDS.items() if (value := getattr(options, name)) is not None}
    return _of_query(options, fields) if _asks_in_sql(options) else _of_job(options, fields)


def _asks_in_sql(options: argparse.Namespace) -> bool:
    return options.sql is not None or options.sql_file is not None


# ---- a query ----------------------------------------------------------------------------------------------


def _of_query(options: argparse.Namespace, fields: dict[str, Any]) -> Request:
    given = options.operands
    if not given:
        raise UsageError("INPUT: got nothing; give what the query is to read: files, folders or s3:// URIs")
    if given[0] in catalogue.names() and not Path(given[0]).exists():
        raise UsageError(f"JOB: got {given[0]}, and a query too; leave one of them out")
    source = "--sql" if options.sql is not None else f"--sql-file: {options.sql_file}"
    query = _query(options, source)
    names = query["inputs"] if isinstance(query.get("inputs"), dict) else ()
    inputs = operands.by_name(given, names, "the query")
    return Request(query, inputs, parameters(options.param, {}), None, fields, source)


def _query(options: argparse.Namespace, source: str) -> dict[str, Any]:
    """Return the field `sql`, from --sql or --sql-file and the options beside them."""
    if options.sql is not None and options.sql_file is not None:
        raise UsageError(f"--sql-file: got {options.sql_file}, and --sql too; leave one of them out")
    query = {"map": options.sql} if options.sql_file is None else _query_in(options.sql_file)
    if query.keys() == {"map"} and not str(query["map"]).strip():
        raise UsageError(f"{source}: got no query; give a SELECT from input")
    if options.columns is not None:
        query["columns"] = options.columns
    if query.get("inputs"):
        input_format.refuse(options, f"each input has a format of its own, in {source}")
    format = input_format.from_options(options, query.get("format"), by_default="csv")
    return query | ({"format": format} if format else {})


def _query_in(path: Path) -> dict[str, Any]:
    """Return the fields of a query that a file holds: a SELECT, or by its suffix JSON or YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"--sql-file: {path}: {reason}; give a file that holds a SELECT") from error
    suffix = path.suffix.lower()
    if suffix not in {".json", ".yaml", ".yml"}:
        return {"map": text}
    try:
        query = json.loads(text) if suffix == ".json" else yaml.safe_load(text)
        query = json.loads(json.dumps(query))  # YAML has dates and others that an execution's input has not
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise UsageError(f"--sql-file: {path}: {error}") from error
    if not isinstance(query, dict):
        raise UsageError(
            f"--sql-file: {path}: got {json.dumps(query)[:200]}; give an object, such as "
            '{"map": "SELECT …"}'
        )
    return query


# ---- a job of the catalogue -------------------------------------------------------------------------------


def _of_job(options: argparse.Namespace, fields: dict[str, Any]) -> Request:
    if not options.operands:
        raise UsageError("JOB: got nothing to run; give a job of `marla jobs`, or --sql QUERY; then INPUT")
    job, *inputs = options.operands
    if any(character.isspace() for character in job):
        raise UsageError(f'JOB: got {job!r}, which is no job; for a query give --sql "{job}"')
    found = _found(job)
    names = None if found is None else names_of_inputs(found)
    if not inputs and not names:
        check_no_input(job)
        raise UsageError(f"INPUT: got nothing; give what {job} is to read: files, folders or s3:// URIs")
    if options.columns is not None:
        raise UsageError(f"--columns: got {options.columns!r}; it goes with --sql, for {job} knows its input")
    if names:
        input_format.refuse(options, f"each input of {job} has a format of its own")
    return Request(
        job=job,
        inputs=operands.by_name(inputs, names, job),
        params=parameters(options.param, found.parameters() if found else {}),
        format=input_format.from_options(options),
        fields=fields,
    )


def names_of_inputs(job: AnyJob) -> list[str]:
    """Return the names of a job's inputs, or of its first stage's; none if there is but one input."""
    first = job.stages[0].job if isinstance(job, Pipeline) else job
    return list(first.inputs)


def check_no_input(name: str) -> None:
    """Raise UsageError if what is given as a job is an input, and no job."""
    if name not in catalogue.names() and (Path(name).exists() or name.startswith("s3://")):
        raise UsageError(
            f"JOB: got {name}, which is an input; give a job of `marla jobs` first, or --sql QUERY"
        )


def _found(job: str) -> AnyJob | None:
    """Return a job of the catalogue, or None, for a stack may have one that this machine has not."""
    try:
        return catalogue.find(job)
    except Exception:
        return None


def parameters(given: list[str], declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return parameters from `name=value` texts: values as JSON, but texts where the job declares texts."""
    params: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--param: got {text!r}; give name=value")
        if name in params:
            raise UsageError(f"--param: got {text!r}, and {name} before it; leave one of them out")
        if name in declared and declared[name].type is str:
            params[name] = value
        else:
            try:
                params[name] = json.loads(value, parse_constant=str)  # NaN is no JSON
            except ValueError:
                params[name] = value
    return params
