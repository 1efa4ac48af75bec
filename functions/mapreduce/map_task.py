"""The map task: read pieces, apply the job's map, write one object with a segment for each partition."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from operator import length_hint
from pathlib import Path
from typing import Any

from . import catalogue
from .boundaries import partitioner_for
from .check import input_format
from .errors import BadObject, BadRecord, InputNotReadable, JobFailed, described, raised_in
from .events import MapTask
from .formats import HEADER_BYTES, Format, LineError, Parsed, Reject
from .job import Job, Pair
from .keys import check_key
from .pieces import PARTS_AHEAD, Block, Piece, read_pieces
from .place import Place
from .rejects import Rejects
from .shuffle import CHECK_PAIRS, Collector, Several, Shuffle
from .sqljob import SqlJob
from .storage import INTERMEDIATE, ObjectStore

CHECK_BYTES = 16 << 20  # of input between two looks at the shuffle's memory; few pairs may be large
RESULT = re.compile(r"jobs/[^/]+/stage-\d+/result/")
MISTAKES = (NameError, ImportError)  # of a job's code, whatever the record


def run_map_task(task: MapTask, store: ObjectStore, bucket: str) -> dict[str, int]:
    """Run a map task; its output is one object in `bucket`.

    Returns:
        Counters: recordsIn, recordsOut (values written, after combine), bytesIn (of records, decompressed),
        bytesOut, rejects, objects.
    """
    _refuse_intermediates(task, bucket)
    job = catalogue.load(task.job.job, task.job.params)
    if isinstance(job, SqlJob):
        from .sql.map_task import run_sql_map_task  # noqa: PLC0415 - imports DuckDB, which takes its time

        return run_sql_map_task(task, job, store, bucket)
    if task.sample:
        from .sampling import run_sample_task  # noqa: PLC0415 - it maps with what is below

        return run_sample_task(task, job, store, bucket)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="marla-")))
        pool = stack.enter_context(ThreadPoolExecutor(PARTS_AHEAD + 1))
        rejects = Rejects(task, store, bucket, stack)
        job.place = Place(task.input.name, task.input.number)
        shuffle = Shuffle(job, partitioner_for(task, job, store), folder)
        mapper = Mapper(job, shuffle, rejects)
        of_job = input_format(job, task.input, task.job.format)
        for piece, blocks in read_pieces(store, task.pieces, task.max_record_bytes, pool, of_job.framing):
            mapper.map_piece(piece, blocks, of_job, store)
        output = stack.enter_context(store.write(bucket, task.output, tag=INTERMEDIATE))
        records_out = shuffle.write(output, f"s3://{bucket}/{task.output}", pool)
    return mapper.counters(task, records_out, output.size)


def _refuse_intermediates(task: MapTask, bucket: str) -> None:
    """Raise InputNotReadable for input that a job wrote and that is no result.

    The role lets a mapper read its own receipts, and cannot say which are its own.
    """
    for piece in task.pieces:
        if piece.bucket == bucket and RESULT.match(piece.key) is None and not piece.key.startswith("input/"):
            raise InputNotReadable(
                f"{piece.url}: access denied. Of the stack's own bucket, jobs may read what is uploaded "
                "under input/, and results of jobs; give one of these"
            )


class Mapper:
    """Applies a job's map to blocks, and adds what it yields to a shuffle, or what else collects pairs."""

    def __init__(self, job: Job, shuffle: Collector, rejects: Rejects) -> None:
        self.shuffle = shuffle
        self.records = 0
        self.bytes = 0
        self._job = job
        self._rejects = rejects
        self._pairs = 0
        self._check_at = CHECK_PAIRS
        self._check_at_bytes = CHECK_BYTES
        self._shuffle_error: Exception | None = None

    def counters(self, task: MapTask, records_out: int, bytes_out: int) -> dict[str, int]:
        """Return the counters of a task of which this mapper has mapped all pieces."""
        return {
            "recordsIn": self.records,
            "recordsOut": records_out,
            "bytesIn": self.bytes,
            "bytesOut": bytes_out,
            "rejects": self._rejects.count,
            "objects": task.objects,
        }

    def map_piece(self, piece: Piece, blocks: Iterator[Block], format: Format, store: ObjectStore) -> None:
        """Map all records of a piece. Raises BadRecord for one too many that cannot be read."""
        self._job.place.at(piece.bucket, piece.key)
        for number, block in enumerate(blocks):
            if number == 0 and format.needs_header:
                format = with_header(format, piece, block, store)
            self.bytes += len(block.data)
            for part in format.parts_of(block):
                parsed = format.parse(part)
                self.records += len(parsed.records) + len(parsed.rejects)
                for reject in parsed.rejects:
                    self._rejects.add(piece, reject)
                self._map_records(piece, parsed)
            if self.bytes >= self._check_at_bytes:
                self._check_at = self._relieve(self._pairs)
                self._check_at_bytes = self.bytes + CHECK_BYTES

    def _map_records(self, piece: Piece, parsed: Parsed) -> None:
        remaining = iter(parsed.records)

        def begin() -> int:
            # Told by what is left, so that the loop need not count.
            return parsed.locate(len(parsed.records) - length_hint(remaining) - 1)[0]

        self._job.place.of_records(begin)
        while (error := self._map_until_error(remaining)) is not None:
            # Told by what is left, so that the loop need not count.
            index = len(parsed.records) - length_hint(remaining) - 1
            offset, line = parsed.locate(index)
            reason = self._reason(error, f"{piece.url} at byte {offset}")
            self._rejects.add(piece, Reject(offset, reason, line), error)

    def _reason(self, error: Exception, where: str) -> str:
        """Return what is wrong with a record. Raises JobFailed if that is the job's code instead."""
        if isinstance(error, MISTAKES):
            job = type(self._job).__name__
            message = f"map of {job} raised {described(error)}, for {where}"
            raise JobFailed(message, without_data=message) from error  # of names in its code
        of_pair = isinstance(error, (TypeError, ValueError)) and raised_in(error, __file__)
        if of_pair and not self._job.accepts:  # which is called from here, too
            return f"map yielded something that is no pair ({error}): yield key, value"
        return str(error) if isinstance(error, BadRecord) else described(error)

    def _map_until_error(self, remaining: Iterator[Any]) -> Exception | None:
        """Map the records that the job accepts; return the error of the last one taken, or None at the end.

        This is the loop in which a Python job spends its time, so it adds to the shuffle's groups by itself
        (see `Shuffle.add`). The pairs of a record that may be set aside are kept back until its map is
        through, so that a rejected record leaves no pairs behind.
        """
        apply = self._job.map
        records = filter(self._job.accepts, remaining) if self._job.accepts else remaining
        groups = self.shuffle.groups
        pairs, check_at = self._pairs, self._check_at
        careful = self._rejects.limit > 0 or self._job.group_fields > 0
        unseen = not careful  # to look at each pair would cost a tenth of the loop's time
        try:
            for record in records:
                yielded = apply(record)
                if unseen:
                    yielded = _looked_at(yielded)
                    unseen = not yielded
                for key, value in _checked(yielded, self._job) if careful else yielded:
                    if type(key) is not str:
                        check_key(key)
                    if key not in groups:
                        groups[key] = value
                    elif type(held := groups[key]) is Several:
                        held.append(value)
                    else:
                        groups[key] = Several((held, value))
                    pairs += 1
                    if pairs >= check_at:
                        check_at = self._relieve(pairs)
        except Exception as error:
            if error is self._shuffle_error or isinstance(error, MemoryError):
                raise
            return error  # whatever the job's map raises is about this record
        finally:
            self._pairs, self._check_at = pairs, check_at
        return None

    def _relieve(self, pairs: int) -> int:
        try:
            return self.shuffle.relieve(pairs)
        except Exception as error:
            self._shuffle_error = error
            raise


