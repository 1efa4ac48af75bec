"""The files that DuckDB reads and writes in a worker: parts, pieces and objects, fetched as they are read."""

import io
import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapreduce.errors import BadRecord, InputChanged, InputNotReadable, RecordTooLong, StorageUnavailable
from mapreduce.formats import Csv
from mapreduce.pieces import Block, Piece
from mapreduce.sql import objects
from mapreduce.sql.database import Column, Database, DataError
from mapreduce.sql.files import Files, Memory
from mapreduce.sql.long_lines import LEAST_STEP, LongLines
from mapreduce.sql.objects import FOOTER_BYTES, ObjectFile, PieceFile
from mapreduce.sql.parts import PartedFile, Parts
from mapreduce.sql.quotes import Quotes
from mapreduce.sql.sieve import Sieve
from mapreduce.sql.table import Table
from mapreduce.storage import Range
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def one_thread() -> Iterator[ThreadPoolExecutor]:
    """A pool in which fetches happen one after the other, in the order in which they were asked for."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


# Parts


class Fetches:
    """Parts `0`, `1`, … that note when they are fetched."""

    def __init__(self, count: int) -> None:
        self.fetched: list[int] = []
        self.fetches: list[Callable[[], Range]] = [
            lambda number=number: self._fetch(number)  # type: ignore[misc]
            for number in range(count)
        ]

    def _fetch(self, number: int) -> Range:
        self.fetched.append(number)
        return Range(b"%d" % number, 1)


def test_parts_that_are_read_in_order_are_fetched_once_and_ahead(one_thread: ThreadPoolExecutor) -> None:
    some = Fetches(6)
    parts = Parts(one_thread, ahead=2)
    parts.add_all(some.fetches)
    assert parts.get(0).data == b"0"
    parts.peek(2)
    assert some.fetched == [0, 1, 2], "the next ones are under way, and no more"
    assert [parts.get(number).data for number in range(6)] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert some.fetched == [0, 1, 2, 3, 4, 5]


def test_a_part_that_is_wanted_early_is_not_fetched_again_in_its_turn(one_thread: ThreadPoolExecutor) -> None:
    some = Fetches(5)
    parts = Parts(one_thread, ahead=1)
    parts.add_all(some.fetches)
    assert parts.peek(4).data == b"4"
    assert [parts.get(number).data for number in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    assert sorted(some.fetched) == [0, 1, 2, 3, 4]


def test_a_part_is_fetched_again_when_it_has_been_forgotten(one_thread: ThreadPoolExecutor) -> None:
    some = Fetches(4)
    parts = Parts(one_thread, ahead=0, kept=1)
    parts.add_all(some.fetches)
    for number in (0, 1, 0, 2, 3, 0):
        assert parts.get(number).data == b"%d" % number
    assert some.fetched == [0, 1, 2, 3, 0]


def test_parts_that_are_added_later_are_numbered_behind_the_others(one_thread: ThreadPoolExecutor) -> None:
    parts = Parts(one_thread, ahead=9)
    assert parts.add_all(Fetches(2).fetches) == 0
    assert parts.add_all(Fetches(3).fetches) == 2
    assert parts.get(4).data == b"2"


def test_what_a_fetch_raises_comes_out_of_get(one_thread: ThreadPoolExecutor) -> None:
    def fail() -> Range:
        raise StorageUnavailable("S3 is away")

    parts = Parts(one_thread, ahead=1)
    parts.add_all([*Fetches(1).fetches, fail])
    assert parts.get(0).data == b"0"
    with pytest.raises(StorageUnavailable, match="S3 is away"):
        parts.get(1)


def test_threads_read_the_same_parts_in_any_order() -> None:
    some = Fetches(50)

    def read(seed: int) -> bool:
        numbers = random.Random(seed).choices(range(50), k=300)
        return all(parts.get(number).data == b"%d" % number for number in numbers)

    with ThreadPoolExecutor(4) as fetching, ThreadPoolExecutor(8) as reading:
        parts = Parts(fetching, ahead=3, kept=1)
        parts.add_all(some.fetches)
        assert all(reading.map(read, range(16)))


@given(
    data=st.binary(max_size=60),
    part_bytes=st.integers(1, 25),
    reads=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8),
)
def test_a_file_of_parts_says_what_the_bytes_say(
    data: bytes, part_bytes: int, reads: list[tuple[int, int]]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        whole = b"before" + data + b"after"
        file = PartedFile(
            lambda start, stop: Range(whole[start:stop], len(whole)),
            6,
            6 + len(data),
            Parts(pool, ahead=2),
            part_bytes,
        )
        assert file.size == len(data)
        assert [file.read(*edges) for edges in reads] == [data[start:stop] for start, stop in reads]


# Pieces


def records_of_pieces(data: bytes, cuts: list[int], header: bool = False) -> list[bytes]:
    """Return what each piece of an object reads as, in reads of a few bytes."""
    _, store = memory_store(INPUT, {"x": data})
    edges = [0, *cuts, len(data)]
    found = []
    with ThreadPoolExecutor(2) as pool:
        parts = Parts(pool, 2)
        files = [
            PieceFile(Piece(INPUT, "x", start, stop), store, parts, 1 << 20, header, "")
            for start, stop in itertools.pairwise(edges)
        ]
        for file in files:
            read = [file.read(start, start + 7) for start in range(0, file.size, 7)]
            found.append(b"".join(read))
            assert file.bytes_read == file.size == len(found[-1])
    return found


lines = st.lists(st.sampled_from([b"", b"a", b"\r", "한글".encode(), b"long line " * 3]), max_size=12)


@settings(max_examples=150)
@given(
    lines=lines,
    final=st.booleans(),
    mark=st.booleans(),
    header=st.booleans(),
    part_bytes=st.sampled_from([1, 2, 5, 1 << 20]),
    data=st.data(),
)
@example(lines=[b"a", b"b"], final=False, mark=True, header=False, part_bytes=1, data=None)
def test_pieces_have_each_record_once_wherever_an_object_is_cut(
    lines: list[bytes], final: bool, mark: bool, header: bool, part_bytes: int, data: st.DataObject | None
) -> None:
    body = b"\n".join(lines) + b"\n" * final
    whole = MARK * mark + b"head\n" * header + body
    if not whole:
        return
    places = st.lists(st.integers(1, max(1, len(whole) - 1)), max_size=6, unique=True)
    cuts = sorted(data.draw(places)) if data else [1, 2]
    cuts = [cut for cut in cuts if cut < len(whole)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "PART_BYTES", part_bytes)
        patch.setattr(objects, "OVERLAP_BYTES", 3)
        assert b"".join(records_of_pieces(whole, cuts, header)) == body


def test_a_piece_of_no_bytes_has_no_records() -> None:
    assert records_of_pieces(b"a\nb\n", [2, 2, 4]) == [b"a\n", b"", b"b\n", b""]


def test_a_piece_within_a_line_has_no_records() -> None:
    assert records_of_pieces(b"a\n" + b"x" * 100 + b"\nb\n", [5, 60, 102]) == [
        b"a\n" + b"x" * 100 + b"\n",
        b"",
        b"",
        b"b\n",
    ]


def test_a_header_is_left_out_wherever_it_is_cut() -> None:
    for cut in range(1, 12):
        assert b"".join(records_of_pieces(b"name,age\nx,1\ny,2", [cut], header=True)) == b"x,1\ny,2"


def test_a_record_that_does_not_end_is_too_long_and_named_by_its_first_byte(
    pool: ThreadPoolExecutor,
) -> None:
    data = b"a\n" + b"x" * (1 << 20)
    _, store = memory_store(INPUT, {"x": data})
    file = PieceFile(Piece(INPUT, "x", 0, 10), store, Parts(pool, 1), 100_000, False, "")
    with pytest.raises(RecordTooLong, match="x at byte 2: a record of more than 100000 bytes"):
        _ = file.size


def test_a_piece_reads_what_its_records_are_and_little_more(pool: ThreadPoolExecutor) -> None:
    data = b"0123456789abcde\n" * (1 << 18)  # 4 MiB
    s3, store = memory_store(INPUT, {"x": data})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "PART_BYTES", 256 << 10)
        file = PieceFile(Piece(INPUT, "x", 1 << 20, 2 << 20), store, Parts(pool, 3), 1 << 20, False, "")
        while file.read(file.bytes_read, file.bytes_read + 100_000):
            pass
    assert file.bytes_read == 1 << 20
    assert s3.bytes_sent < 1.3 * (1 << 20)


# Quotes


@given(st.text("\"ab\n'").map(str.encode), st.lists(st.integers(1, 9)), st.sampled_from(['"', "'"]))
@example(b'"a\n"\n', [1, 1, 1], '"')
@example(b'""\n"a""', [4, 3], '"')
def test_a_quote_that_is_not_closed_on_its_line_is_found_however_data_comes(
    data: bytes, sizes: list[int], quote: str
) -> None:
    quotes = Quotes(quote)
    edges = list(itertools.accumulate(sizes, initial=0))
    found = [quotes.feed(data[start:stop]) for start, stop in itertools.pairwise([*edges, len(data)])]
    odd = any(line.count(quote.encode()) % 2 for line in data.split(b"\n"))
    assert (any(found) or quotes.left_open) == odd


# Long lines


@given(
    lines=st.lists(st.integers(1, 20_000), max_size=12),
    sizes=st.lists(st.integers(1, 9000), min_size=1),
    longest=st.sampled_from([100, 3072, 9000]),
)
def test_long_lines_are_found_however_data_comes(lines: list[int], sizes: list[int], longest: int) -> None:
    data = b"".join(b"x" * (length - 1) + b"\n" for length in lines)
    finder = LongLines(longest)
    edges = itertools.takewhile(lambda edge: edge < len(data), itertools.accumulate(itertools.cycle(sizes)))
    found = [finder.feed(data[start:stop]) for start, stop in itertools.pairwise([0, *edges, len(data)])]
    longest = max(longest, 3 * LEAST_STEP)
    if any(length > longest for length in lines):
        assert any(found)
    if all(length <= longest // 3 for length in lines):
        assert not any(found)


# The sieve


def sifted(
    data: bytes, map: str, columns: str = "{'k': 'VARCHAR', 'n': 'INTEGER'}"
) -> tuple[bytes, list[int]]:
    """Return the good records of a block that lies at byte 100, and the places of the others."""
    places = []
    table = Table(Csv(), (Column("k", "VARCHAR"), Column("n", "INTEGER")))
    with Database() as database:

        def trial(relation: str) -> None:
            database.execute(map.format(f"({relation})"))

        sieve = Sieve(table, database.files, trial)
        clean = sieve.clean(Block(100, data), lambda offset, record, reason: places.append(offset))
    return clean, places


bad_and_good = st.lists(
    st.sampled_from([b"a,1", b"", b"b,2\r", b"a,x", b'"a,1', b"\xff,1", b"a", b"a,1,1", b'"a","3"'])
)
GOOD = {b"a,1", b"", b"b,2\r", b'"a","3"'}


@settings(max_examples=40)
@given(bad_and_good, st.booleans())
def test_the_sieve_takes_out_the_bad_records_and_no_others(lines: list[bytes], final: bool) -> None:
    data = b"\n".join(lines) + b"\n" * final
    clean, places = sifted(data, "SELECT k, n FROM {}")
    starts = itertools.accumulate((len(line) + 1 for line in lines), initial=100)
    assert places == [start for start, line in zip(starts, lines, strict=False) if line not in GOOD]
    kept = [line.removesuffix(b"\r") for line in lines if line in GOOD]
    assert [line for line in clean.split(b"\n") if line] == [line for line in kept if line]


def test_a_record_is_bad_for_what_the_map_makes_of_it() -> None:
    clean, places = sifted(b"a,1\n7,2\nb,3\n8,4", "SELECT sum(k::INTEGER) FROM {}")
    assert (clean, places) == (b"7,2\n8,4\n", [100, 108])


def test_the_first_bad_record_is_told_without_looking_for_the_others() -> None:
    """A wrong type makes a block of records bad, and a job should not take minutes to say so."""
    trials = []

    def trial(relation: str) -> None:
        trials.append(relation)
        raise DataError("all bad")

    def reject(offset: int, record: bytes, reason: str) -> None:
        raise BadRecord(f"byte {offset}")

    table = Table(Csv(), (Column("k", "VARCHAR"),))
    with pytest.raises(BadRecord, match="byte 0"):
        Sieve(table, Files(), trial).clean(Block(0, b"x\n" * 20_000), reject)
    assert len(trials) < 20


# Files


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def connection(files: Files) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.register_filesystem(files)
        yield connection


def test_a_file_is_read_by_its_name_until_it_is_removed(
    files: Files, connection: duckdb.DuckDBPyConnection
) -> None:
    name = files.add(Memory(b"some text"))
    assert connection.execute(f"SELECT content FROM read_text({name})").fetchall() == [("some text",)]
    files.remove(name)
    assert connection.execute(f"SELECT content FROM read_text({name})").fetchall() == []


def test_files_have_names_of_their_own(files: Files, connection: duckdb.DuckDBPyConnection) -> None:
    names = [files.add(Memory(b"%d" % number)) for number in range(3)]
    found = connection.execute(f"SELECT content FROM read_text([{', '.join(names)}])").fetchall()
    assert found == [("0",), ("1",), ("2",)]


def test_what_is_written_goes_to_the_sink(files: Files, connection: duckdb.DuckDBPyConnection) -> None:
    sink = io.BytesIO()
    name = files.create(sink)
    connection.execute(f"COPY (SELECT 1 AS a, 'x' AS b) TO {name} (FORMAT csv, USE_TMP_FILE false)")
    assert sink.getvalue() == b"a,b\n1,x\n"


class Broken:
    """A file that cannot be read, or not be written."""

    size = 100

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, start: int, stop: int) -> bytes:
        raise self._error

    def write(self, data: bytes) -> None:
        raise self._error


@pytest.mark.parametrize("kind", [InputChanged, StorageUnavailable, MemoryError])
def test_what_a_file_raises_comes_out_of_the_database_as_itself(kind: type[Exception]) -> None:
    error = kind("this one")
    with Database() as database:
        with pytest.raises(kind) as caught:
            database.execute(f"SELECT * FROM read_text({database.files.add(Broken(error))})")
        assert caught.value is error
        with pytest.raises(kind) as caught:
            database.execute(f"COPY (SELECT 1) TO {database.files.create(Broken(error))} (FORMAT csv)")
        assert caught.value is error
        assert database.execute("SELECT 1") == [(1,)], "the error is not remembered"


# Objects


def test_an_object_is_fetched_where_it_is_read() -> None:
    data = random.Random(1).randbytes(3 * FOOTER_BYTES)
    s3, store = memory_store(INPUT, {"x": data})
    file = ObjectFile(Piece(INPUT, "x", 0, len(data)), store)
    assert file.size == len(data)
    assert file.read(len(data) - 10, len(data) + 5) == data[-10:]
    assert file.read(len(data), len(data) + 5) == b""
    assert s3.bytes_sent == FOOTER_BYTES, "the end is fetched at once, and once"
    assert file.read(5, 25) == data[5:25]
    assert file.read(2 * FOOTER_BYTES - 5, 2 * FOOTER_BYTES + 5) == data[2 * FOOTER_BYTES - 5 :][:10]
    assert s3.bytes_sent == FOOTER_BYTES + 30


def test_an_object_that_became_shorter_is_refused(pool: ThreadPoolExecutor) -> None:
    _, store = memory_store(INPUT, {"x": b"short"})
    piece = Piece(INPUT, "x", 0, 500)
    with pytest.raises(InputNotReadable, match=r"x: shorter than when the job listed it \(5 bytes\)"):
        ObjectFile(piece, store)
    file = PieceFile(piece, store, Parts(pool, 1), 1 << 20, False, "")
    with pytest.raises(InputNotReadable, match="x: shorter than when the job listed it"):
        file.read(0, 10)
