"""Keys: which ones are allowed, and which partition a key belongs to."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

from .errors import BadKey


def check_key(key: Any) -> None:
    """Raise BadKey unless the key is a string, a finite number, or a tuple of those."""
    parts = key if type(key) is tuple and key else (key,)
    for part in parts:
        kind = type(part)
        if kind is not str and kind is not int and not (kind is float and math.isfinite(part)):
            raise BadKey(
                f"key {key!r}: a key is a string, a finite number or a tuple of them, not {kind.__name__}"
            )


def encode_key(key: Any) -> str:
    """Return the key as JSON text: equal keys (1 and 1.0 too) have equal text."""
    kind = type(key)
    if kind is float and key.is_integer():
        key = int(key)
    elif kind is tuple:
        return "[" + ",".join(map(encode_key, key)) + "]"
    return json.dumps(key, ensure_ascii=False)


def sort_keys(keys: Iterable[Any], *, descending: bool = False) -> list[Any]:
    """Return the keys in order. Raises BadKey if they cannot be compared with each other."""
    try:
        return sorted(keys, reverse=descending)
    except TypeError as error:
        raise not_comparable(error) from error


def not_comparable(error: TypeError) -> BadKey:
    """Return the error of keys that cannot be compared with each other."""
    return BadKey(f"a job's keys must be of one kind, to be sorted: {error}")


def decode_key(value: Any) -> Any:
    """Return the key that JSON text gave back: a list was a tuple."""
    return tuple(value) if type(value) is list else value


def partition_of(key: Any, partitions: int) -> int:
    """Return the partition, of `partitions`, that a key belongs to.

    The hash is the same in every process, on every machine and in every version of Python, which the
    built-in `hash` is not.
    """
    if partitions == 1:
        return 0
    digest = hashlib.blake2b(encode_key(key).encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions
