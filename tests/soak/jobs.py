"""The jobs of the soak test: Python jobs of the catalogue over random input, each with its oracle."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from math import fsum
from random import Random
from typing import Any

from tests.soak import records
from tests.soak.objects import BUCKET, Object, lines_of, spread
from tests.soak.shapes import Shape

Make = Callable[[Random, str, int], Shape]


def folder(objects: list[Object], path: str, rng: Random) -> Any:
    """Return an input that is all of a folder's objects, in one of the ways to say so."""
    whole = f"s3://{BUCKET}/{path}"
    listed = [one.url for one in objects if one.body]
    if len(listed) > 1 and "*" not in "".join(listed) and rng.random() < 0.2:
        return listed
    return rng.choice([whole, whole, whole.removesuffix("/"), whole + "*", {"uri": whole}])


def wordcount(rng: Random, path: str, size: int) -> Shape:
    """Count words."""
    objects = spread(rng, path, records.prose(rng, size), ".txt")
    counts = Counter(word for line in lines_of(objects) for word in line.split())
    request = {"job": "wordcount", "input": folder(objects, path, rng)}
    by_range = rng.random() < 0.3
    if by_range:
        request["partitioning"] = "range"
    return Shape(
        request, objects, list(counts.items()), (str, int), sorted_by=lambda row: row[0], in_all=by_range
    )


def uservisits(rng: Random, path: str, size: int) -> Shape:
    """Sum revenue by address, in Python or in SQL; some records are bad, in Python."""
    prefix, job = (
        rng.randrange(1, 10),
        rng.choice(["uservisits", "uservisits", "uservisits-sql", "aggregate"]),
    )
    visits = records.visits(rng, size)
    lines = [",".join(visit) for visit in visits]
    bad = rng.choice([0, 0, 1, 7]) if job == "uservisits" else 0
    for _ in range(bad):
        lines.insert(rng.randrange(len(lines)), rng.choice(["1.2.3.4,too,few", "x" * 100, ",,,free,,,,,"]))
    objects = spread(rng, path, lines, ".csv", returns=job == "uservisits")
    revenue: dict[str, list[float]] = defaultdict(list)
    for visit in visits:
        revenue[visit.ip[:prefix]].append(float(visit.revenue))
    rows = [(ip, fsum(some)) for ip, some in revenue.items()]
    request = {"job": job, "input": folder(objects, path, rng), "params": {"prefix": prefix}}
    if bad:
        request["maxBadRecords"] = bad + rng.randrange(2)
    return Shape(request, objects, rows, (str, float), sorted_by=lambda row: row[0], rejects=bad)


def grep(rng: Random, path: str, size: int) -> Shape:
    """Find lines, with object and offset."""
    objects = spread(rng, path, records.prose(rng, size), ".txt")
    pattern = rng.choice(["a", r"\b[a-z]{3}\b", "^$", "ü|Ж", "nothing-has-this-0", "^"])
    found = [
        f"{one.url}:{offset}:{line}"
        for one in objects
        for offset, line in one.lines
        if re.search(pattern, line)
    ]
    request = {"job": "grep", "input": folder(objects, path, rng), "params": {"pattern": pattern}}
    return Shape(request, objects, [(line,) for line in found])


def distinct(rng: Random, path: str, size: int) -> Shape:
    """Find distinct lines, or distinct first fields."""
    lines = [" ".join(line.split()[:2]) or "x y" for line in records.prose(rng, size)]
    objects = spread(rng, path, lines, ".txt")
    field = rng.randrange(2)
    values = {line.split()[0] if field else line for line in lines}
    request = {"job": "distinct", "input": folder(objects, path, rng), "params": {"field": field}}
    return Shape(request, objects, [(value,) for value in values], sorted_by=lambda row: row[0])


