"""Inverted index, of section 2.3 of Dean and Ghemawat 2004."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from mapreduce import Job

WORD = re.compile(r"\w+")

Document = tuple[str, int]  # an object, and how often the word occurs in it


class InvertedIndex(Job):
    """List for each word the objects that it occurs in, and how often.

    A word is a run of letters, digits and underscores, whatever its case. Objects are in order.
    """

    output = "jsonl"
    columns = ("word", "documents")
    group_fields = 1  # word

    def map(self, record: str) -> Iterator[tuple[tuple[str, str], Document]]:
        url = self.place.url
        for word, count in Counter(map(str.casefold, WORD.findall(record))).items():
            yield (word, url), (url, count)

    def combine(self, key: tuple[str, str], values: list[Document]) -> Document:
        _, url = key
        return url, sum(count for _, count in values)

    def reduce(self, key: str, values: Iterable[Document]) -> Iterator[tuple[str, tuple[list[Document]]]]:
        by_url = groupby(values, key=itemgetter(0))
        yield key, ([(url, sum(count for _, count in some)) for url, some in by_url],)
