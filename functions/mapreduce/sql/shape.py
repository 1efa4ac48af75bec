"""The columns that pass between tasks and to the result: whether a job's statements agree about them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InvalidQuery
from .database import Column, Database, quoted
from .plan import Plan, Source

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
LOSSY_WITHIN = re.compile(r"\b(U?HUGEINT|INTERVAL|TIME WITH TIME ZONE)\b")


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of partial rows, and of the result.

    Attributes:
        key: the columns by which partial rows are partitioned, and the result sorted if there is no `finish`.
    """

    partial: tuple[Column, ...]
    key: tuple[str, ...]
    result: tuple[Column, ...]


def bind(plan: Plan, source: Source, database: Database, relation: str) -> Shape:
    """Return the shapes of a plan's rows, and leave `relation` to be `input`.

    Args:
        source: the input whose map gives the rows.
        relation: what that reads: a SELECT, in SQL.

    Raises InvalidQuery if a statement does not fit the columns that it reads, or `reduce` changes them.
    """
    shape = bind_reduce(plan, database, bind_map(source, database, relation))
    database.show(relation)
    return shape


def bind_map(source: Source, database: Database, relation: str) -> tuple[Column, ...]:
    """Return the columns of the partial rows that a map gives. Raises InvalidQuery."""
    database.show(relation)
    if source.query.text != source.map.text:
        database.describe(source.query)  # what is wrong with it is said of the user's own words
    partial = tuple(map(_typed, database.describe(source.map)))
    _check_names(source.map.role, partial)
    for column in partial:
        if column.type not in CARRIERS and LOSSY_WITHIN.search(column.type):
            raise InvalidQuery(
                f"sql.{source.map.role}: column {column.name} is {column.type}, which cannot pass between "
                "tasks as it is; cast what is in it to BIGINT, DOUBLE or VARCHAR"
            )
    return partial


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
    return f"{nulls(columns)} WHERE false"


def nulls(columns: tuple[Column, ...]) -> str:
    """Return a SELECT of one row with some columns, in which they are NULL."""
    some = ", ".join(f"CAST(NULL AS {column.type}) AS {quoted(column.name)}" for column in columns)
    return f"SELECT {some}"


def _typed(column: Column) -> Column:
    return Column(column.name, "INTEGER") if column.type == '"NULL"' else column


def check_same(one: str, columns: tuple[Column, ...], other: str, others: tuple[Column, ...]) -> None:
    """Raise InvalidQuery unless two maps give the same columns, by name and type.

    Args:
        one: what messages call the first.
        other: what they call the second.
    """
    wanted, given = ([column.name for column in some] for some in (columns, others))
    if [name.lower() for name in given] != [name.lower() for name in wanted]:
        raise InvalidQuery(
            f"{other}: gives the columns {', '.join(given)} where {one} gives {', '.join(wanted)}; all maps "
            "have to give the same ones, in the same order"
        )
    for before, after in zip(columns, others, strict=True):
        if before.type != after.type:
            raise InvalidQuery(
                f"{other}: column {after.name} is {after.type} where {one} gives {before.type}; cast it, so "
                f"that they agree (a NULL too, as in CAST(NULL AS {before.type}))"
            )


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
