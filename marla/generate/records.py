"""Records of 100 bytes with a random key of ten, in the layouts of the sort benchmark (https://sortbenchmark.org).

A binary record: the key, 00 11, a number of 32 hexadecimal digits, 88 99 AA BB, 48 bytes of filler, and
CC DD EE FF. Nothing separates records, and a key may hold any byte, a newline too. An ASCII record is a line:
the key of printable characters, two spaces, the number, two spaces, 52 bytes of filler, and \\r\\n.

The first half of the number is the file's, and the second half the record's in its file: no two records are
the same, and none can be lost or doubled unseen.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import chain, count, product, repeat
from pathlib import Path
from random import Random

from .draws import BLOCK, Urn, picks, seeded
from .files import File, Options, make, plan
from .limits import check_least

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file
RECORD, KEY = 100, 10  # bytes

PAIRS = ["".join(pair).encode() for pair in product(map(chr, range(32, 127)), repeat=2)]
PLACES = [b"%03X" % place for place in range(BLOCK)]  # a block's records differ in the number's last digits


def terasort(  # noqa: PLR0913 - one argument for each option of the command
    directory: Path,
    size: int,
    files: int,
    seed: int = 0,
    *,
    ascii: bool = False,
    start: int = 0,
    skip_existing: bool = False,
    processes: int | None = None,
) -> list[Path]:
    """Writes `terasort-00000.bin` and on, or `.txt` with `ascii`; returns paths.

    Keys are uniform: over all bytes, or with `ascii` over the 95 characters from space to tilde.

    `size` is bytes a file, which holds as many whole records as fit. `start` is the number of the first
    file; what a file holds depends on its number, not on how many there are. `skip_existing` keeps
    a complete file that the same arguments made. `processes` is all cores by default.
    Raises GenerateError for a number out of range, OSError when a file cannot be written.
    """
    check_least(("size", size, RECORD), ("files", files, 1), ("start", start, 0))
    options: Options = {"table": "terasort", "version": VERSION, "size": size, "seed": seed, "ascii": ascii}
    planned = plan(directory, options, range(start, start + files), ".txt" if ascii else ".bin")
    content = partial(_records, size=size, seed=seed, ascii=ascii)
    return make(planned, content, skip_existing=skip_existing, processes=processes)


def _records(file: File, *, size: int, seed: int, ascii: bool) -> Iterator[bytes]:
    """The blocks of a file, the last one cut to whole records."""
    left = size // RECORD * RECORD
    blocks = _ascii_blocks if ascii else _binary_blocks
    for block in blocks(seeded(file.path.name, seed), file.number):
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


def _binary_blocks(random: Random, file: int) -> Iterator[bytes]:
    fillers = _fillers()
    places = [place + b"\x88\x99\xaa\xbb" for place in PLACES]
    for number in _numbers(file):
        keys = random.randbytes(KEY * BLOCK)
        columns = [
            [keys[begin : begin + KEY] for begin in range(0, KEY * BLOCK, KEY)],
            repeat(b"\x00\x11" + number, BLOCK),
            places,
            *(fillers.draw(random) for _ in range(3)),
            repeat(b"\xcc\xdd\xee\xff", BLOCK),
        ]
        yield b"".join(chain.from_iterable(zip(*columns, strict=True)))


def _ascii_blocks(random: Random, file: int) -> Iterator[bytes]:
    fillers = _fillers()
    places = [place + b"  " for place in PLACES]
    ends = Urn([digit * 4 + b"\r\n" for digit in (b"%X" % number for number in range(16))])
    for number in _numbers(file):
        columns = [
            *(picks(random, PAIRS) for _ in range(KEY // 2)),
            repeat(b"  " + number, BLOCK),
            places,
            *(fillers.draw(random) for _ in range(3)),
            ends.draw(random),
        ]
        yield b"".join(chain.from_iterable(zip(*columns, strict=True)))


def _numbers(file: int) -> Iterator[bytes]:
    """All but the last three digits of the records' numbers, for each block of a file."""
    return (b"%016X%013X" % (file, block) for block in count())


@lru_cache(maxsize=1)  # for the next file of this process
def _fillers() -> Urn[bytes]:
    """Four hexadecimal digits, each of them four times."""
    return Urn([b"".join(b"%c" % digit * 4 for digit in b"%04X" % number) for number in range(2**16)])
