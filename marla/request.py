"""What `marla run` asks for: a job or a query over an input, from options to the execution's input."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mapreduce import catalogue
from mapreduce.errors import MarlaError
from mapreduce.formats import Csv
from mapreduce.sqljob import SqlJob

from .arguments import meant
from .errors import UsageError

FIELDS = {
    "partitions": "partitions",
    "fan_in": "fanIn",
    "split_bytes": "splitBytes",
    "concurrency": "concurrency",
    "max_bad_records": "maxBadRecords",
    "max_record_bytes": "maxRecordBytes",
    "output": "output",
}
# A field of the execution's input, and the option that it comes from.
OPTIONS = {
    "sql.columns": "--columns",
    "format": "--format",
    "format.delimiter": "--delimiter",
    "format.quote": "--quote",
    "partitions": "--partitions",
    "output": "--output",
}


@dataclass(frozen=True)
class Request:
    """What to do with an input.

    Attributes:
        job: a name in the catalogue, or the fields of a query.
        inputs: INPUT arguments.
        params: values of parameters.
        format: what the input holds, where that is not the job's own or the query's.
        fields: others of the execution's input, as they are there.
        source: the option that a query comes from, and its file if there is one.
    """

    job: str | dict[str, Any]
    inputs: list[str]
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

    def execution_input(self, uris: list[str]) -> dict[str, Any]:
        """Return the execution's input: what to do, over what, and the fields whose options are given."""
        document: dict[str, Any] = {"sql" if self.is_query else "job": self.job}
        if self.format:
            document["input"] = [{"uri": uri, "format": self.format} for uri in uris]
        else:
            document["input"] = uris if len(uris) > 1 else uris[0]
        return document | ({"params": self.params} if self.params else {}) | self.fields


def from_options(options: argparse.Namespace) -> Request:
    """Return what the options of `marla run` ask for. Raises UsageError."""
    fields = {field: value for name, field in FIELDS.items() if (value := getattr(options, name)) is not None}
    return _of_query(options, fields) if _asks_in_sql(options) else _of_job(options, fields)


def _asks_in_sql(options: argparse.Namespace) -> bool:
    return options.sql is not None or options.sql_file is not None


# ---- a query ----------------------------------------------------------------------------------------------


def _of_query(options: argparse.Namespace, fields: dict[str, Any]) -> Request:
    inputs = options.operands
    if not inputs:
        raise UsageError("INPUT: got nothing; give what the query is to read: files, folders or s3:// URIs")
    if inputs[0] in catalogue.names() and not Path(inputs[0]).exists():
        raise UsageError(f"JOB: got {inputs[0]}, and a query too; leave one of them out")
    source = "--sql" if options.sql is not None else f"--sql-file: {options.sql_file}"
    return Request(_query(options, source), inputs, parameters(options.param, {}), None, fields, source)


def _query(options: argparse.Namespace, source: str) -> dict[str, Any]:
    """Return the field `sql`, from --sql or --sql-file and the options beside them."""
    if options.sql is not None and options.sql_file is not None:
        raise UsageError(f"--sql-file: got {options.sql_file}, and --sql too; leave one of them out")
    query = {"map": options.sql} if options.sql_file is None else _query_in(options.sql_file)
    if query.keys() == {"map"} and not str(query["map"]).strip():
        raise UsageError(f"{source}: got no query; give a SELECT from input")
    if options.columns is not None:
        query["columns"] = options.columns
    format = _format(options, query.get("format"))
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


def check_query(request: Request, files: Iterable[Path]) -> None:
    """Raise UsageError for what the stack would refuse a query for, before anything is uploaded for it.

    Args:
        files: of the input, those on this machine.
    """
    # They import DuckDB, which takes its time.
    from mapreduce.sql.check import check_sql  # noqa: PLC0415
    from mapreduce.sql.table import table_format  # noqa: PLC0415

    assert not isinstance(request.job, str)
    fields = request.fields
    try:
        job = SqlJob.inline(request.job, request.params)
        check_sql(job, fields.get("output"), [], fields.get("partitions", 1))
        formats = {file: table_format(None, job.format, file.name) for file in files}
    except MarlaError as error:
        raise UsageError(_in_options(str(error), request.source)) from error
    for file, format in formats.items():
        if job.columns is None and isinstance(format, Csv) and not format.header:
            raise UsageError(
                f"--columns: got nothing, and nothing else says what the columns of {file} are; give names "
                'with types, such as --columns "ip VARCHAR, revenue DOUBLE", or --header if each file begins '
                "with a line of names"
            )


