"""Count the requests of each URL in web servers' logs, and its share of all requests.

The count of URL access frequency, of section 2.3 of Dean and Ghemawat 2004.
"""

import re
from collections.abc import Iterable, Iterator

from mapreduce import BadRecord, Csv, Job, Pipeline, Stage, counter, param, parameter, required

QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'

# The Common Log Format's fields. The Combined Log Format has referrer and user agent too, both quoted, and
# some servers add more of that kind.
FIELDS = {
    "host": r"\S+",
    "identity": r" \S+",
    "user": r" [^\[]+",  # may hold spaces
    "time": r" \[[^\]]+\]",
    "request": f" {QUOTED}",
    "status": r" (?:\d{3}|-)",
    "size": r" (?:\d+|-)",
    "rest": f"(?: {QUOTED})*",
}
LINE = re.compile("".join(FIELDS.values()))


class UrlCount(Job):
    """Count the requests of each URL in logs of the Common or Combined Log Format.

    A request without a URL counts as one of "-", which is what logs say for none at all.
    """

    output = "csv"
    columns = ("url", "count")

    strip_query: bool = parameter(False, "whether to leave out a URL's query string")

    def map(self, record: str) -> Iterator[tuple[str, int]]:
        line = LINE.fullmatch(record)
        if not line:
            raise BadRecord(f"not the Common or Combined Log Format: {_wrong_field(record)}")
        url = url_of(line[1])
        yield url.partition("?")[0] if self.strip_query else url, 1

    def combine(self, key: str, values: list[int]) -> int:
        return sum(values)

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)


def url_of(request: str) -> str:
    """Return the URL of a request: method, URL, and a protocol since HTTP/1.0."""
    _, _, url = request.strip().partition(" ")
    before, _, last = url.rpartition(" ")
    return (before if last.startswith("HTTP/") else url).strip() or "-"


class UrlShare(Job):
    """Give each URL its count and its share of all requests."""

    format = Csv(columns=UrlCount.columns)
    columns = ("url", "count", "share")

    lines: int = required(int, "how many lines the logs have")
    rejects: int = required(int, "how many of them were set aside")

    def map(self, record: list[str]) -> Iterator[tuple[str, int]]:
        url, count = record
        yield url, int(count)

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, tuple[int, float]]]:
        count = sum(values)
        yield key, (count, count / (self.lines - self.rejects))


def _wrong_field(record: str) -> str:
    """Say what the first field is that is not as it should be."""
    pattern = ""
    for name, field in FIELDS.items():
        pattern += field
        if not re.match(pattern, record):
            return f"the {name} is wrong or missing"
    return "something else follows"


pipeline = Pipeline(
    stages=(
        Stage("count", UrlCount, params={name: param(name) for name in UrlCount.parameters()}),
        Stage(
            "share", UrlShare, params={"lines": counter(0, "inputRecords"), "rejects": counter(0, "rejects")}
        ),
    ),
    params=UrlCount.parameters(),
)
