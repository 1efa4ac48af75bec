"""What a SQL job is: two or three SELECTs, and the table that they read; or several, with a map each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .errors import InvalidParameter, InvalidQuery
from .job import Parameter, arguments_for

EXAMPLE = '{"visits": {"map": "SELECT …", "columns": {"name": "TYPE"}}}'


@dataclass(frozen=True, kw_only=True)
class SqlInput:
    """One of several inputs of a SQL job, which is the table `input` in its own `map`.

    Attributes:
        map: turns rows of this input into partial rows. All maps give the same columns, by name and type.
        columns: as those of a SqlJob.
        format: as that of a SqlJob.
    """

    map: str
    columns: Mapping[str, str] | str | None = None
    format: Any = None


@dataclass(frozen=True, kw_only=True)
class SqlJob:
    """A MapReduce job over a table, in DuckDB's SQL. The table has the name `input` in each statement.

    A job over several tables has `inputs` in place of `map`, `columns` and `format`, and a `reduce`. Each
    input of an execution says by its name which of them it is.

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
        inputs: by name, the inputs of a job that has several.
        output: "csv", "jsonl" or "parquet"; left out, csv, or jsonl if a column is nested.
        params: the job's parameters; `$name` stands for the value in any statement.
        example: values of parameters for the example that `marla jobs` shows; at least of required ones.
        arguments: the parameters' values.
    """

    map: str | None = None
    reduce: str | None = None
    finish: str | None = None
    key: tuple[str, ...] | None = None
    columns: Mapping[str, str] | str | None = None
    format: Any = None
    inputs: Mapping[str, SqlInput] = field(default_factory=dict)
    output: str | None = None
    params: Mapping[str, Parameter] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InvalidQuery unless there is either a map, or inputs with a map each and a reduce."""
        if not self.inputs:
            if self.map is None:
                raise InvalidQuery(
                    "sql.map: got nothing; give a SELECT from input, or several inputs with a map each "
                    "(sql.inputs)"
                )
            return
        for name in ("map", "columns", "format"):
            if getattr(self, name) is not None:
                raise InvalidQuery(
                    f"sql.{name}: got {repr(getattr(self, name))[:100]}, and sql.inputs too: each input has "
                    f"its own (sql.inputs.{next(iter(self.inputs))}.{name}); leave one of them out"
                )
        if "" in self.inputs:
            raise InvalidQuery(f"sql.inputs: got an input with no name; give names, as in {EXAMPLE}")
        if self.reduce is None:
            raise InvalidQuery(
                "sql.reduce: got nothing, and where inputs have a map each, none is derived; give a SELECT "
                "from input that turns the rows of all maps into rows of the same columns"
            )

    @classmethod
    def inline(cls, spec: Mapping[str, Any], arguments: Mapping[str, Any]) -> SqlJob:
        """Return the job of an execution input's field `sql`. Raises InvalidQuery or InvalidParameter.

        Args:
            spec: `map`, and perhaps `reduce`, `finish`, `key`, `columns` and `format`; or `inputs`.
            arguments: the values of `$name` in its statements.
        """
        known = [
            one.name for one in fields(cls) if one.name not in {"output", "params", "example", "arguments"}
        ]
        given = _given("sql", spec, known)
        if "key" in given:
            key = given["key"]
            if not isinstance(key, list) or not all(isinstance(name, str) for name in key):
                raise InvalidQuery(f"sql.key: got {key!r}; give a list of columns that map gives")
            given["key"] = tuple(key)
        if "inputs" in given:
            given["inputs"] = _inputs(given["inputs"])
        for name, value in arguments.items():
            if not isinstance(value, (str, int, float, bool)):
                raise InvalidParameter(f"params.{name}: got {value!r}; give a text, a number, true or false")
        return cls(**given, arguments=dict(arguments))

    @property
    def maps(self) -> dict[str, SqlInput]:
        """The inputs by name; the one of a job with a single map, whatever it is called, is ""."""
        if self.map is None:
            return dict(self.inputs)
        return {"": SqlInput(map=self.map, columns=self.columns, format=self.format)}

    def parameters(self) -> dict[str, Parameter]:
        """Return the declared parameters by name."""
        return dict(self.params)

    def with_arguments(self, params: Mapping[str, Any]) -> SqlJob:
        """Return the job with its parameters set. Raises InvalidParameter."""
        return replace(self, arguments=arguments_for(self.parameters(), params))


def _given(where: str, spec: Mapping[str, Any], known: list[str]) -> dict[str, Any]:
    """Return the fields of an object that are not null. Raises InvalidQuery for one that is not known."""
    for name in spec:
        if name not in known:
            raise InvalidQuery(f"{where}.{name}: unknown field; the fields are {', '.join(known)}")
    return {name: value for name, value in spec.items() if value is not None}


def _inputs(spec: Any) -> dict[str, SqlInput]:
    if not isinstance(spec, Mapping) or not spec:
        raise InvalidQuery(f"sql.inputs: got {spec!r}; give an object with each input by its name: {EXAMPLE}")
    inputs = {}
    for name, one in spec.items():
        where = f"sql.inputs.{name}"
        if not isinstance(one, Mapping):
            raise InvalidQuery(f'{where}: got {one!r}; give an object, such as {{"map": "SELECT …"}}')
        given = _given(where, one, [field.name for field in fields(SqlInput)])
        if "map" not in given:
            raise InvalidQuery(f"{where}.map: got nothing; give a SELECT from input")
        inputs[name] = SqlInput(**given)
    return inputs
