"""How each object of the input is read: what the job says of it, or what the object itself says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from ..errors import BadObject, InvalidQuery
from ..events import MapTask
from ..formats import Csv, Format, JsonLines, Parquet
from ..parsing import BYTE_ORDER_MARK
from ..pieces import Block, Piece, read_pieces
from ..signatures import check_is_text
from ..storage import ObjectStore
from .database import Column, Database, DataError, reason_of
from .files import Memory, Readable
from .objects import ObjectFile
from .plan import Source, where_columns_go
from .table import Table, csv_options, table_format, written

SAMPLE_BYTES = 256 << 10  # of an object, from which names and types are taken where nobody gives them
# A bad record in a sample is found, and named, when it is read.
SAMPLED = {"sample_size": "-1", "ignore_errors": "true"}
# Dates as they are read later: of other formats, DuckDB does not say which it found.
JSON_SAMPLED = {"format": "'newline_delimited'", "records": "'true'", "dateformat": "'%Y-%m-%d'"}


class Inferred:
    """Names and types that objects of an input themselves say: all must say the same."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._url = ""
        self._table: Table | None = None

    def add(self, url: str, table: Table) -> None:
        """Take what an object says. Raises BadObject if another said otherwise."""
        if self._table is None:
            self._url, self._table = url, table
        elif self._table != table:
            raise disagreement(self._name, _said(self._url, self._table), _said(url, table))

    @property
    def notes(self) -> dict[str, Any]:
        """What the first object said, as JSON, by the input's name; nothing if none had to."""
        return {self._name: _said(self._url, self._table)} if self._table else {}


def _said(url: str, table: Table) -> dict[str, Any]:
    formats = [form for form in (table.date_format, table.timestamp_format) if form]
    return {"object": url, "columns": [str(column) for column in table.columns or ()] + formats}


def disagreement(name: str, one: dict[str, Any], other: dict[str, Any]) -> BadObject:
    """Return the error of two objects of an input whose columns differ."""
    first = [column for column in one["columns"] if column not in other["columns"]]
    second = [column for column in other["columns"] if column not in one["columns"]]
    how = f"{', '.join(second) or 'others'} where {one['object']} has {', '.join(first) or 'others'}"
    if not first and not second:
        how = f"the columns of {one['object']} in another order"
    return BadObject(
        f"{other['object']}: from its start it has {how}. Say what the columns are, for all objects: "
        f"{where_columns_go(name)}"
    )


def no_parquet(piece: Piece, error: DataError | InvalidQuery) -> BadObject:
    """Return the error of an object that cannot be read as Parquet."""
    remedy = "leave it out of the input"
    if piece.compression:
        remedy = f"decompress it, for Parquet in {piece.compression} is not read, or {remedy}"
    return BadObject(f"{piece.url}: not a Parquet object ({reason_of(error)}); {remedy}")


class Schemas:
    """How the objects of a map task's input are read.

    Args:
        source: the input.
    """

    def __init__(
        self, task: MapTask, source: Source, store: ObjectStore, database: Database, pool: ThreadPoolExecutor
    ) -> None:
        self.inferred = Inferred(source.name)
        self._max_record_bytes = task.max_record_bytes
        self._requested = task.job.format
        self._source = source
        self._store = store
        self._database = database
        self._files = database.files
        self._pool = pool
        self._tables: dict[str, Table | None] = {}
        self._objects: dict[str, ObjectFile] = {}

    def table(self, piece: Piece) -> Table | None:
        """Return how a piece's object is read; None if it has no records that could say so."""
        if piece.key not in self._tables:
            self._tables[piece.key] = self._table_of(piece)
        return self._tables[piece.key]

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """The columns of an object that was read; None if nothing was."""
        return next((table.columns for table in self._tables.values() if table), None)

    def opened(self, piece: Piece) -> ObjectFile:
        """Return the Parquet object of a piece as a file; its end is fetched once."""
        if piece.key not in self._objects:
            self._objects[piece.key] = ObjectFile(piece, self._store)
        return self._objects[piece.key]

    def _table_of(self, piece: Piece) -> Table | None:
        format = table_format(self._requested, self._source.format, piece.key)
        if self._source.columns is not None:
            return Table(format, self._source.columns)
        if isinstance(format, Csv) and not format.header:
            raise InvalidQuery(
                f"{self._source.columns_from}: got nothing, and nothing else says what the columns of "
                f"{piece.url} are. Give names with types: {where_columns_go(self._source.name)}; or say that "
                'each object begins with a header (--header, "format": {"type": "csv", "header": true})'
            )
        sample: Readable
        if isinstance(format, Parquet):
            sample = self.opened(piece)
        else:
            data = self._sample(piece)
            records = data.partition(b"\n")[2] if isinstance(format, Csv) else data
            if not records.strip():
                return None
            sample = Memory(data)
        table = self._inferred_table(piece, format, sample)
        self.inferred.add(piece.url, table)
        return table

    def _inferred_table(self, piece: Piece, format: Format, sample: Readable) -> Table:
        file = self._files.add(sample)
        try:
            if isinstance(format, Parquet):
                return Table(format, tuple(self._database.columns_of(f"read_parquet({file})")))
            if isinstance(format, JsonLines):
                options = written(SAMPLED | JSON_SAMPLED)
                return Table(format, tuple(self._database.columns_of(f"read_json({file}, {options})")))
            assert isinstance(format, Csv)
            return self._sniffed(file, format)
        except (DataError, InvalidQuery) as error:
            if isinstance(format, Parquet):
                raise no_parquet(piece, error) from error
            raise BadObject(
                f"{piece.url}: does not say what its columns are: {reason_of(error)}. Give them: "
                f"{where_columns_go(self._source.name)}; or leave the object out of the input"
            ) from error
        finally:
            self._files.remove(file)

    def _sniffed(self, file: str, format: Csv) -> Table:
        options = written(SAMPLED | {"header": "true", "comment": "''"} | csv_options(format))
        columns, date_format, timestamp_format, skipped = self._database.execute(
            f"SELECT Columns, DateFormat, TimestampFormat, SkipRows FROM sniff_csv({file}, {options})"
        )[0]
        if skipped:
            raise DataError("its first line is no header of the lines behind it")
        named = tuple(Column(column["name"], column["type"]) for column in columns)
        return Table(format, named, date_format, timestamp_format)

    def _sample(self, piece: Piece) -> bytes:
        """Return whole records from the start of a piece's object."""
        if piece.compression:
            with closing(read_pieces(self._store, [piece], self._max_record_bytes, self._pool)) as pieces:
                _, blocks = next(pieces)
                data = next(blocks, Block(0, b"")).data  # which has been looked at
        else:
            data, size = self._store.read(piece.bucket, piece.key, 0, SAMPLE_BYTES, piece.etag)
            check_is_text(data, piece.url, piece.compression)
            if len(data) < size:
                data = data[: data.rfind(b"\n") + 1]
        # One kind of line end, for a mix of them is none to DuckDB.
        return data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
