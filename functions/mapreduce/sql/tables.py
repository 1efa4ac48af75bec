"""The input as tables: pieces of objects become what `input` is, in one or more rounds of a map task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from ..errors import BadObject, InvalidQuery
from ..events import MapTask
from ..formats import BYTE_ORDER_MARK, Csv, Format, JsonLines, Parquet
from ..pieces import PARTS_AHEAD, Block, Piece, read_pieces
from ..storage import ObjectStore
from .database import Column, Database, DataError, first_line
from .files import Memory, Parts, Readable
from .objects import ObjectFile, PieceFile
from .plan import cast
from .quotes import UNCLOSED, Quotes
from .sieve import Sieve
from .table import LINE_BYTES, Table, csv_options, table_format, written

SAMPLE_BYTES = 256 << 10  # of an object, from which names and types are taken where nobody gives them
# A bad record in a sample is found, and named, when it is read.
SAMPLED = {"sample_size": "-1", "ignore_errors": "true"}
# Dates as they are read later: of other formats, DuckDB does not say which it found.
JSON_SAMPLED = {"format": "'newline_delimited'", "records": "'true'", "dateformat": "'%Y-%m-%d'"}
ROUND_BYTES = 32 << 20  # of records that are held in memory at once, where they cannot be streamed


@dataclass(frozen=True, slots=True)
class Round:
    """What a map task reads in one run of `map`.

    Attributes:
        relation: what `input` is, a SELECT.
        rows: how many rows there are to read; None where only reading them tells.
        bytes: how many bytes of them.
    """

    relation: str
    rows: int | None
    bytes: Callable[[], int]


class Inferred:
    """Names and types that objects themselves say: all must say the same."""

    def __init__(self) -> None:
        self._url = ""
        self._table: Table | None = None

    def add(self, url: str, table: Table) -> None:
        """Take what an object says. Raises BadObject if another said otherwise."""
        if self._table is None:
            self._url, self._table = url, table
        elif self._table != table:
            raise disagreement(self.notes, {"object": url, "columns": _described(table)})

    @property
    def notes(self) -> dict[str, Any]:
        """What the first object said, as JSON; nothing if none had to."""
        return {"object": self._url, "columns": _described(self._table)} if self._table else {}


def _described(table: Table) -> list[str]:
    formats = [form for form in (table.date_format, table.timestamp_format) if form]
    return [str(column) for column in table.columns or ()] + formats


def disagreement(one: dict[str, Any], other: dict[str, Any]) -> BadObject:
    """Return the error of two objects whose columns differ."""
    first = [column for column in one["columns"] if column not in other["columns"]]
    second = [column for column in other["columns"] if column not in one["columns"]]
    how = f"{', '.join(second) or 'others'} where {one['object']} has {', '.join(first) or 'others'}"
    if not first and not second:
        how = f"the columns of {one['object']} in another order"
    return BadObject(
        f"{other['object']}: from its start it has {how}. Say what the columns are, for all objects: "
        'sql.columns (--columns "name TYPE, …")'
    )


class Tables:
    """The input of a map task.

    Args:
        columns: of all objects; None where each says its own.
        of_job: the format that the job has; the task's own comes before it.
    """

    def __init__(  # noqa: PLR0913 - a task's input has these sides
        self,
        task: MapTask,
        columns: tuple[Column, ...] | None,
        of_job: object,
        store: ObjectStore,
        database: Database,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.inferred = Inferred()
        self._pieces = task.pieces
        self._max_record_bytes = task.max_record_bytes
        self._requested = task.job.format
        self._columns = columns
        self._of_job = of_job
        self._store = store
        self._database = database
        self._files = database.files
        self._pool = pool
        self._tables: dict[str, Table | None] = {}
        self._objects: dict[str, ObjectFile] = {}

    def rounds(self) -> Iterator[Round]:
        """Yield what to map: all that can be streamed as one round, what is compressed by and by."""
        for (table, compressed), group in groupby(
            self._pieces, key=lambda piece: (self._table(piece), bool(piece.compression))
        ):
            pieces = list(group)
            if table is None:
                continue
            if isinstance(table.format, Parquet):
                yield self._parquet_round(table, pieces)
            elif compressed:
                yield from self._rounds_of(table, (block.data for _, block in self._blocks(table, pieces)))
            else:
                yield self._streamed_round(table, pieces)

    def careful_rounds(
        self, reject: Callable[[Piece, int, bytes, str], None], trial: Callable[[str], None]
    ) -> Iterator[Round]:
        """Yield what to map once more, without the records that cannot be read.

        Args:
            reject: called with piece, byte offset, record and reason for each of them.
            trial: raises DataError if `map` cannot be applied to a relation.
        """
        for table, group in groupby(self._pieces, key=self._table):
            pieces = list(group)
            if table is None:
                continue
            if isinstance(table.format, Parquet):
                for piece in pieces:
                    yield self._tried(table, piece, trial)
                continue
            sieve = Sieve(table, self._files, trial)
            clean = (
                sieve.clean(block, partial(reject, piece)) for piece, block in self._blocks(table, pieces)
            )
            yield from self._rounds_of(table, clean)

    # ---- names and types ----------------------------------------------------------------------------------

    def _table(self, piece: Piece) -> Table | None:
        """Return how a piece's object is read; None if it has no records that could say so."""
        if piece.key not in self._tables:
            self._tables[piece.key] = self._table_of(piece)
        return self._tables[piece.key]

    def _table_of(self, piece: Piece) -> Table | None:
        format = table_format(self._requested, self._of_job, piece.key)
        if self._columns is not None:
            return Table(format, self._columns)
        if isinstance(format, Csv) and not format.header:
            raise InvalidQuery(
                f"sql.columns: got nothing, and nothing else says what the columns of {piece.url} are. Give "
                'names with types (--columns "name TYPE, …"), or say that each object begins with a header '
                '(--header, "format": {"type": "csv", "header": true})'
            )
        sample: Readable
        if isinstance(format, Parquet):
            sample = self._object(piece)
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
            raise BadObject(
                f"{piece.url}: does not say what its columns are: {_reason(error)}. Give them (sql.columns, "
                '--columns "name TYPE, …"), or leave the object out of the input'
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
                data = next(blocks, Block(0, b"")).data
        else:
            data, size = self._store.read(piece.bucket, piece.key, 0, SAMPLE_BYTES, piece.etag)
            if len(data) < size:
                data = data[: data.rfind(b"\n") + 1]
        # One kind of line end, for a mix of them is none to DuckDB.
        return data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")

    # ---- rounds -------------------------------------------------------------------------------------------

    def _streamed_round(self, table: Table, pieces: list[Piece]) -> Round:
        parts = Parts(self._pool, PARTS_AHEAD)
        quote = table.format.quote if isinstance(table.format, Csv) else ""
        header = isinstance(table.format, Csv) and table.format.header
        files = [
            PieceFile(piece, self._store, parts, self._max_record_bytes, header, quote) for piece in pieces
        ]
        return Round(
            table.relation(
                [self._files.add(file) for file in files], min(LINE_BYTES, self._max_record_bytes + 1)
            ),
            None,
            lambda: sum(file.bytes_read for file in files),
        )

    def _blocks(self, table: Table, pieces: list[Piece]) -> Iterator[tuple[Piece, Block]]:
        header = isinstance(table.format, Csv) and table.format.header
        for piece, blocks in read_pieces(self._store, pieces, self._max_record_bytes, self._pool):
            for block in blocks:
                yield piece, _body(block, header) if block.offset == 0 else block

    def _rounds_of(self, table: Table, blocks: Iterator[bytes]) -> Iterator[Round]:
        held: list[bytes] = []
        rounds = size = 0
        for data in blocks:
            held.append(data if not data or data.endswith(b"\n") else data + b"\n")
            size += len(data)
            if size >= ROUND_BYTES:
                yield from self._memory_round(table, held)
                held, size, rounds = [], 0, rounds + 1
        if size or not rounds:
            yield from self._memory_round(table, held)

    def _memory_round(self, table: Table, blocks: list[bytes]) -> Iterator[Round]:
        data = b"".join(blocks)
        quote = table.format.quote if isinstance(table.format, Csv) else ""
        if quote and Quotes(quote).feed(data):
            raise DataError(UNCLOSED)
        longest = max(map(len, blocks), default=0)
        name = self._files.add(Memory(data))
        yield Round(table.relation([name], max(LINE_BYTES, longest)), None, lambda: len(data))
        self._files.remove(name)

    def _tried(self, table: Table, piece: Piece, trial: Callable[[str], None]) -> Round:
        """Return a round of a Parquet object. Raises BadObject if `map` cannot be applied to it."""
        one = self._parquet_round(table, [piece])
        try:
            trial(one.relation)
        except DataError as error:
            raise BadObject(
                f"{piece.url}: {error.reason}. Correct it, or leave it out of the input; records of Parquet "
                "cannot be set aside"
            ) from error
        return one

    def _parquet_round(self, table: Table, pieces: list[Piece]) -> Round:
        assert table.columns is not None
        files = list(self._pool.map(self._object, pieces))
        selects = []
        rows = 0
        for piece, file in zip(pieces, files, strict=True):
            name = self._files.add(file)
            first, last = self._rows_of(piece, name)
            if self._columns is not None:
                self._check_columns(piece, name)
            rows += last - first + 1
            selects.append(
                f"SELECT {cast(table.columns)} FROM read_parquet({name}, file_row_number = true) "
                f"WHERE file_row_number BETWEEN {first} AND {last}"
            )
        return Round(" UNION ALL ".join(selects), rows, lambda: sum(file.bytes_read for file in files))

    def _object(self, piece: Piece) -> ObjectFile:
        if piece.key not in self._objects:
            self._objects[piece.key] = ObjectFile(piece, self._store)
        return self._objects[piece.key]

    def _check_columns(self, piece: Piece, name: str) -> None:
        assert self._columns is not None
        names = [column.name for column in self._database.columns_of(f"read_parquet({name})")]
        known = {name.lower() for name in names}
        for column in self._columns:
            if column.name.lower() not in known:
                raise BadObject(
                    f"{piece.url}: has no column {column.name}, which sql.columns names; it has "
                    f"{', '.join(names)}. Correct sql.columns, or leave the object out of the input"
                )

    def _rows_of(self, piece: Piece, name: str) -> tuple[int, int]:
        """Return the first and the last row of the row groups that begin in a piece; (0, -1) for none."""
        try:
            groups = self._database.execute(
                "SELECT any_value(row_group_num_rows), min(CASE WHEN dictionary_page_offset > 0 "
                "THEN least(dictionary_page_offset, data_page_offset) ELSE data_page_offset END) "
                f"FROM parquet_metadata({name}) GROUP BY row_group_id ORDER BY row_group_id"
            )
        except (DataError, InvalidQuery) as error:
            raise BadObject(
                f"{piece.url}: not a Parquet object ({_reason(error)}); leave it out of the input"
            ) from error
        first, last, row = 0, -1, 0
        for rows, offset in groups:
            if piece.start <= offset < piece.end:
                first = row if last < 0 else first
                last = row + rows - 1
            row += rows
        return first, last


def _reason(error: DataError | InvalidQuery) -> str:
    return error.reason if isinstance(error, DataError) else first_line(error)


def _body(block: Block, header: bool) -> Block:
    """Return an object's first block without byte order mark and header."""
    data = block.data
    start = len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0
    if header:
        start = data.find(b"\n", start) + 1 or len(data)
    return Block(start, data[start:])
