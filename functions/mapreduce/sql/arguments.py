"""Whether the values of a job's parameters are what its statements take them for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidParameter
from .database import Database, DataError, Statement
from .plan import Plan
from .syntax import Node, expression_text, parse, walk


def check_arguments(plan: Plan, database: Database, arguments: Mapping[str, Any]) -> None:
    """Raise InvalidParameter for a value that a statement casts to a type that it does not fit.

    So `CAST($since AS DATE)` and `$since::DATE` say what the parameter has to be. A task would say it too,
    but only when it has read some rows.
    """
    for statement in plan.statements:
        for cast in _casts(statement):
            name, text = cast["child"]["identifier"], expression_text(cast)
            try:
                database.execute(f"SELECT {text}", Statement(statement.role, text, frozenset({name})))
            except DataError as error:
                type = text.removesuffix(")").rpartition(" AS ")[2]
                raise InvalidParameter(
                    f"params.{name}: got {arguments[name]!r}; give a {type}, as which it stands in "
                    f"sql.{statement.role} ({error.reason})"
                ) from error


def _casts(statement: Statement) -> list[Node]:
    """Return the expressions in a statement that are a cast of a parameter and nothing else."""
    try:
        nodes = list(walk(parse(statement.text)))
    except RecursionError:  # nested deeper than Python likes, not DuckDB; a task will say what is wrong
        return []
    return [one for one in nodes if one.get("class") == "CAST" and one["child"]["class"] == "PARAMETER"]
