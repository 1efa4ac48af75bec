"""Random records: words, visits, pages, links and log lines, of skewed keys."""

from __future__ import annotations

import string
from random import Random
from typing import NamedTuple

COUNTRIES = ["DE", "FR", "US", "JP", "BR", "ÅX", "a b"]
CHARACTERS = string.ascii_letters + "äöüßéñ日本語ЖЩ'_-.,:;!"


class Visit(NamedTuple):
    """A row of the table `uservisits`."""

    ip: str
    url: str
    day: str
    revenue: str
    agent: str
    country: str
    language: str
    word: str
    duration: str


def skewed(rng: Random, count: int) -> int:
    """Return a number below `count`, small ones far more often."""
    return min(int(count ** rng.random()) - 1, count - 1)


def vocabulary(rng: Random, count: int) -> list[str]:
    """Return that many different words."""
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(rng.choices(CHARACTERS, k=1 + skewed(rng, 14)))] = None
    return list(found)


def prose(rng: Random, size: int) -> list[str]:
    """Return lines of words, some blank, some long, of about `size` characters in all."""
    words = vocabulary(rng, rng.choice([5, 100, 2000]))
    lines = []
    while size > 0:
        count = 400 if rng.random() < 0.005 else rng.randrange(13)
        line = rng.choice(["", "", "  "]) + " ".join(words[skewed(rng, len(words))] for _ in range(count))
        lines.append(line)
        size -= len(line) + 1
    return lines


def visits(rng: Random, size: int, urls: int = 50) -> list[Visit]:
    """Return visits of about `size` characters in all."""
    return [
        Visit(
            ip=".".join(str(rng.choice([1, 20, 131, 254])) for _ in range(4)),
            url=f"url{skewed(rng, urls)}.example",
            day=f"{rng.randrange(1979, 1982)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
            revenue=repr(round(rng.random() * 1000, rng.randrange(6))),
            agent=rng.choice(["Mozilla/5.0", "Opera (x)"]),
            country=COUNTRIES[skewed(rng, len(COUNTRIES))],
            language="en",
            word=rng.choice(["shoe", "Schuh"]),
            duration=str(rng.randrange(100)),
        )
        for _ in range(max(1, size // 70))
    ]


def pages(rng: Random, count: int) -> list[tuple[str, int, int]]:
    """Return rows of the table `rankings`: URL, rank and average duration."""
    return [(f"url{number}.example", skewed(rng, 5000), rng.randrange(60)) for number in range(count)]


def log_lines(rng: Random, size: int) -> tuple[list[str], list[str]]:
    """Return lines of a web server's log, and the URL of each."""
    urls = [f"/{word}?q={number}" for number, word in enumerate(["", "a", "b/c.html", "%20x", "ü"] * 4)]
    asked = [urls[skewed(rng, len(urls))] for _ in range(max(1, size // 80))]
    lines = [
        f"10.0.0.{rng.randrange(9)} - - [01/Jan/2026:00:00:{rng.randrange(60):02d} +0000] "
        f'"GET {url} HTTP/1.1" {rng.choice([200, 404])} {rng.randrange(9999)}'
        for url in asked
    ]
    return lines, asked
