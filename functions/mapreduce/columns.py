"""Columns: lists of values as bytes, packed where all are of one simple type, JSON where they are not.

Packing is for speed: floats take a sixth of the time that they take as JSON, to write and to read. What comes
back is what JSON would have given back, to the type and the last bit.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any, Literal

Kind = Literal["text", "float", "int", "json"]

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(values: list[Any]) -> tuple[Kind, bytes]:
    """Return how the values are encoded, and their bytes; there must be one value at least.

    Raises TypeError, ValueError or RecursionError for what JSON cannot say.
    """
    types = set(map(type, values))
    if types == {str}:
        text = "\n".join(values)
        if text.count("\n") == len(values) - 1:  # else a value holds a newline itself
            return "text", to_utf8(text)
    elif types == {float}:
        if all(map(math.isfinite, values)):
            return "float", struct.pack(f"<{len(values)}d", *values)
    elif types == {int}:
        try:
            return "int", struct.pack(f"<{len(values)}q", *values)
        except struct.error:  # beyond 64 bits
            pass
    return "json", to_utf8(to_json(values))


def decode(kind: Kind, data: bytes) -> Sequence[Any]:
    """Return the values of an encoded column. Raises ValueError if it is no such column."""
    match kind:
        case "text":
            return from_utf8(data).split("\n")
        case "float":
            return _unpack("d", data)
        case "int":
            return _unpack("q", data)
        case "json":
            values: list[Any] = json.loads(from_utf8(data))
            return values
    raise ValueError(f"there are no columns of kind {kind!r}")


def to_utf8(text: str) -> bytes:
    """Encode text; a lone surrogate, which JSON can say and UTF-8 cannot, survives."""
    return text.encode(errors="surrogatepass")


def from_utf8(data: bytes) -> str:
    """Decode what `to_utf8` encoded."""
    return data.decode(errors="surrogatepass")


def _unpack(code: str, data: bytes) -> tuple[Any, ...]:
    try:
        return struct.unpack(f"<{len(data) // 8}{code}", data)
    except struct.error as error:
        raise ValueError(str(error)) from error
