"""The reduce task of a SQL job: `reduce` over partial rows of several tasks; in the end `finish` too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from ..errors import BadObject, JobFailed
from ..events import ReduceTask
from ..layout import MAP_STEP
from ..reduce_task import THREADS, input_keys, read_tail
from ..results import output_format, result_metadata
from ..segmented import Index, Segment, pack_index, read_index
from ..sqljob import SqlJob
from ..storage import INTERMEDIATE, ObjectStore, ObjectWriter
from .database import Column, Database, DataError, quoted, text_of
from .parts import Parts
from .plan import Plan, field_of, plan_of, where_columns_go
from .schemas import disagreement
from .segments import segment_file, write_segment
from .shape import FLOATS, bind_reduce, carried, cast, check_same, listed, nothing

PARTS_AHEAD = THREADS - 1  # of all segments together, so that small ones are fetched many at a time
PARTS_KEPT = 2 * THREADS  # DuckDB reads the columns of a row group in any order
NESTED = ("[", "STRUCT(", "MAP(", "UNION(")  # what the types have in them that csv has no way to write
RESULT_OPTIONS = {
    "csv": "FORMAT csv, HEADER false",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


class Inputs(NamedTuple):
    """What a reduce task reads: a segment of each of its inputs, and what their writers noted.

    Attributes:
        relation: the partial rows, a SELECT.
        columns: theirs.
    """

    segments: list[Segment]
    relation: str
    columns: tuple[Column, ...]
    notes: dict[str, Any]


def run_sql_reduce_task(task: ReduceTask, job: SqlJob, store: ObjectStore, bucket: str) -> dict[str, int]:
    """Run a reduce task of a SQL job; its output is one object in `bucket`.

    Returns the counters of mapreduce.reduce_task.run_reduce_task.
    """
    plan = plan_of(job)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        database = stack.enter_context(Database(job.arguments))
        inputs = open_inputs(task, plan, store, bucket, database, pool)
        try:
            reducer = SqlReducer(plan, database, inputs, task.partition)
            if task.final:
                format = output_format(job, task.job.output) or reducer.default_format()
                metadata = result_metadata(format, reducer.columns)
                output = stack.enter_context(
                    store.write(bucket, task.output, tag=INTERMEDIATE, metadata=metadata)
                )
                records_out = reducer.finish(format, output)
            else:
                output = stack.enter_context(store.write(bucket, task.output, tag=INTERMEDIATE))
                records_out = reducer.merge(output, f"s3://{bucket}/{task.output}")
        except DataError as error:
            raise JobFailed(f"sql: partition {task.partition} of step {task.step}: {error.reason}") from error
    return {
        "recordsIn": sum(segment.records for segment in inputs.segments),
        "recordsOut": records_out,
        "bytesIn": sum(segment.length for segment in inputs.segments),
        "bytesOut": output.size,
        "objects": task.count,
    }


def open_inputs(  # noqa: PLR0913 - what it is made of
    task: ReduceTask,
    plan: Plan,
    store: ObjectStore,
    bucket: str,
    database: Database,
    pool: ThreadPoolExecutor,
) -> Inputs:
    """Return the partial rows of a task's inputs, to be fetched as they are read.

    Raises CorruptSegment, InputNotReadable, BadObject if an input's objects have different columns, and
    InvalidQuery if the maps of two inputs give different ones.
    """
    # A map output has a segment for each partition; a reduce output is one partition's.
    number = task.partition if task.step - 1 == MAP_STEP else 0
    parts = Parts(pool, PARTS_AHEAD, PARTS_KEPT)
    segments: list[Segment] = []
    names: list[str] = []
    notes: dict[str, Any] = {}
    keys = input_keys(task)
    for key, index in zip(keys, pool.map(partial(_index_of, store, bucket), keys), strict=True):
        notes = _agreed(notes, index.notes)
        segment = index.segments[number]
        segments.append(segment)
        if segment.records:
            names.append(database.files.add(segment_file(store, bucket, key, segment, parts)))
    if "partial" not in notes:
        raise BadObject(
            "the input has no records, and nothing else says what its columns are: give them, "
            f"{' and '.join(map(where_columns_go, plan.sources))}; or check the input"
        )
    columns = _partial(notes)
    relation = nothing(columns)
    if names:
        # A cast restores the types that Parquet does not have.
        relation = f"SELECT {cast(columns)} FROM read_parquet([{', '.join(names)}])"
    return Inputs(segments, relation, columns, notes)


def _index_of(store: ObjectStore, bucket: str, key: str) -> Index:
    tail = read_tail(store, bucket, key)
    return read_index(
        lambda start, stop: store.read(bucket, key, start, stop).data, tail, f"s3://{bucket}/{key}"
    )


def _agreed(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return what the writers of two objects noted, if they agree.

    Raises BadObject if they do not; or InvalidQuery, if they are of two inputs whose maps do not.
    """
    if "partial" not in one or "partial" not in other:
        return one if "partial" in one else other
    first, second = one["inferred"], other["inferred"]
    for name in sorted(first.keys() & second.keys()):
        if first[name]["columns"] != second[name]["columns"]:
            raise disagreement(name, first[name], second[name])
    if one["input"] != other["input"]:
        maps = [field_of(notes["input"], "map") for notes in (one, other)]
        check_same(maps[0], _partial(one), maps[1], _partial(other))
    elif one["partial"] != other["partial"]:
        shapes = " and ".join(
            ", ".join(" ".join(pair) for pair in notes["partial"]) for notes in (one, other)
        )
        raise BadObject(
            f"{field_of(one['input'], 'map')}: gives other columns for one part of the input than for "
            f"another: {shapes}. Its objects have different columns: cast what map gives"
        )
    return one | {"inferred": second | first}


