"""Random objects of a job's input: many sizes, odd names, empty ones, several codecs and ends of lines."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from mapreduce.zstd import ZstdCompressor
from tests.local.conftest import READABLE

BUCKET = READABLE
NAMES = [
    "plain", "with space", "a+b", "per%20cent", "ümlaut-日本", "quote's\"", "hash#tag?x=1&y",
    "{brace}", "dots..", "semi;colon,comma", "equals=1", "tilde~", "back\\slash", "$dollar", "star*", "<tag>",
    "@at", "100%",
]  # fmt: skip


def _zstd(body: bytes) -> bytes:
    compressor = ZstdCompressor()
    return compressor.compress(body) + compressor.flush()


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    ".gz": lambda body: gzip.compress(body, mtime=0),
    ".bz2": bz2.compress,
    ".zst": _zstd,
}


@dataclass(frozen=True)
class Object:
    """An object of an input.

    Attributes:
        body: as it is stored.
        lines: what it says, and where each line begins before it was compressed.
    """

    key: str
    body: bytes
    lines: tuple[tuple[int, str], ...] = ()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"s3://{BUCKET}/{self.key}"


def spread(
    rng: Random, folder: str, lines: list[str], suffix: str, *, returns: bool = True, codecs: bool = True
) -> list[Object]:
    """Spread lines over some objects of a folder, in the order of their keys.

    Args:
        suffix: of the keys, where they are not compressed.
        returns: whether lines may end in `\\r\\n`.
        codecs: whether objects may be compressed.
    """
    made = []
    cuts = sorted(rng.sample(range(len(lines) + 1), min(rng.randrange(5), len(lines))))
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(lines)], strict=True)):
        end = "\r\n" if returns and rng.random() < 0.1 else "\n"
        codec = rng.choice(list(CODECS)) if codecs and rng.random() < 0.25 else ""
        key = f"{folder}{number:02d}-{rng.choice(NAMES)}{suffix}{codec}"
        made.append(_object(rng, key, lines[start:stop], end, codec))
    if rng.random() < 0.3:
        made.append(Object(f"{folder}{rng.randrange(100):02d}-empty{suffix}", b""))
    return sorted(made, key=lambda one: one.key.encode())


def _object(rng: Random, key: str, lines: list[str], end: str, codec: str) -> Object:
    places, offset = [], 0
    for line in lines:
        places.append((offset, line))
        offset += len((line + end).encode())
    text = "".join(line + end for line in lines)
    if lines and lines[-1] and rng.random() < 0.3:
        text = text.removesuffix(end)
    return Object(key, CODECS[codec](text.encode()), tuple(places))


def lines_of(objects: Iterable[Object]) -> list[str]:
    """Return all lines of some objects, in their order."""
    return [line for one in objects for _, line in one.lines]
