"""Objects cut into pieces, and read in small steps, for tests."""

from __future__ import annotations

import bz2
import gzip
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from mapreduce import framing, pieces
from mapreduce.pieces import LINES, Block, Framing, Piece, read_pieces
from mapreduce.storage import ObjectStore
from mapreduce.zstd import ZstdCompressor
from tests.unit.pipeline import INPUT

LIMIT = 1 << 20  # of a record's bytes


def zstd_compress(data: bytes) -> bytes:
    return ZstdCompressor().compress(data, ZstdCompressor.FLUSH_FRAME)


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd_compress,
}


def cut(key: str, size: int, cuts: list[int]) -> list[Piece]:
    """Cut an object of INPUT at some of its bytes."""
    edges = [0, *sorted({place for place in cuts if 0 < place < size}), size]
    return [Piece(INPUT, key, start, end) for start, end in itertools.pairwise(edges)]


def split(key: str, size: int, split_bytes: int) -> list[Piece]:
    """Cut an object of INPUT every so many bytes."""
    return cut(key, size, list(range(split_bytes, size, split_bytes)))


@contextmanager
def small_reads(part: int, overlap: int, block: int) -> Iterator[None]:
    """Read objects in parts of so many bytes, and cut what is read into blocks of so many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PART_BYTES", part)
        patch.setattr(pieces, "OVERLAP_BYTES", overlap)
        patch.setattr(pieces, "BLOCK_BYTES", block)
        patch.setattr(framing, "BLOCK_BYTES", block)
        yield


def blocks_in(
    store: ObjectStore, some: list[Piece], framing: Framing = LINES, limit: int = LIMIT
) -> list[Block]:
    """Return all blocks of some pieces."""
    with ThreadPoolExecutor(4) as pool:
        return [block for _, blocks in read_pieces(store, some, limit, pool, framing) for block in blocks]
