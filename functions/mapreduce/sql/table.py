"""How an object is read as a table: its format, its columns, and the SQL that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import duckdb

from ..compression import OPENERS
from ..errors import InvalidParameter, InvalidQuery
from ..formats import Csv, Format, JsonLines, Parquet, format_from
from .database import Column, quoted, text_of
from .syntax import parser

BUFFER_BYTES = 8 << 20  # what DuckDB reads of csv at once; as fast as its 32 MB, in less memory
LINE_BYTES = 2 << 20  # the longest line of csv that is read as it streams; a longer one takes more memory
JSON_RECORD_BYTES = 16 << 20
SUFFIXES: dict[str, Format] = {
    ".tsv": Csv(delimiter="\t"),
    ".parquet": Parquet(),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), JsonLines()),
}


def table_format(requested: object, of_job: object, key: str) -> Format:
    """Return what an object holds: as its suffix says, changed by what the job says, and that by the input.

    Raises InvalidParameter.
    """
    name = key.lower()
    for compression in OPENERS:
        name = name.removesuffix(compression)
    by_suffix = next((format for suffix, format in SUFFIXES.items() if name.endswith(suffix)), Csv())
    default = of_job if isinstance(of_job, Format) else format_from(of_job, by_suffix)
    format = format_from(requested, default)
    if not isinstance(format, (Csv, JsonLines, Parquet)):
        raise InvalidParameter("format: SQL reads csv, jsonl and parquet; give one of these")
    if isinstance(format, Csv) and format.columns:
        raise InvalidParameter(
            "format.columns: a SQL job names its columns, with types, in sql.columns; an input, in columns"
        )
    if isinstance(format, Csv) and not format.quote.isascii():
        raise InvalidParameter(f"format.quote: got {format.quote!r}; SQL takes an ASCII character")
    return format


def parse_columns(columns: object, field: str) -> tuple[Column, ...]:
    """Return the columns of an input. Raises InvalidQuery.

    Args:
        columns: `{"name": "TYPE", …}`, or as in CREATE TABLE: `"name TYPE, …"`.
        field: where they are said, for messages.
    """
    if isinstance(columns, str):
        text = columns
    elif isinstance(columns, Mapping) and all(isinstance(type, str) for type in columns.values()):
        text = ", ".join(f"{quoted(name)} {type}" for name, type in columns.items())
    else:
        raise InvalidQuery(f'{field}: got {columns!r}; give {{"name": "TYPE"}}, or "name TYPE, name TYPE"')
    return _declared(text, field)


@lru_cache(maxsize=16)
def _declared(text: str, field: str) -> tuple[Column, ...]:
    create = f"CREATE TEMP TABLE input ({text}\n)"  # which goes with its connection
    try:
        with parser() as scratch:
            statements = scratch.extract_statements(create)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.CREATE:
                raise InvalidQuery(f"{field}: got {text!r}; give names with types only")
            scratch.execute(create)
            rows = scratch.execute("DESCRIBE input").fetchall()
    except duckdb.Error as error:
        raise InvalidQuery(f'{field}: {error}; give names with SQL types, such as "ip VARCHAR"') from error
    return tuple(Column(name, type) for name, type, *_ in rows)


@dataclass(frozen=True, slots=True)
class Table:
    """How objects are read: their format, their columns, and what their dates look like (csv)."""

    format: Format
    columns: tuple[Column, ...] | None
    date_format: str | None = None
    timestamp_format: str | None = None

    @property
    def quote(self) -> str:
        """What is around fields that hold delimiters; nothing where there is no such thing."""
        return self.format.quote if isinstance(self.format, Csv) else ""

    @property
    def header(self) -> bool:
        """Whether the first line of each object names the columns."""
        return isinstance(self.format, Csv) and self.format.header

    def relation(self, names: list[str], longest: int = 0, size: int = 0) -> str:
        """Return the SELECT that reads some files of records.

        Args:
            names: of the files, quoted.
            longest: of their lines, if they may be longer than LINE_BYTES (csv) or JSON_RECORD_BYTES.
            size: of a file that is read at once. For csv with long lines this must be; and DuckDB 2.0 fails
                where what it reads of csv ends among blank lines.
        """
        assert self.columns is not None
        files = f"[{', '.join(names)}]"
        columns = ", ".join(f"{text_of(column.name)}: {text_of(column.type)}" for column in self.columns)
        options: dict[str, str] = {"auto_detect": "false", "columns": f"{{{columns}}}"}
        if isinstance(self.format, JsonLines):
            options |= {"format": "'newline_delimited'", "records": "'true'"}
            options["maximum_object_size"] = str(max(JSON_RECORD_BYTES, longest))
            return f"SELECT * FROM read_json({files}, {written(options)})"
        assert isinstance(self.format, Csv)
        options |= {"header": "false", "max_line_size": str(max(LINE_BYTES, size))}
        options |= {"buffer_size": str(max(BUFFER_BYTES, size + 1))}
        options |= csv_options(self.format)
        if self.date_format:
            options["dateformat"] = text_of(self.date_format)
        if self.timestamp_format:
            options["timestampformat"] = text_of(self.timestamp_format)
        return f"SELECT * FROM read_csv({files}, {written(options)})"


def csv_options(format: Csv) -> dict[str, str]:
    """Return what csv looks like, as DuckDB's options."""
    quote = text_of(format.quote)
    return {"delim": text_of(format.delimiter), "quote": quote, "escape": quote}


def written(options: dict[str, str]) -> str:
    """Return a table function's options as SQL."""
    return ", ".join(f"{name} = {value}" for name, value in options.items())
