"""What a SQL job does: its statements, and whether they fit each other and the columns of the input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import duckdb

from ..errors import InvalidParameter, InvalidQuery
from ..sqljob import SqlJob
from .database import Column, Database, Statement, quoted
from .derive import columns_grouped_by, derive
from .syntax import parser

INTEGERS = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)")
FLOATS = ("FLOAT", "DOUBLE")
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
# Types that Parquet does not hold as they are, and what carries them without loss. Others come back as a type
# from which a cast restores them (measured with DuckDB 2.0; tests/unit/test_sql_plan.py tries them all).
CARRIERS = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "VARCHAR",
    "INTERVAL": "VARCHAR",
    "TIME WITH TIME ZONE": "VARCHAR",
}
OF_THE_WHOLE = "the LIMIT of its {} is meant for the whole: leave partitions at 1"
LOSSY_WITHIN = re.compile(r"\b(U?HUGEINT|INTERVAL|TIME WITH TIME ZONE)\b")


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's statements.

    Attributes:
        query: the map as the user wrote it, from which the others may be derived.
        key: the names of the key's columns; None for all columns.
        one_partition: why the result is right only where there is one partition, or nothing if it always is.
        columns: those of the input; None where its objects say them.
    """

    query: Statement
    map: Statement
    reduce: Statement
    finish: Statement | None
    key: tuple[str, ...] | None
    one_partition: str
    columns: tuple[Column, ...] | None

    @property
    def statements(self) -> list[Statement]:
        """The statements that there are."""
        return [one for one in (self.map, self.reduce, self.finish) if one]


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of partial rows, and of the result.

    Attributes:
        key: the columns by which partial rows are partitioned, and the result sorted if there is no `finish`.
    """

    partial: tuple[Column, ...]
    key: tuple[str, ...]
    result: tuple[Column, ...]


def plan_of(job: SqlJob) -> Plan:
    """Return a job's plan, its `reduce` derived if it is left out. Raises InvalidQuery, InvalidParameter."""
    finish, one_partition = job.finish, ""
    if job.reduce is not None:
        map, reduce = job.map, job.reduce
        key, one_partition = _key_of(reduce, job.key)
    else:
        Statement.parse("map", job.map)  # for a message with the place in the text
        derived = derive(job.map)
        map, reduce = derived.map, derived.reduce
        if derived.finish is not None and finish is not None:
            raise InvalidQuery(
                "sql.finish: the map has an expression over aggregates, a HAVING, ORDER BY or LIMIT, which "
                "would have to become its finish; move that into sql.finish, or give sql.reduce too"
            )
        finish = finish if finish is not None else derived.finish
        key = _agreed(job.key, derived.key)
        if derived.one_partition:
            one_partition = OF_THE_WHOLE.format("map")
    plan = Plan(
        query=Statement.parse("map", job.map),
        map=Statement.parse("map", map),
        reduce=Statement.parse("reduce", reduce),
        finish=Statement.parse("finish", finish) if finish is not None else None,
        key=key,
        one_partition=one_partition,
        columns=parse_columns(job.columns) if job.columns is not None else None,
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


def parse_columns(columns: Mapping[str, str] | str) -> tuple[Column, ...]:
    """Return the columns of the input. Raises InvalidQuery.

    Args:
        columns: `{"name": "TYPE", …}`, or as in CREATE TABLE: `"name TYPE, …"`.
    """
    if isinstance(columns, str):
        text = columns
    elif isinstance(columns, Mapping) and all(isinstance(type, str) for type in columns.values()):
        text = ", ".join(f"{quoted(name)} {type}" for name, type in columns.items())
    else:
        raise InvalidQuery(
            f'sql.columns: got {columns!r}; give {{"name": "TYPE"}}, or "name TYPE, name TYPE"'
        )
    return _declared(text)


@lru_cache(maxsize=16)
def _declared(text: str) -> tuple[Column, ...]:
    create = f"CREATE TEMP TABLE input ({text}\n)"  # which goes with its connection
    try:
        with parser() as scratch:
            statements = scratch.extract_statements(create)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.CREATE:
                raise InvalidQuery(f"sql.columns: got {text!r}; give names with types only")
            scratch.execute(create)
            rows = scratch.execute("DESCRIBE input").fetchall()
    except duckdb.Error as error:
        raise InvalidQuery(
            f'sql.columns: {error}; give names with SQL types, such as "ip VARCHAR"'
        ) from error
    return tuple(Column(name, type) for name, type, *_ in rows)


def bind(plan: Plan, database: Database, relation: str) -> Shape:
    """Return the shapes of a plan's rows, and leave `relation` to be `input`.

    Args:
        relation: what maps read: a SELECT, in SQL.

    Raises InvalidQuery if a statement does not fit the columns that it reads, or `reduce` changes them.
    """
    database.show(relation)
    if plan.query.text != plan.map.text:
        database.describe(plan.query)  # what is wrong with it is said of the user's own words
    partial = tuple(map(_typed, database.describe(plan.map)))
    _check_names("map", partial)
    for column in partial:
        if column.type not in CARRIERS and LOSSY_WITHIN.search(column.type):
            raise InvalidQuery(
                f"sql.map: column {column.name} is {column.type}, which cannot pass between tasks as it is; "
                "cast what is in it to BIGINT, DOUBLE or VARCHAR"
            )
    shape = bind_reduce(plan, database, partial)
    database.show(relation)
    return shape


def bind_reduce(plan: Plan, database: Database, partial: tuple[Column, ...]) -> Shape:
    """Return the shapes of a plan's rows, where those of partial rows are known. Raises InvalidQuery."""
    names = tuple(column.name for column in partial)
    database.show(nothing(partial))
    _check_reduce(partial, tuple(map(_typed, database.describe(plan.reduce))))
    known = {name.lower() for name in names}
    for name in plan.key or ():
        if name.lower() not in known:
            raise InvalidQuery(f"sql.key: map gives no column {name!r}; it gives {', '.join(names)}")
    result = tuple(map(_typed, database.describe(plan.finish))) if plan.finish else partial
    _check_names("finish", result)
    return Shape(partial, names if plan.key is None else plan.key, result)


def nothing(columns: tuple[Column, ...]) -> str:
    """Return a SELECT of no rows with some columns."""
    nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {quoted(column.name)}" for column in columns)
    return f"SELECT {nulls} WHERE false"


def _typed(column: Column) -> Column:
    return Column(column.name, "INTEGER") if column.type == '"NULL"' else column


def _check_reduce(partial: tuple[Column, ...], reduced: tuple[Column, ...]) -> None:
    given, wanted = ([column.name for column in columns] for columns in (reduced, partial))
    if [name.lower() for name in given] != [name.lower() for name in wanted]:
        raise InvalidQuery(
            f"sql.reduce: gives the columns {', '.join(given)} where map gives {', '.join(wanted)}; "
            "it has to give the same ones, for it is applied to its own results too"
        )
    for before, after in zip(partial, reduced, strict=True):
        if not _fits(after.type, before.type):
            raise InvalidQuery(
                f"sql.reduce: column {after.name} is {after.type} where map gives {before.type}; "
                "cast it in map or in reduce, so that they agree"
            )


def _check_names(role: str, columns: tuple[Column, ...]) -> None:
    names = [column.name.lower() for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise InvalidQuery(f"sql.{role}: gives two columns {name!r}; name each with AS")


def _fits(given: str, wanted: str) -> bool:
    """Say whether every value of a type that the other can hold becomes it, and any other is an error."""
    if given == wanted:
        return True
    if INTEGERS.fullmatch(given):
        return bool(INTEGERS.fullmatch(wanted) or wanted in FLOATS or DECIMAL.fullmatch(wanted))
    from_scale, to_scale = DECIMAL.fullmatch(given), DECIMAL.fullmatch(wanted)
    if from_scale:
        return wanted in FLOATS or bool(to_scale and int(to_scale[2]) >= int(from_scale[2]))
    return given == "FLOAT" and wanted == "DOUBLE"


def carried(columns: tuple[Column, ...]) -> str:
    """Return a select list that makes partial rows fit for Parquet."""
    return ", ".join(
        f"CAST({quoted(column.name)} AS {CARRIERS[column.type]}) AS {quoted(column.name)}"
        if column.type in CARRIERS
        else quoted(column.name)
        for column in columns
    )


def cast(columns: tuple[Column, ...]) -> str:
    """Return a select list that gives columns their types."""
    return ", ".join(
        f"CAST({quoted(column.name)} AS {column.type}) AS {quoted(column.name)}" for column in columns
    )


def listed(names: tuple[str, ...]) -> str:
    """Return names as SQL writes a list of them."""
    return ", ".join(map(quoted, names))
