"""Distributed grep, of section 2.3 of Dean and Ghemawat 2004."""

import json
import re
from collections.abc import Iterable, Iterator
from operator import methodcaller
from typing import Any, ClassVar

from mapreduce import InvalidParameter, Job, parameter, required

Position = tuple[int, str, int]  # index of the input, object, byte offset
Hit = tuple[int, str]  # byte offset, line


class Grep(Job):
    """Find the lines that match a regular expression, with object and byte offset, as `grep -bH` does.

    All hits of an object are in one partition, in the order of the lines. In one partition, hence by default,
    objects are in the order of the input too; several partitions share the objects among them.
    """

    output = "text"
    separator = ":"
    columns = ("object", "offset", "line")
    group_fields = 2  # input and object
    example: ClassVar = {"pattern": "error"}

    pattern: str = required(str, "a regular expression of Python's re, found anywhere in a line")
    ignore_case: bool = parameter(False, "whether case makes no difference")
    invert: bool = parameter(False, "whether to find the lines that do not match")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        try:
            search = re.compile(self.pattern, re.IGNORECASE if self.ignore_case else 0).search
        except (re.error, OverflowError, RecursionError) as error:
            raise InvalidParameter(
                f"params.pattern: got {json.dumps(self.pattern)}; give a regular expression of Python's re "
                f"({error})"
            ) from error
        # So lines that are no hits, which most are, cost a search and nothing else.
        self.accepts = search
        if self.pattern == re.escape(self.pattern) and not self.ignore_case:
            self.accepts = methodcaller(
                "__contains__", self.pattern
            )  # a plain text, found several times as fast
        if self.invert:
            self.accepts = lambda record: not search(record)

    def map(self, record: str) -> Iterator[tuple[Position, Hit]]:
        offset = self.place.offset
        yield (self.place.number, self.place.url, offset), (offset, record)

    def reduce(self, key: tuple[int, str], values: Iterable[Hit]) -> Iterator[tuple[tuple[str, int], str]]:
        _, url = key
        for offset, line in values:
            yield (url, offset), line
