"""What a SQL job is: two or three SELECTs, and the table that they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .errors import InvalidParameter, InvalidQuery
from .job import Parameter, arguments_for


@dataclass(frozen=True, kw_only=True)
class SqlJob:
    """A MapReduce job over a table, in DuckDB's SQL. The table has the name `input` in each statement.

    Attributes:
        map: turns rows of the input into partial rows. Each mapper runs it over its own part of the input.
        reduce: turns partial rows of several tasks into rows of the same columns; it is run in steps, on its
            own results too. Left out, it is derived from `map`, where that is possible (see sql/derive.py).
        finish: turns the reduced rows of a partition into result rows, in its own order. Left out, the result
            is the reduced rows in the order of `key`.
        key: the columns of partial rows by which they are partitioned: rows of equal keys meet in one
            partition. Left out, it is what `reduce` groups by, where that can be told.
        columns: names and SQL types of the input's columns, as an object or as in CREATE TABLE. May be left
            out where objects say it: parquet, jsonl, and csv with a header.
        format: what input objects hold, a Format or as in the execution input; left out, it goes by their
            suffix.
        output: "csv", "jsonl" or "parquet"; left out, csv, or jsonl if a column is nested.
        params: the job's parameters; `$name` stands for the value in any statement.
        arguments: their values.
    """

    map: str
    reduce: str | None = None
    finish: str | None = None
    key: tuple[str, ...] | None = None
    columns: Mapping[str, str] | str | None = None
    format: Any = None
    output: str | None = None
    params: Mapping[str, Parameter] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def inline(cls, spec: Mapping[str, Any], arguments: Mapping[str, Any]) -> SqlJob:
        """Return the job of an execution input's field `sql`. Raises InvalidQuery or InvalidParameter.

        Args:
            spec: `map`, and perhaps `reduce`, `finish`, `key`, `columns` and `format`.
            arguments: the values of `$name` in its statements.
        """
        known = [one.name for one in fields(cls) if one.name not in {"output", "params", "arguments"}]
        for name in spec:
            if name not in known:
                raise InvalidQuery(f"sql.{name}: unknown field; the fields are {', '.join(known)}")
        given = {name: value for name, value in spec.items() if value is not None}
        if "map" not in given:
            raise InvalidQuery("sql.map: got nothing; give a SELECT from input")
        if "key" in given:
            key = given["key"]
            if not isinstance(key, list) or not all(isinstance(name, str) for name in key):
                raise InvalidQuery(f"sql.key: got {key!r}; give a list of columns that map gives")
            given["key"] = tuple(key)
        for name, value in arguments.items():
            if not isinstance(value, (str, int, float, bool)):
                raise InvalidParameter(f"params.{name}: got {value!r}; give a text, a number, true or false")
        return cls(**given, arguments=dict(arguments))

    def parameters(self) -> dict[str, Parameter]:
        """Return the declared parameters by name."""
        return dict(self.params)

    def with_arguments(self, params: Mapping[str, Any]) -> SqlJob:
        """Return the job with its parameters set. Raises InvalidParameter."""
        return replace(self, arguments=arguments_for(self.parameters(), params))
