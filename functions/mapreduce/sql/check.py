"""Whether a SQL job can be run, as far as that can be told before any data is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidParameter
from ..events import InputSpec
from ..named import check_none_missing
from ..results import output_format
from ..sqljob import SqlJob
from .arguments import check_arguments
from .database import Column, Database
from .plan import Plan, Source, plan_of
from .shape import bind_map, bind_reduce, check_same, nothing
from .table import table_format


def check_sql(
    job: SqlJob, output: object, inputs: Sequence[Mapping[str, Any]], partitions: int, partitioning: str
) -> dict[str, Any]:
    """Return what a job makes of its parameters, and its result's columns if they are known yet.

    Args:
        output: the result's format, if the execution asks for one.
        inputs: those of the execution; each may have `name`, `format` and `columns`.
        partitioning: "hash", or what else the execution asks for.

    Raises InvalidQuery or InvalidParameter, with DuckDB's message and the place in the statement.
    """
    plan = plan_of(job)
    sources = _sources(plan, inputs)
    output_format(job, output)
    if partitioning != "hash":
        raise InvalidParameter(
            f"partitioning: got {partitioning!r}; a SQL job's partitions are made by hash: leave it out, or "
            "put the result in order in one more stage, with the job sort"
        )
    if partitions > 1 and plan.one_partition:
        raise InvalidParameter(
            f"partitions: got {partitions}; the job cannot have several: {plan.one_partition}"
        )
    with Database(job.arguments) as database:
        check_arguments(plan, database, job.arguments)
        partial = _partial_of(sources, database)
        result = bind_reduce(plan, database, partial).result if partial else ()
    return {"params": dict(job.arguments), "columns": [column.name for column in result]}


def _sources(plan: Plan, inputs: Sequence[Mapping[str, Any]]) -> list[Source]:
    """Return what each input is to the job; what the job says of its own, where no input is known yet.

    Raises InvalidParameter if one is none that the job reads, or one that it reads is not there.
    """
    for source in plan.sources.values():
        table_format(None, source.format, key="")
    found = []
    for number, fields in enumerate(inputs):
        input = InputSpec(number, fields.get("name") or "", fields.get("columns"))
        found.append(plan.source(input))
        table_format(fields.get("format"), found[-1].format, key="")
    if "" in plan.sources:
        return found or [plan.sources[""]]
    check_none_missing(plan.sources, [source.name for source in found])
    return found


def _partial_of(sources: list[Source], database: Database) -> tuple[Column, ...]:
    """Return the columns of partial rows; none, if those of no input are known. Raises InvalidQuery."""
    first: tuple[Column, ...] = ()
    maps: list[str] = []
    bound: list[Source] = []
    for number, source in enumerate(sources):
        if source.columns is None or source in bound:
            continue
        partial = bind_map(source, database, nothing(source.columns))
        same = source.map.role in [one.map.role for one in bound]
        maps.append(f"sql.{source.map.role}{f' over input[{number}]' if same else ''}")
        bound.append(source)
        first = first or partial
        check_same(maps[0], first, maps[-1], partial)
    return first