def _partial(notes: dict[str, Any]) -> tuple[Column, ...]:
    return tuple(Column(*pair) for pair in notes["partial"])


class SqlReducer:
    """Applies a plan's `reduce`, and in the end its `finish`, to partial rows."""

    def __init__(self, plan: Plan, database: Database, inputs: Inputs, partition: int) -> None:
        self._plan = plan
        self._database = database
        self._notes = inputs.notes
        self._shape = bind_reduce(plan, database, inputs.columns)
        database.show(inputs.relation)
        # Without a key all rows are one group, and that is partition 0's: the others are not groups of none.
        self._rows = "true" if self._shape.key or partition == 0 else "false"
        self._reduced = f"(SELECT {cast(inputs.columns)} FROM (\n{plan.reduce.text}\n)) WHERE {self._rows}"

    def merge(self, output: ObjectWriter, url: str) -> int:
        """Write the reduced rows to an object, to be reduced again; return how many there are."""
        segment = write_segment(self._database, self._reduced, self._shape, output, self._plan.reduce)
        output.write(pack_index(url, [segment], self._notes))
        return segment.records

    @property
    def columns(self) -> list[str]:
        """The names of the result's columns."""
        return [column.name for column in self._shape.result]

    def default_format(self) -> str:
        """Return the format of results where nobody asked for one."""
        nested = any(mark in column.type for column in self._shape.result for mark in NESTED)
        return "jsonl" if nested else "csv"

    def finish(self, format: str, output: ObjectWriter) -> int:
        """Write the result; return how many rows it has."""
        plan, key = self._plan, self._shape.key
        order = f" ORDER BY {listed(key)}" if key else ""
        rows, statement = f"{self._reduced}{order}", plan.reduce
        if plan.finish:
            # In the order of keys, so that a LIMIT among equals takes the same ones each time.
            self._database.execute(f"CREATE TEMP TABLE reduced AS FROM {rows}", statement)
            self._database.show("FROM reduced")
            rows, statement = f"(\n{plan.finish.text}\n) WHERE {self._rows}", plan.finish
        file = self._database.files.create(output)
        options = f"{RESULT_OPTIONS[format]}, USE_TMP_FILE false"
        written = self._database.execute(
            f"COPY (SELECT {self._selected(format)} FROM {rows}) TO {file} ({options})", statement
        )
        return int(written[0][0])

    def _selected(self, format: str) -> str:
        """Return the select list that makes result rows fit a format."""
        if format == "parquet":
            return carried(self._shape.result)
        if format == "jsonl":
            return ", ".join(map(_json_column, self._shape.result))
        return "*"


def _json_column(column: Column) -> str:
    name = quoted(column.name)
    if column.type not in FLOATS:
        return name
    message = text_of(
        f"column {column.name} has a value that JSON cannot say, such as NaN; set output to csv"
    )
    return f"CASE WHEN isfinite({name}) OR {name} IS NULL THEN {name} ELSE error({message}) END AS {name}"
