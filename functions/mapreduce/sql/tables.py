"""The input as tables: pieces of objects become what `input` is, in one or more rounds of a map task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from ..errors import BadObject, InvalidQuery
from ..events import MapTask
from ..formats import Csv, Parquet
from ..parsing import BYTE_ORDER_MARK
from ..pieces import PARTS_AHEAD, Block, Piece, read_pieces
from ..storage import ObjectStore
from .database import Database, DataError
from .files import Memory, text_file
from .objects import PieceFile
from .parts import Parts
from .plan import Source
from .quotes import UNCLOSED, Quotes
from .schemas import Schemas, no_parquet
from .shape import cast
from .sieve import Sieve
from .table import LINE_BYTES, Table

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


class Tables:
    """The input of a map task.

    Args:
        source: the input that the task's pieces are of.
    """

    def __init__(
        self, task: MapTask, source: Source, store: ObjectStore, database: Database, pool: ThreadPoolExecutor
    ) -> None:
        self.schemas = Schemas(task, source, store, database, pool)
        self._pieces = task.pieces
        self._max_record_bytes = task.max_record_bytes
        self._source = source
        self._store = store
        self._database = database
        self._files = database.files
        self._pool = pool

    def _groups(self, *, apart: bool) -> Iterator[tuple[Table, bool, list[Piece]]]:
        """Yield pieces that are read alike: how, whether they are compressed, and which they are.

        Args:
            apart: whether those that are compressed, and those that are not, are groups of their own.
        """

        def alike(piece: Piece) -> tuple[Table | None, bool]:
            return self.schemas.table(piece), apart and bool(piece.compression)

        for (table, compressed), pieces in groupby(self._pieces, key=alike):
            if table is not None:
                yield table, compressed, list(pieces)

    def rounds(self) -> Iterator[Round]:
        """Yield what to map: all that can be streamed as one round, what is compressed by and by."""
        for table, compressed, pieces in self._groups(apart=True):
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
        for table, _, pieces in self._groups(apart=False):
            if isinstance(table.format, Parquet):
                for piece in pieces:
                    yield self._tried(table, piece, trial)
                continue
            sieve = Sieve(table, self._files, trial)
            clean = (
                sieve.clean(block, partial(reject, piece)) for piece, block in self._blocks(table, pieces)
            )
            yield from self._rounds_of(table, clean)

    def _streamed_round(self, table: Table, pieces: list[Piece]) -> Round:
        parts = Parts(self._pool, PARTS_AHEAD)
        longest = min(LINE_BYTES, self._max_record_bytes) if isinstance(table.format, Csv) else 0
        files = [
            PieceFile(piece, self._store, parts, self._max_record_bytes, table.header, table.quote, longest)
            for piece in pieces
        ]
        return Round(
            table.relation([self._files.add(file) for file in files]),
            None,
            lambda: sum(file.bytes_read for file in files),
        )

    def _blocks(self, table: Table, pieces: list[Piece]) -> Iterator[tuple[Piece, Block]]:
        for piece, blocks in read_pieces(self._store, pieces, self._max_record_bytes, self._pool):
            for block in blocks:
                yield piece, _body(block, table.header) if block.offset == 0 else block

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
        if table.quote and Quotes(table.quote).feed(data):
            raise DataError(UNCLOSED)
        file = Memory(text_file(data))
        name = self._files.add(file)
        relation = table.relation([name], max(map(len, blocks), default=0), file.size)
        yield Round(relation, None, lambda: len(data))
        self._files.remove(name)

    def _tried(self, table: Table, piece: Piece, trial: Callable[[str], None]) -> Round:
        """Return a round of a Parquet object. Raises BadObject if `map` cannot be applied to it."""
        one = self._parquet_round(table, [piece])
        try:
            trial(one.relation)
        except DataError as error:
            remedy = "Correct it, or leave it out of the input; records of Parquet cannot be set aside"
            raise BadObject(
                f"{piece.url}: {error.reason}. {remedy}",
                without_data=f"{piece.url}: the query cannot be applied to it. {remedy}",
            ) from error
        return one

    def _parquet_round(self, table: Table, pieces: list[Piece]) -> Round:
        assert table.columns is not None
        files = list(self._pool.map(self.schemas.opened, pieces))
        selects = []
        rows = 0
        for piece, file in zip(pieces, files, strict=True):
            name = self._files.add(file)
            first, last = self._rows_of(piece, name)
            self._check_columns(piece, name)
            rows += last - first + 1
            selects.append(
                f"SELECT {cast(table.columns)} FROM read_parquet({name}, file_row_number = true) "
                f"WHERE file_row_number BETWEEN {first} AND {last}"
            )
        return Round(" UNION ALL ".join(selects), rows, lambda: sum(file.bytes_read for file in files))

    def _check_columns(self, piece: Piece, name: str) -> None:
        """Raise BadObject if a Parquet object lacks a column that somebody named."""
        if self._source.columns is None:
            return
        names = [column.name for column in self._database.columns_of(f"read_parquet({name})")]
        known = {name.lower() for name in names}
        field = self._source.columns_from
        for column in self._source.columns:
            if column.name.lower() not in known:
                raise BadObject(
                    f"{piece.url}: has no column {column.name}, which {field} names; it has "
                    f"{', '.join(names)}. Correct {field}, or leave the object out of the input"
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
            raise no_parquet(piece, error) from error
        first, last, row = 0, -1, 0
        for rows, offset in groups:
            if piece.start <= offset < piece.end:
                first = row if last < 0 else first
                last = row + rows - 1
            row += rows
        return first, last


def _body(block: Block, header: bool) -> Block:
    """Return an object's first block without byte order mark and header."""
    data = block.data
    start = len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0
    if header:
        start = data.find(b"\n", start) + 1 or len(data)
    return Block(start, data[start:])
