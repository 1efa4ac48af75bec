"""Pairs of a key and a number, of which few keys have many: what a sort has to cut evenly all the same."""

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import chain, islice
from pathlib import Path
from random import Random

from .draws import Urn, seeded, zipf
from .files import File, Options, fit, make, plan
from .limits import MOST_ITEMS, check_between, check_least
from .words import LETTERS, names

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file
SMALLEST_FILE = 64  # bytes: more than the longest line
SHORTEST, LONGEST = 9, 20  # letters of a key
STEEPEST = 3  # exponent: the first key has five of six records, and the hundredth one in a million


def keys(  # noqa: PLR0913 - one argument for each option of the command
    directory: Path,
    size: int,
    files: int,
    seed: int = 0,
    keys: int = 100_000,
    exponent: float = 0.9,
    *,
    start: int = 0,
    skip_existing: bool = False,
    processes: int | None = None,
) -> list[Path]:
    """Writes `keys-00000.txt` and on, lines of a key, a tab and a number; returns paths.

    A key is 9 to 20 letters. The k-th of the `keys` comes about 1 / k**exponent times as often as the first
    (Zipf's law), and the order of the keys has nothing to do with that. With an exponent of 0 all come as
    often; with the defaults the first has 4.5 % of the records, with an exponent of 1 it has 8.3 %. Numbers
    are uniform, from 0 to 65,535.

    `size` is bytes a file: no file is above it, or a whole line below. `start` is the number of the first
    file; what a file holds depends on its number, not on how many there are. `skip_existing` keeps
    a complete file that the same arguments made. `processes` is all cores by default.
    Raises GenerateError for a number out of range, OSError when a file cannot be written.
    """
    check_least(("size", size, SMALLEST_FILE), ("files", files, 1), ("start", start, 0))
    check_between("keys", keys, 1, MOST_ITEMS)
    check_between("exponent", exponent, 0, STEEPEST)
    options: Options = {"table": "keys", "version": VERSION, "size": size, "seed": seed}
    options |= {"keys": keys, "exponent": exponent}
    planned = plan(directory, options, range(start, start + files), ".txt")
    content = partial(_pairs, size=size, seed=seed, keys=keys, exponent=exponent)
    return make(planned, content, skip_existing=skip_existing, processes=processes)


@lru_cache(maxsize=1)  # for the next file of this process
def _urns(seed: int, keys: int, exponent: float) -> list[Urn[bytes]]:
    """A line's two parts: the key and the tab, the number and the line's end."""
    return [
        zipf([f"{key}\t".encode() for key in islice(_keys(seeded("keys", seed)), keys)], exponent),
        Urn([b"%d\n" % number for number in range(2**16)]),
    ]


def _keys(random: Random) -> Iterator[str]:
    """Keys without end, all different in their first nine letters."""
    for head in names(random.getrandbits(40)):
        tail = random.randbytes(LONGEST).translate(LETTERS).decode("ascii")
        yield (head + tail)[: SHORTEST + random.getrandbits(32) * (LONGEST - SHORTEST + 1) // 2**32]


def _pairs(file: File, *, size: int, seed: int, keys: int, exponent: float) -> Iterator[bytes]:
    return fit(_blocks(seeded(file.path.name, seed), _urns(seed, keys, exponent)), size)


def _blocks(random: Random, urns: list[Urn[bytes]]) -> Iterator[bytes]:
    while True:
        columns = [urn.draw(random) for urn in urns]
        yield b"".join(chain.from_iterable(zip(*columns, strict=True)))
