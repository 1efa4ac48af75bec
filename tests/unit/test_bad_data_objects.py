"""The corpus of bad data: records of a fixed length, whole objects, and compressed ones."""

import bz2
import gzip
import zlib

import pytest

from mapreduce.errors import BadObject, InvalidParameter, RecordTooLong
from mapreduce.pieces import Piece
from mapreduce.zstd import CompressionParameter, ZstdCompressor
from tests.unit.bad_data import WHOLE, Entry, check_entry, made_of
from tests.unit.cuts import COMPRESSORS, blocks_in, small_reads
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT

pytestmark = pytest.mark.usefixtures("failures_are_explained")

BOM = b"\xef\xbb\xbf"
NOT_UTF8 = "UnicodeDecodeError: 'utf-8' codec can't decode byte"
THREE = {"type": "fixed", "length": 3}
TOO_SHORT = "the object ends after"

FIXED = [
    Entry(
        "a last record that is too short",
        b"abcdefgh",
        THREE,
        ((0, "abc"), (3, "def")),
        ((6, f"{TOO_SHORT} 2 of"),),
    ),
    Entry(
        "an object shorter than a record",
        b"a",
        THREE,
        rejects=((0, f"{TOO_SHORT} 1 of the record's 3 bytes"),),
    ),
    Entry(
        "bytes that are no text", b"\xff\xfe\0\xef\xbb\xbf", THREE, ((0, "\xff\xfe\0"), (3, "\xef\xbb\xbf"))
    ),
    Entry("newlines", b"a\n\r\n\n\n", THREE, ((0, "a\n\r"), (3, "\n\n\n"))),
    Entry("gzip without its suffix is bytes too", b"\x1f\x8b\x08", THREE, ((0, "\x1f\x8b\x08"),)),
    Entry(
        "records of no length",
        b"abc",
        {"type": "fixed", "length": 0},
        error=(InvalidParameter, "format.length: got 0"),
    ),
    Entry(
        "records longer than they may be",
        b"abc",
        {"type": "fixed", "length": 1 << 40},
        error=(RecordTooLong, "lower format.length"),
    ),
]

OBJECTS = [
    Entry("a byte order mark", BOM + b"a\nb", "whole", ((3, "a\nb"),)),
    Entry("a byte order mark alone", BOM, "whole", ((3, ""),)),
    Entry("UTF-16", "a\n".encode("utf-16"), "whole", error=(BadObject, "as UTF-16 does")),
    Entry("Latin-1", b"fine\nna\xefve", "whole", rejects=((0, "byte 0xef in position 7"),)),
    Entry(
        "a character that is cut", BOM + "한".encode()[:-1], "whole", rejects=((3, "unexpected end of data"),)
    ),
    Entry("NUL bytes and carriage returns", b"\0\r\n\r\0", "whole", ((0, "\0\r\n\r\0"),)),
    Entry("gzip without its suffix", b"\x1f\x8b\x08\0", "whole", error=(BadObject, "as gzip does")),
    Entry(
        "an object longer than a record may be",
        b"a" * (21 << 20),
        "whole",
        error=(RecordTooLong, "leave the object out"),
    ),
]


@pytest.mark.parametrize("entry", FIXED, ids=str)
def test_bad_records_of_a_fixed_length(entry: Entry) -> None:
    check_entry(entry)


@pytest.mark.parametrize("entry", OBJECTS, ids=str)
def test_bad_whole_objects(entry: Entry) -> None:
    check_entry(entry)


# Compressed objects

DATA = b"one\ntwo\n"
RECORDS = ((0, "one"), (4, "two"))
TWICE = (*RECORDS, (8, "one"), (12, "two"))
GZIP, BZIP2, ZSTANDARD = (compress(DATA) for compress in COMPRESSORS.values())


def damaged(data: bytes, position: int) -> bytes:
    """Flip bits of a byte."""
    changed = bytearray(data)
    changed[position] ^= 0x55
    return bytes(changed)


def with_checksum(data: bytes) -> bytes:
    options: dict[int, int] = {CompressionParameter.checksum_flag: 1}
    return ZstdCompressor(options=options).compress(data, ZstdCompressor.FLUSH_FRAME)


def with_window(data: bytes, log: int) -> bytes:
    """Compress so that to decompress takes 2 ** log bytes."""
    compressor = ZstdCompressor(options={CompressionParameter.window_log: log})
    return compressor.compress(data) + compressor.flush()


def compressed(name: str, suffix: str, data: bytes, records: tuple[tuple[int, str], ...]) -> Entry:
    return Entry(name, data, "text", records, key="data" + suffix, compressible=False)


def broken(name: str, suffix: str, data: bytes, message: str) -> Entry:
    error = (BadObject, f"data{suffix}: {message}")
    return Entry(name, data, "text", error=error, key="data" + suffix, compressible=False)


SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"  # a frame that zstandard's format says to skip

COMPRESSED = [
    *(
        entry
        for suffix, compress in COMPRESSORS.items()
        for entry in (
            compressed("two streams", suffix, compress(DATA) * 2, TWICE),
            compressed(
                "a stream that is cut between characters",
                suffix,
                compress(b"on") + compress(b"e\ntwo\n"),
                RECORDS,
            ),
            compressed("streams of nothing", suffix, compress(b"") + compress(DATA) + compress(b""), RECORDS),
            compressed("a stream of nothing alone", suffix, compress(b""), ()),
            compressed(
                "a thousand streams of nothing", suffix, compress(b"") * 1000 + compress(DATA), RECORDS
            ),
            broken("an end that is missing", suffix, compress(DATA)[:-1], "damaged after byte"),
            broken("a beginning alone", suffix, compress(DATA)[:3], "damaged after byte 0"),
            broken(
                "a second stream without its end", suffix, (compress(DATA) * 2)[:-3], "damaged after byte"
            ),
            broken(
                "a second stream with a wrong beginning",
                suffix,
                compress(DATA) + damaged(compress(DATA), 0),
                "damaged after byte",
            ),
            broken("text behind a stream", suffix, compress(DATA) + b"that's it\n", "damaged after byte"),
            broken("a byte behind a stream", suffix, compress(DATA) + b"x", "damaged after byte"),
            broken("plain text", suffix, DATA, "damaged after byte 0"),
            broken(
                "compressed twice",
                suffix,
                compress(compress(DATA)),
                "read as text in UTF-8, but what comes out of",
            ),
        )
    ),
    broken(
        "a wrong checksum",
        ".gz",
        damaged(GZIP, -8),
        "damaged after byte",
    ),
    broken(
        "a wrong length",
        ".gz",
        damaged(GZIP, -4),
        "damaged after byte",
    ),
    broken("wrong data", ".gz", damaged(GZIP, 14), "damaged after byte"),
    broken(
        "deflate without gzip",
        ".gz",
        zlib.compress(DATA),
        "damaged after byte 0 of its decompressed data: Not a gzipped file",
    ),
    compressed("noughts behind a stream, as on tapes", ".gz", GZIP + b"\0" * 100, RECORDS),
    broken("noughts behind a stream", ".bz2", BZIP2 + b"\0" * 100, "damaged after byte"),
    broken("noughts behind a stream", ".zst", ZSTANDARD + b"\0" * 100, "damaged after byte"),
    broken("wrong data", ".bz2", damaged(BZIP2, 20), "damaged after byte 0"),
    broken("a wrong checksum", ".bz2", damaged(BZIP2, 10), "damaged after byte 0"),
    broken("a wrong checksum", ".zst", damaged(with_checksum(DATA), -1), "damaged after byte"),
    broken("wrong data", ".zst", damaged(with_checksum(DATA), -6), "damaged after byte"),
    compressed("a frame to be skipped", ".zst", SKIPPED + ZSTANDARD + SKIPPED, RECORDS),
    broken(
        "more memory than to decompress may take",
        ".zst",
        with_window(DATA, 28),
        "damaged after byte 0 of its decompressed data: ",
    ),
    compressed("as much as it may take", ".zst", with_window(DATA, 27), RECORDS),
    broken(
        "UTF-16",
        ".gz",
        gzip.compress(DATA.decode().encode("utf-16")),
        "read as text in UTF-8, but what comes out of .gz begins as UTF-16 does. Convert it",
    ),
    broken(
        "another compression",
        ".gz",
        gzip.compress(bz2.compress(DATA)),
        "read as text in UTF-8, but what comes out of .gz begins as bzip2 does. Decompress it once",
    ),
]


@pytest.mark.parametrize("entry", COMPRESSED, ids=lambda entry: f"{entry} {entry.key}")
def test_bad_compressed_objects(entry: Entry) -> None:
    check_entry(entry)
    with small_reads(part=5, overlap=3, block=4):
        check_entry(entry)


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_an_object_without_a_byte_has_no_records_whatever_its_name_says(suffix: str) -> None:
    _, store = memory_store(INPUT, {"data" + suffix: b""})
    assert blocks_in(store, [Piece(INPUT, "data" + suffix, 0, 0)]) == []


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("format", ["text", "csv", "jsonl", THREE, "whole"])
def test_no_format_takes_a_part_of_a_damaged_object_for_all_of_it(suffix: str, format: object) -> None:
    data = COMPRESSORS[suffix](b"111\n" * 5000)
    for short in (1, len(data) // 2, len(data) - 5):
        with pytest.raises(BadObject, match="damaged after byte"):
            made_of(data[:-short], format, "data" + suffix, split_bytes=WHOLE)
