"""A DuckDB that can do nothing but compute: no files, no network, no extensions, no other configuration."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb

from ..errors import DiskFull, InvalidQuery
from .files import PROTOCOL, Files
from .syntax import parser

DEFAULT_MEMORY_MIB = 1769
MEMORY_SHARE = 0.5  # of the function's, for DuckDB; Python, parts under way and uploads need the rest
# In messages, what is of no use to those who gave no such file.
OUR_FILES = re.compile(
    rf"""( (in|of))? ?\b[Ff]ile:? ['"]?{PROTOCOL}://\d+['"]?(, (at byte \d+ )?in line \d+)?,?"""
)
KIND_OF_ERROR = re.compile(r"^([A-Z][A-Za-z]* )+Error: ")
REASON_CHARACTERS = 300  # of a reason that are kept: DuckDB repeats the value, and that may be one of 10 MB
LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)  # where DuckDB shows a place in SQL
QUERY_ERRORS = (
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.PermissionException,
    duckdb.NotImplementedException,
)


class DataError(Exception):
    """DuckDB could not read a record or a file, or compute a value from the data; its message."""

    @property
    def reason(self) -> str:
        """What is wrong, in a line, without the advice that DuckDB gives to those who call it themselves."""
        # Not splitlines: a record may hold what that takes for the end of a line.
        lines = [line for line in str(self).split("\n") if not line.startswith(("Original Line:", "LINE "))]
        if len(lines) > 1 and "CSV Error on Line" in lines[0]:
            del lines[0]
        reason = OUR_FILES.sub("", KIND_OF_ERROR.sub("", lines[0] if lines else "cannot be read")).strip()
        reason = reason.removesuffix("Try auto-detecting the JSON format").rstrip(" .")
        return reason if len(reason) <= REASON_CHARACTERS else f"{reason[:REASON_CHARACTERS]}…"


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT: its text, and the named parameters that stand in it."""

    role: str
    text: str
    parameters: frozenset[str]

    @classmethod
    def parse(cls, role: str, text: object) -> Statement:
        """Return a job's statement. Raises InvalidQuery, with DuckDB's message and the place in the text.

        Args:
            role: "map", "reduce" or "finish", for messages.
            text: as the user wrote it.
        """
        if not isinstance(text, str):
            raise InvalidQuery(f"sql.{role}: got {text!r}; give a SELECT")
        try:
            statements = parser().extract_statements(text)
        except duckdb.Error as error:
            raise InvalidQuery(f"sql.{role}: {error}") from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InvalidQuery(f"sql.{role}: got {text[:200]!r}; give one SELECT, and nothing else")
        names = frozenset(statements[0].named_parameters)
        if numbered := sorted(name for name in names if name.isdigit()):
            raise InvalidQuery(f"sql.{role}: parameter {numbered[0]} has no name; write it as $name")
        text = text.rstrip().rstrip(";")
        try:
            parser().extract_statements(f"SELECT * FROM (\n{text}\n)")  # so it will stand in others
        except duckdb.Error as error:
            raise InvalidQuery(f"sql.{role}: leave out the semicolon and what is behind it") from error
        return cls(role, text, names)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and SQL type."""

    name: str
    type: str

    def __str__(self) -> str:
        return f"{quoted(self.name)} {self.type}"


class Instance(NamedTuple):
    """A DuckDB, the files that it can see, and the memory that it may take."""

    connection: duckdb.DuckDBPyConnection
    files: Files
    memory_mib: int


_idle: list[
    Instance
] = []  # for the next task of this process: making one takes as long as reading 6 MB of csv