def _in_options(message: str, source: str) -> str:
    """Return a message about fields of the execution's input as one about options."""
    field, colon, rest = message.partition(": ")
    if field in {"sql", "sql.map"}:
        return f"{source}{colon}{rest}"
    if field in OPTIONS:
        return f"{OPTIONS[field]}{colon}{rest}"
    if field.startswith("params."):
        return f"--param {field.removeprefix('params.')}{colon}{rest}"
    return f"{source}: {message}"


# ---- a job of the catalogue -------------------------------------------------------------------------------


def _of_job(options: argparse.Namespace, fields: dict[str, Any]) -> Request:
    if not options.operands:
        raise UsageError("JOB: got nothing to run; give a job of `marla jobs`, or --sql QUERY; then INPUT")
    job, *inputs = options.operands
    if any(character.isspace() for character in job):
        raise UsageError(f'JOB: got {job!r}, which is no job; for a query give --sql "{job}"')
    if not inputs:
        _check_no_input(job)
        raise UsageError(f"INPUT: got nothing; give what {job} is to read: files, folders or s3:// URIs")
    if options.columns is not None:
        raise UsageError(f"--columns: got {options.columns!r}; it goes with --sql, for {job} knows its input")
    return Request(job, inputs, parameters(options.param, _declared(job)), _format(options), fields)


def check_job(name: str) -> None:
    """Raise UsageError if a job is not in the catalogue of this machine, and so not of the local cloud."""
    names = catalogue.names()
    if name in names:
        return
    _check_no_input(name)
    raise UsageError(f"JOB: there is no {name!r}; the jobs are {', '.join(names)}{meant(name, names)}")


def _check_no_input(name: str) -> None:
    """Raise UsageError if what is given as a job is an input, and no job."""
    if name not in catalogue.names() and (Path(name).exists() or name.startswith("s3://")):
        raise UsageError(
            f"JOB: got {name}, which is an input; give a job of `marla jobs` first, or --sql QUERY"
        )


def _declared(job: str) -> Mapping[str, Any]:
    """Return a job's parameters. Whether there is such a job is for the stack to say: it may have others."""
    try:
        return catalogue.find(job).parameters()
    except Exception:
        return {}


def parameters(given: list[str], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters from `name=value` texts: values as JSON, but texts where the job declares texts."""
    params: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--param: got {text!r}; give name=value")
        if name in declared and isinstance(declared[name].default, str):
            params[name] = value
        else:
            try:
                params[name] = json.loads(value, parse_constant=str)  # NaN is no JSON
            except ValueError:
                params[name] = value
    return params


# ---- the input's format -----------------------------------------------------------------------------------


def _format(options: argparse.Namespace, of_query: Any = None) -> dict[str, Any] | None:
    """Return what the input holds, as options say it, on top of what a query says; None if they do not.

    Args:
        of_query: the format that a query has of its own; None if it has none, or where a job is run.
    """
    base = {"type": of_query} if isinstance(of_query, str) else of_query if isinstance(of_query, dict) else {}
    of_csv = {
        "delimiter": None if options.delimiter is None else _delimiter(options.delimiter),
        "quote": None if options.quote is None else _quote(options.quote),
        "header": options.header or None,
    }
    given = {name: value for name, value in of_csv.items() if value is not None}
    type = options.format or base.get("type")
    if given and type is None and _asks_in_sql(options):
        type = "csv"
    if given and type != "csv":
        but = f"the format is {type}" if type else "a job has a format of its own"
        raise UsageError(
            f"--{next(iter(given))}: it is for csv, but {but}; leave it out, or give --format csv"
        )
    if not options.format and not given:
        return None
    return (base if base.get("type") == type else {}) | {"type": type} | given


def _delimiter(text: str) -> str:
    delimiter = "\t" if text == r"\t" else text
    if len(delimiter) != 1:
        raise UsageError(rf"--delimiter: got {text!r}; give one character, or \t for a tab")
    return delimiter


def _quote(text: str) -> str:
    if len(text) > 1:
        raise UsageError(f"--quote: got {text!r}; give one character, or '' if there is no quoting")
    return text