def _checked(pairs: Iterable[Pair], job: Job) -> list[Pair]:
    """Return the pairs of a record, or raise what is wrong with any of them."""
    checked = [pair if type(pair) is tuple else _as_tuple(pair) for pair in pairs]
    for key, _ in checked:
        check_key(key)
        job.group_of(key)
    return checked


def _looked_at(pairs: Iterable[Pair]) -> Iterable[Pair]:
    """Return the pairs of a record, of which the first is no text; or () if there are none."""
    remaining = iter(pairs)
    for pair in remaining:
        return chain((_as_tuple(pair),), remaining)
    return ()


def _as_tuple(pair: Any) -> Pair:
    """Return a pair as a tuple. Raises TypeError for a text: of two characters, it would pass for a pair."""
    if type(pair) is str:
        raise TypeError(f"the text {pair!r}")
    key, value = pair
    return key, value


def with_header(format: Format, piece: Piece, first_block: Block, store: ObjectStore) -> Format:
    """Return the format of a piece's object, whose header names the columns. Raises BadObject."""
    try:
        return format.with_header(_header(piece, first_block, store))
    except LineError as error:
        remedy = "Correct it, or leave it out of the input"
        raise BadObject(
            f"{piece.url}: its header: {error}. {remedy}",
            without_data=f"{piece.url}: its header cannot be read. {remedy}",
        ) from error


def _header(piece: Piece, first_block: Block, store: ObjectStore) -> bytes:
    if first_block.offset == 0:
        data = first_block.data
    else:
        data = store.read(piece.bucket, piece.key, 0, HEADER_BYTES, piece.etag).data
    return data.partition(b"\n")[0]
