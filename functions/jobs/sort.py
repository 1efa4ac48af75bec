"""Distributed sort, of section 2.3 of Dean and Ghemawat 2004."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from mapreduce import BadRecord, parameter

from ._fields import FieldJob

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class Sort(FieldJob):
    """Sort lines by a key: the line or a field, or its first characters, as text or as a number.

    Several result objects are in order one after the other. In each, lines of the same key stay in the order
    of the input. Texts are in the order of Unicode, which is that of their bytes too.
    """

    output: ClassVar[Literal["text", "raw"]] = "text"
    columns = ("line",)
    partitioning = "range"
    splits_keys = True

    characters: int = parameter(0, "how many characters of the key count; 0: all", minimum=0)
    numeric: bool = parameter(False, "whether keys are numbers")
    descending: bool = parameter(False, "whether the greatest comes first")

    def map(self, record: str) -> Iterator[tuple[str | float, str]]:
        key = self.key_of(record)
        if self.characters:
            key = key[: self.characters]
        if self.numeric:
            yield number(key), record
        else:
            yield key, "" if key == record else record  # a line that is its own key is not sent twice

    def reduce(self, key: str | float, values: Iterable[str]) -> Iterator[tuple[str | float, tuple[()]]]:
        for line in values:
            yield line or key, ()


def number(text: str) -> int | float:
    """Return what a text says: whole numbers are exact, others the nearest float.

    Raises BadRecord for anything else, `inf` and `nan` too, which have no place in the order or in JSON.
    """
    digits = text.strip()
    if not NUMBER.fullmatch(digits):
        raise BadRecord(f"the key {text!r} is no number")
    try:
        return int(digits)
    except ValueError:  # a fraction, an exponent, or more digits than Python takes
        value = float(digits)
    if math.isinf(value):
        raise BadRecord(f"the key {text!r} is too large a number")
    return value
