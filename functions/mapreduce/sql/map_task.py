"""The map task of a SQL job: `map` over the task's part of the input, its rows written by partition."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from ..errors import BadObject, BadRecord, InvalidQuery, JobFailed
from ..events import MapTask
from ..formats import Reject
from ..pieces import PARTS_AHEAD, Piece
from ..rejects import Rejects
from ..segmented import Segment, pack_index
from ..sqljob import SqlJob
from ..storage import INTERMEDIATE, ObjectStore, ObjectWriter
from .database import Column, Database, DataError, Statement
from .plan import Plan, Source, plan_of
from .segments import write_segment
from .shape import Shape, bind, cast, listed, nulls
from .tables import Round, Tables

PARTITION = '"marla partition"'
COMPACT_ROWS = 2_000_000  # partial rows above which rounds of a task are reduced before the next


def run_sql_map_task(task: MapTask, job: SqlJob, store: ObjectStore, bucket: str) -> dict[str, int]:
    """Run a map task of a SQL job; its output is one object in `bucket`.

    Returns the counters of mapreduce.map_task.run_map_task.
    """
    plan = plan_of(job)
    source = plan.source(task.input)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(PARTS_AHEAD + 1))
        database = stack.enter_context(Database(job.arguments))
        rejects = Rejects(task, store, bucket, stack)
        tables = Tables(task, source, store, database, pool)
        mapper = SqlMapper(plan, source, database, task.partitions)
        try:
            mapper.map_all(tables.rounds())
        except DataError as error:
            mapper.begin_again()
            _map_carefully(mapper, tables, rejects, error)
        output = stack.enter_context(store.write(bucket, task.output, tag=INTERMEDIATE))
        try:
            url = f"s3://{bucket}/{task.output}"
            records_out = mapper.write(output, url, tables.schemas.inferred.notes)
        except DataError as error:
            raise JobFailed(f"sql.{source.map.role}: its rows cannot be written: {error.reason}") from error
    return {
        "recordsIn": mapper.records + rejects.count,
        "recordsOut": records_out,
        "bytesIn": mapper.bytes,
        "bytesOut": output.size,
        "rejects": rejects.count,
        "objects": task.objects,
    }


def _map_carefully(mapper: SqlMapper, tables: Tables, rejects: Rejects, first: DataError) -> None:
    """Map without the records that cannot be read. Raises BadRecord if they are too many.

    Raises JobFailed if no single record is to blame.
    """

    def reject(piece: Piece, offset: int, record: bytes, reason: str) -> None:
        rejects.add(piece, Reject(offset, reason, record), first)

    try:
        mapper.map_all(tables.careful_rounds(reject, mapper.try_map))
    except DataError as error:
        raise JobFailed(
            f"sql.{mapper.role}: {error.reason}; no single record of the input is to blame"
        ) from error
    except (BadRecord, BadObject) as error:
        reason = mapper.reason_without_data(tables.schemas.columns)
        if reason and reason in str(error):
            raise InvalidQuery(
                f"sql.{mapper.role}: {reason}. It fails so for a row of nothing but NULL, too: correct the "
                f"statement{mapper.parameters}"
            ) from error
        raise


class SqlMapper:
    """Applies a source's `map` to rounds of input, and keeps the partial rows."""

    def __init__(self, plan: Plan, source: Source, database: Database, partitions: int) -> None:
        self.role = source.map.role
        self._plan = plan
        self._source = source
        self._database = database
        self._partitions = partitions
        self.begin_again()

    def begin_again(self) -> None:
        """Forget what was mapped."""
        self.records = 0
        self.bytes = 0
        self._shape: Shape | None = None
        self._rounds = 0
        self._rows = 0
        self._compact_at = COMPACT_ROWS
        self._database.execute("DROP TABLE IF EXISTS partial")

    def map_all(self, rounds: Iterator[Round]) -> None:
        """Map one round after the other. Raises DataError, or what is wrong with the plan or the input."""
        for one in rounds:
            self._map(one)
            if self._rows > self._compact_at:
                self._compact()
        if self._rounds > 1:
            self._compact()

    def try_map(self, relation: str) -> None:
        """Apply `map` to a relation and throw the rows away. Raises DataError if that cannot be done."""
        self._database.show(relation)
        statement = self._source.map
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE trial AS SELECT * FROM (\n{statement.text}\n)", statement
        )

    def reason_without_data(self, columns: tuple[Column, ...] | None) -> str:
        """Return why `map` cannot be applied to a row of NULLs; nothing if it can.

        Args:
            columns: of the input, if they are known.
        """
        try:
            if columns:
                # As a table, so that DuckDB does not know beforehand what is in the row.
                self._database.execute(f"CREATE OR REPLACE TEMP TABLE unknown AS {nulls(columns)}")
                self.try_map("FROM unknown")
        except DataError as error:
            return error.reason
        return ""

    @property
    def parameters(self) -> str:
        """The parameters of `map`, for messages."""
        names = sorted(self._source.map.parameters)
        values = ", ".join(f"${name} is {self._database.arguments[name]!r}" for name in names)
        return f", or its parameters ({values})" if names else ""

    def _map(self, one: Round) -> None:
        if self._shape is None:
            self._shape = bind(self._plan, self._source, self._database, one.relation)
        else:
            self._database.show(one.relation)
        how = "INSERT INTO partial" if self._rounds else "CREATE TEMP TABLE partial AS"
        self._rows += self._keep(how, self._source.map)
        self._rounds += 1
        self.records += self._database.rows_scanned() if one.rows is None else one.rows
        self.bytes += one.bytes()

    def _keep(self, how: str, statement: Statement) -> int:
        assert self._shape
        rows = self._database.execute(
            f"{how} SELECT {cast(self._shape.partial)} FROM (\n{statement.text}\n)", statement
        )
        return int(rows[0][0])

    def _compact(self) -> None:
        """Reduce the partial rows of the rounds so far."""
        self._database.show("FROM partial")
        self._rows = self._keep("CREATE TEMP TABLE compacted AS", self._plan.reduce)
        self._database.show("SELECT 1")
        self._database.execute("DROP TABLE partial")
        self._database.execute("ALTER TABLE compacted RENAME TO partial")
        self._compact_at = max(COMPACT_ROWS, 2 * self._rows)

    def write(self, output: ObjectWriter, url: str, inferred: dict[str, Any]) -> int:
        """Write the partial rows, a segment for each partition; return how many there are.

        Args:
            url: of the object that is written.
            inferred: what the objects of the input say of their columns.
        """
        segments: list[Segment] = []
        notes: dict[str, Any] = {"inferred": inferred}
        if self._shape:
            notes["input"] = self._source.name
            notes["partial"] = [[column.name, column.type] for column in self._shape.partial]
            rows = self._part(self._shape.key)
            for partition in range(self._partitions):
                if partition not in rows:
                    segments.append(Segment(output.size, 0, 0))
                    continue
                relation = f"partial WHERE {PARTITION} = {partition}" if self._partitions > 1 else "partial"
                segments.append(write_segment(self._database, relation, self._shape, output))
        else:
            segments = [Segment(0, 0, 0)] * self._partitions
        output.write(pack_index(url, segments, notes))
        return self._rows

    def _part(self, key: tuple[str, ...]) -> dict[int, int]:
        """Tell the partial rows their partitions, if there are several; return how many rows each has."""
        if self._partitions == 1:
            return {0: self._rows}
        partition = f"hash({listed(key)}) % {self._partitions}" if key else "0"
        self._database.execute(
            f"CREATE TEMP TABLE parted AS SELECT *, {partition} AS {PARTITION} FROM partial"
        )
        self._database.execute("DROP TABLE partial")
        self._database.execute("ALTER TABLE parted RENAME TO partial")
        return dict(self._database.execute(f"SELECT {PARTITION}, count(*) FROM partial GROUP BY ALL"))
