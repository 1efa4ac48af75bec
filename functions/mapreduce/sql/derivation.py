"""What a query over the whole table becomes: the statements of a SQL job, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidQuery

REMEDY = "give map and reduce yourself"


@dataclass(frozen=True, slots=True)
class Derived:
    """The statements of a SQL job that together do what one query does over the whole table.

    Attributes:
        map: over rows of the input.
        reduce: over partial rows.
        finish: over reduced rows; None if these are the result.
        key: the columns of partial rows whose equal values have to meet in one partition. `()`: all rows have
            to, for the query aggregates the whole table. None: all columns, for the query has no aggregates;
            equal rows of a DISTINCT have to meet, and others may be anywhere. (Their names are not known here
            if the query says `*`.) A name is as the query writes it; compare it without regard to case.
        one_partition: right only where there is one partition, for the query has LIMIT or OFFSET, or DISTINCT
            with aggregates. An ORDER BY alone sorts the rows of each partition.
    """

    map: str
    reduce: str
    finish: str | None
    key: tuple[str, ...] | None
    one_partition: bool


def refusal(what: str, why: str, remedy: str = "") -> InvalidQuery:
    """Return the error that says why no reduce can be derived, and what to do about it."""
    remedies = f"{remedy}, or {REMEDY}" if remedy else REMEDY
    return InvalidQuery(f"sql.map: {what}: no reduce can be derived, for {why}; {remedies}")
