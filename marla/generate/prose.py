"""Text: lines of words, some of them frequent and most of them rare, as in any language."""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import cycle
from pathlib import Path
from random import Random

from .draws import BLOCK, Urn, picks, seeded, zipf
from .files import File, Options, fit, make, plan
from .limits import MOST_ITEMS, check_between, check_least
from .words import vocabulary

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file
SMALLEST_FILE = 1024  # bytes: more than the longest line

# How far into a line its last word goes on, at least: one line in 17 is blank, and one is long.
BLANK = -1
LENGTHS = [BLANK] * 10 + list(range(150)) + list(range(200, 1000, 80))


def text(  # noqa: PLR0913 - one argument for each option of the command
    directory: Path,
    size: int,
    files: int,
    seed: int = 0,
    words: int = 50_000,
    *,
    start: int = 0,
    skip_existing: bool = False,
    processes: int | None = None,
) -> list[Path]:
    """Writes `text-00000.txt` and on, lines of words with a space between them, in UTF-8; returns paths.

    The k-th of the `words` made-up words comes about 1/k times as often as the first (Zipf's law). Some
    hold characters of two to four bytes. Lines have up to 1,000 bytes; some are blank.

    `size` is bytes a file: no file is above it, or a whole line below. `start` is the number of the first
    file; what a file holds depends on its number, not on how many there are. `skip_existing` keeps
    a complete file that the same arguments made. `processes` is all cores by default.
    Raises GenerateError for a number out of range, OSError when a file cannot be written.
    """
    check_least(("size", size, SMALLEST_FILE), ("files", files, 1), ("start", start, 0))
    check_between("words", words, 1, MOST_ITEMS)
    options: Options = {"table": "text", "version": VERSION, "size": size, "seed": seed, "words": words}
    planned = plan(directory, options, range(start, start + files), ".txt")
    content = partial(_text, size=size, seed=seed, words=words)
    return make(planned, content, skip_existing=skip_existing, processes=processes)


@lru_cache(maxsize=1)  # for the next file of this process
def _words(seed: int, count: int) -> Urn[bytes]:
    return zipf([word.encode() for word in vocabulary(seed, count)])


def _text(file: File, *, size: int, seed: int, words: int) -> Iterator[bytes]:
    return fit(_blocks(seeded(file.path.name, seed), _words(seed, words)), size)


def _blocks(random: Random, words: Urn[bytes]) -> Iterator[bytes]:
    while True:
        lengths = picks(random, LENGTHS, BLOCK // 8)  # for far shorter lines than are to be expected
        yield b"\n".join([*_lines(b" ".join(words.draw(random)), lengths), b""])


def _lines(words: bytes, lengths: Sequence[int]) -> Iterator[bytes]:
    """The words in lines, cut at the first space after each length."""
    begin = 0
    for length in cycle(lengths):
        if length == BLANK:
            yield b""
            continue
        end = words.find(b" ", begin + length)
        if end < 0:
            break
        yield words[begin:end]
        begin = end + 1
    yield words[begin:]