def sort(rng: Random, path: str, size: int) -> Shape:
    """Sort lines by a number in front, or by all of the line."""
    numeric = rng.random() < 0.5
    lines = [f"{records.skewed(rng, 3000) - 5} {line}" for line in records.prose(rng, size)]
    objects = spread(rng, path, lines, ".txt")
    params = {"field": 1, "numeric": True} if numeric else {}

    def key(line: str) -> Any:
        return int(line.split(maxsplit=1)[0]) if numeric else line

    request = {"job": "sort", "input": folder(objects, path, rng), "params": params}
    rows = [(line,) for line in sorted(lines, key=key)]
    return Shape(request, objects, rows, sorted_by=lambda row: key(row[0]), in_all=True)


def terasort(rng: Random, path: str, size: int) -> Shape:
    """Sort records of 100 bytes."""
    lines = [rng.randbytes(100) for _ in range(max(1, size // 100))]
    half = rng.randrange(len(lines)) * 100
    body = b"".join(lines)
    objects = [Object(f"{path}{number}", part) for number, part in enumerate((body[:half], body[half:]))]
    request = {"job": "terasort", "input": f"s3://{BUCKET}/{path}"}
    return Shape(
        request, objects, [(record,) for record in sorted(lines, key=lambda one: one[:10])], exact=True
    )


def top(rng: Random, path: str, size: int) -> Shape:
    """Find the most frequent first words."""
    lines = [line for line in records.prose(rng, size) if line.split()] or ["a"]
    objects = spread(rng, path, lines, ".txt")
    k = rng.choice([1, 5, 100])
    counts = Counter(line.split()[0] for line in lines)
    rows = sorted(counts.items(), key=lambda group: (-group[1], group[0]))[:k]
    request = {"job": "top", "input": folder(objects, path, rng), "params": {"k": k, "field": 1}}
    return Shape(request, objects, rows, (str, int), exact=True)


def url_frequency(rng: Random, path: str, size: int) -> Shape:
    """Count URLs and give their shares."""
    lines, urls = records.log_lines(rng, size)
    bad = rng.choice([0, 0, 3])
    for _ in range(bad):
        lines.insert(rng.randrange(len(lines)), "no log line")
    objects = spread(rng, path, lines, ".log")
    rows = [(url, count, count / len(urls)) for url, count in Counter(urls).items()]
    request: dict[str, Any] = {"job": "url-frequency", "input": folder(objects, path, rng)}
    if bad:
        request["maxBadRecords"] = bad
    return Shape(request, objects, rows, (str, int, float), sorted_by=lambda row: row[0], rejects=bad)


def inverted_index(rng: Random, path: str, size: int) -> Shape:
    """List the objects that have a word."""
    objects = spread(rng, path, records.prose(rng, size), ".txt")
    index: dict[str, Counter[str]] = defaultdict(Counter)
    for one in objects:
        for _, line in one.lines:
            for word in re.findall(r"\w+", line):
                index[word.casefold()][one.url] += 1
    rows = [(word, [list(pair) for pair in sorted(urls.items())]) for word, urls in index.items()]
    request = {"job": "inverted-index", "input": folder(objects, path, rng)}
    return Shape(request, objects, rows, sorted_by=lambda row: row[0])


def reverse_links(rng: Random, path: str, size: int) -> Shape:
    """List the pages that link to a page."""
    pairs = [(f"s{rng.randrange(40)}", f"t{records.skewed(rng, 60)}") for _ in range(size // 8 + 1)]
    objects = spread(rng, path, [f"{source} {target}" for source, target in pairs], ".txt")
    sources: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        sources[target].add(source)
    rows = [(target, sorted(some)) for target, some in sources.items()]
    request = {"job": "reverse-links", "input": folder(objects, path, rng)}
    return Shape(request, objects, rows, sorted_by=lambda row: row[0])


JOBS: list[Make] = [
    wordcount, uservisits, grep, distinct, sort, terasort, top, url_frequency, inverted_index, reverse_links,
]  # fmt: skip