def _instance(memory_mib: int) -> Instance:
    while _idle:
        instance = _idle.pop()
        if instance.memory_mib == memory_mib:
            return instance
    files = Files()
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": f"{memory_mib}MiB",
            "temp_directory": f"{tempfile.gettempdir()}/marla-duckdb-{os.getpid()}",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        },
    )
    connection.register_filesystem(files)
    for setting in (
        "SET TimeZone = 'UTC'",
        "SET enable_profiling = 'no_output'",  # for how many rows were read; costs nothing measurable
        f"SET allowed_directories = ['{PROTOCOL}://']",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(setting)
    return Instance(connection, files, memory_mib)


class Database:
    """The database of one task, in memory: what a task makes in it is gone when it is closed.

    It has one thread, so that sums do not depend on which thread was faster.

    Args:
        arguments: values of the job's parameters.
    """

    def __init__(self, arguments: Mapping[str, Any] | None = None) -> None:
        memory = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", DEFAULT_MEMORY_MIB))
        self._instance = _instance(int(memory * MEMORY_SHARE))
        self._connection, self.files, _ = self._instance
        self.arguments = arguments or {}

    def execute(self, sql: str, *statements: Statement) -> list[tuple[Any, ...]]:
        """Run SQL in which the texts of `statements` stand; return its rows.

        Raises InvalidQuery for a wrong statement, DataError for a value that cannot be computed, DiskFull,
        and whatever reading or writing a file raised.
        """
        names = frozenset().union(*(statement.parameters for statement in statements))
        arguments = {name: self.arguments[name] for name in sorted(names)}
        self.files.failure = None
        try:
            return self._connection.execute(sql, arguments or None).fetchall()
        except duckdb.Error as error:
            if self.files.failure is not None:
                raise self.files.failure from None
            raise self._explained(error, statements) from error

    def _explained(self, error: duckdb.Error, statements: tuple[Statement, ...]) -> Exception:
        roles = " or ".join(f"sql.{statement.role}" for statement in statements) or "sql"
        unwritten = isinstance(error, duckdb.IOException) and "write" in str(error)
        if unwritten or isinstance(error, duckdb.OutOfMemoryException):
            return DiskFull(
                f"{roles}: the data fits neither the function's memory nor its temporary storage: lower "
                "splitBytes, set more partitions or a lower fanIn, or give the functions more memory or "
                "storage (the stack's parameters MapperMemory, ReducerMemory, WorkerStorage). "
                f"{first_line(error)}"
            )
        if isinstance(error, QUERY_ERRORS) and "CSV Reader" not in str(error):  # that is of a line too long
            return InvalidQuery(f"{roles}: {error}")
        return DataError(str(error))  # damaged files have errors of many classes

    def show(self, relation: str) -> None:
        """Let `input` be what a SELECT gives."""
        self.execute(f"CREATE OR REPLACE TEMP VIEW input AS {relation}")

    def describe(self, statement: Statement) -> list[Column]:
        """Return the columns that a statement gives. Raises InvalidQuery if it does not fit `input`."""
        try:
            rows = self.execute(f"DESCRIBE\n{statement.text}", statement)
        except DataError as error:
            raise InvalidQuery(f"sql.{statement.role}: {error}") from error
        except InvalidQuery as error:
            # The place is one in the user's own text, which has a line less.
            message = LINE.sub(lambda line: f"LINE {int(line[1]) - 1}:", str(error))
            raise InvalidQuery(message) from error
        return [Column(name, type) for name, type, *_ in rows]

    def columns_of(self, relation: str) -> list[Column]:
        """Return the columns of a table or a table function's call."""
        return [Column(name, type) for name, type, *_ in self.execute(f"DESCRIBE SELECT * FROM {relation}")]

    def rows_scanned(self) -> int:
        """Return how many rows of `input` the last statement read.

        Where it reads `input` several times, those of the time when it read most.
        """

        def scanned(operator: dict[str, Any]) -> int:
            own = operator["intermediate_rows"] if operator.get("type") == "TABLE_SCAN" else 0
            return max([own, *map(scanned, operator.get("children", []))])

        profile = json.loads(self._connection.get_profiling_information())
        return max(map(scanned, profile["operator"]), default=0)

    def close(self) -> None:
        """Drop its tables and views, and forget its files. A DuckDB that cannot do so is not used again."""
        self.files.clear()
        try:
            for kind, names in (
                ("VIEW", "view_name FROM duckdb_views()"),
                ("TABLE", "table_name FROM duckdb_tables()"),
            ):
                for (name,) in self.execute(f"SELECT {names} WHERE temporary AND NOT internal"):
                    self.execute(f"DROP {kind} {quoted(name)}")
        except (DataError, DiskFull, InvalidQuery):
            self._connection.close()
        else:
            _idle.append(self._instance)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text_of(value: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def reason_of(error: DataError | InvalidQuery) -> str:
    """Return what is wrong, in a line."""
    return (
        error.reason if isinstance(error, DataError) else DataError(str(error).removeprefix("sql: ")).reason
    )


def first_line(error: BaseException) -> str:
    """Return the first line of a message."""
    return str(error).partition("\n")[0]
