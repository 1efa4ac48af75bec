"""What a format makes of some bytes, for tests."""

from __future__ import annotations

from typing import Any

from mapreduce.formats import Format
from mapreduce.pieces import Block


def records(format: Format, data: bytes, offset: int = 0) -> list[Any]:
    """Return the records of a block of which each can be read."""
    parsed = format.parse(Block(offset, data))
    assert parsed.rejects == []
    return parsed.records


def rejects(format: Format, data: bytes, offset: int = 0) -> list[tuple[int, bytes]]:
    """Return what cannot be read of a block: where it begins, and its bytes."""
    return [(reject.offset, reject.data) for reject in format.parse(Block(offset, data)).rejects]
