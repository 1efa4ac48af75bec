"""What a SQL job does: its statements, and what each of its maps reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import InvalidParameter, InvalidQuery
from ..events import InputSpec
from ..named import of_input
from ..sqljob import SqlJob
from .database import Column, Statement
from .derive import columns_grouped_by, derive
from .table import parse_columns

OF_THE_WHOLE = "the LIMIT of its {} is meant for the whole: leave partitions at 1"


@dataclass(frozen=True, slots=True)
class Source:
    """What a job does with an input.

    Attributes:
        name: nothing where the job has a single map, and an input may have any name.
        query: the map as the user wrote it, from which the others may be derived.
        map: over rows of the input.
        columns: those of the input; None where its objects say them.
        columns_from: the field that says them.
        format: what its objects hold, as the job says.
    """

    name: str
    query: Statement
    map: Statement
    columns: tuple[Column, ...] | None
    columns_from: str
    format: object


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's statements.

    Attributes:
        sources: what it does with each input, by name.
        key: the names of the key's columns; None for all columns.
        one_partition: why the result is right only where there is one partition, or nothing if it always is.
    """

    sources: Mapping[str, Source]
    reduce: Statement
    finish: Statement | None
    key: tuple[str, ...] | None
    one_partition: str

    @property
    def statements(self) -> list[Statement]:
        """The statements that there are."""
        maps = [source.map for source in self.sources.values()]
        return [*maps, self.reduce, *([self.finish] if self.finish else [])]

    def source(self, input: InputSpec) -> Source:
        """Return what the job does with an input. Its own columns come before those that the job says.

        Raises InvalidParameter if it is none that the job reads, InvalidQuery for wrong columns.
        """
        name = "" if "" in self.sources else input.name
        source = of_input(self.sources, name)
        if input.columns is None:
            return source
        field = "input.columns"
        return replace(source, columns=parse_columns(input.columns, field), columns_from=field)


def field_of(name: str, field: str) -> str:
    """Return what messages call a field that an input has.

    Args:
        name: the input's; nothing where the job has a single map.
    """
    return f"sql.inputs.{name}.{field}" if name else f"sql.{field}"


def where_columns_go(name: str) -> str:
    """Return, for messages, where the columns of an input can be said."""
    return field_of(name, "columns") if name else 'sql.columns (--columns "name TYPE, …")'


def plan_of(job: SqlJob) -> Plan:
    """Return a job's plan, its `reduce` derived if it is left out. Raises InvalidQuery, InvalidParameter."""
    finish, one_partition = job.finish, ""
    # First of all, for messages with the place in the text.
    roles = {name: field_of(name, "map").removeprefix("sql.") for name in job.maps}
    queries = {name: Statement.parse(roles[name], one.map) for name, one in job.maps.items()}
    maps = queries
    if job.reduce is not None:
        reduce = job.reduce
        key, one_partition = _key_of(reduce, job.key)
    else:
        [query] = queries.values()
        derived = derive(query.text)
        maps, reduce = {"": Statement.parse("map", derived.map)}, derived.reduce
        if derived.finish is not None and finish is not None:
            raise InvalidQuery(
                "sql.finish: the map has an expression over aggregates, a HAVING, ORDER BY or LIMIT, which "
                "would have to become its finish; move that into sql.finish, or give sql.reduce too"
            )
        finish = finish if finish is not None else derived.finish
        key = _agreed(job.key, derived.key)
        if derived.one_partition:
            one_partition = OF_THE_WHOLE.format("map")
    sources = {}
    for name, one in job.maps.items():
        field = field_of(name, "columns")
        columns = None if one.columns is None else parse_columns(one.columns, field)
        sources[name] = Source(name, queries[name], maps[name], columns, field, one.format)
    plan = Plan(
        sources=sources,
        reduce=Statement.parse("reduce", reduce),
        finish=Statement.parse("finish", finish) if finish is not None else None,
        key=key,
        one_partition=one_partition,
    )
    _check_parameters(plan, job)
    return plan


def _key_of(reduce: str, given: tuple[str, ...] | None) -> tuple[tuple[str, ...] | None, str]:
    """Return the key of a reduce, and why there must be one partition: nothing if there may be several."""
    Statement.parse("reduce", reduce)
    unknown = 'its reduce does not say by what it groups: give sql.key, such as "key": ["ip"]'
    try:
        derived, grouped = derive(reduce), columns_grouped_by(reduce)
    except InvalidQuery:
        return given, unknown if given is None else ""
    if derived.key and not grouped:
        why = "its reduce groups by expressions: compute them in map, and group by their columns"
        return None, why
    return _agreed(given, grouped), OF_THE_WHOLE.format("reduce") if derived.one_partition else ""


def _agreed(given: tuple[str, ...] | None, grouped: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the key that is given, or what reduce groups by.

    Raises InvalidQuery if rows of one group could be in several partitions.
    """
    if given is None or grouped is None:
        return grouped if given is None else given
    known = {name.lower() for name in grouped}
    for name in given:
        if name.lower() not in known:
            raise InvalidQuery(
                f"sql.key: {name} is none of the columns that reduce groups by ({', '.join(grouped)}), so "
                "that rows of one group would be in several partitions"
            )
    return given


def _check_parameters(plan: Plan, job: SqlJob) -> None:
    used = frozenset().union(*(statement.parameters for statement in plan.statements))
    for name in sorted(used - job.arguments.keys()):
        raise InvalidParameter(
            f"params.{name}: got nothing, but ${name} stands in the job's SQL; give a value"
        )
    for name in sorted(job.arguments.keys() - used):
        raise InvalidParameter(f"params.{name}: no ${name} stands in the job's SQL; leave it out")
