"""Writes the web-log tables of a well-known benchmark: the same bytes from the same seed, on any machine.

Schema and value ranges follow Pavlo et al., "A Comparison of Approaches to Large-Scale Data Analysis"
(SIGMOD 2009, section 4.3), and the files of the AMPLab Big Data Benchmark
(https://amplab.cs.berkeley.edu/benchmark/): commas, no header, no quoting, pages as random letters, a country
and its language as `YEM,YEM-AR`, about 160 bytes a visit.

Only `random.Random` seeded with a string, and its `randbytes`, decide the data: both sequences are
the same in every supported Python. Everything after them is integer arithmetic, division and
square root, which are exact or correctly rounded on every machine.
"""

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import chain, groupby, islice, product, repeat
from math import sqrt
from operator import itemgetter
from pathlib import Path
from random import Random
from string import ascii_lowercase

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file

Recipe = dict[str, str | int | None]  # all that decides the bytes of one file

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
SMALLEST_FILE = 512  # bytes: more than the longest row of either table, so that each file holds a row
BLOCK = 4096  # rows made at once: enough to spread the cost of a call, and still under 1 MB of text

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2011, 12, 31)
# fmt: off
PLATFORMS = ("Windows NT 5.1", "Windows NT 6.1; WOW64", "Macintosh; Mac OS X 10_7", "X11; Linux x86_64",
             "X11; FreeBSD i386", "iPhone; U", "Android 2.3", "Linux; GoogleTV 3.2")
ENGINES = ("Gecko Firefox/3.5.5", "Gecko Firefox/4.0", "AppleWebKit/420.1", "AppleWebKit/535.19",
           "Trident/4.0", "Trident/5.0", "Presto/2.10", "KHTML/4.7")
# fmt: on
LOCALES = """
    ARE-AR ARG-ES AUS-EN AUT-DE BEL-FR BGR-BG BRA-PT CAN-EN CHE-DE CHL-ES CHN-ZH COL-ES CZE-CS DEU-DE DNK-DA
    EGY-AR ESP-ES EST-ET FIN-FI FRA-FR GBR-EN GRC-EL HUN-HU IND-HI IRL-EN ISL-IS ISR-IW ITA-IT JPN-JA KOR-KO
    LTU-LT MAR-AR MEX-ES NLD-NL NOR-NO POL-PL PRT-PT RUS-RU SWE-SV TUR-TR UKR-UK USA-EN VNM-VI YEM-AR ZAF-EN
""".split()  # noqa: SIM905 - a list of words reads best as words
WORDS = """
    acorn airport almanac anchor apple atlas autumn bakery bamboo barometer beacon bicycle blanket bookshop
    bridge butterfly cabin camera candle canyon carpenter castle cathedral chimney compass copper cottage
    cricket crystal desert dolphin earthquake eclipse elephant engine festival fiddle firefly fountain galaxy
    garden glacier granite guitar harbour harvest horizon iceberg island journey kettle kingdom lantern
    lighthouse magnet maple meadow mirror mountain museum nebula oasis orchard oyster parachute pepper piano
    planet quartz rainbow river saffron satellite snowdrops sparrow thunder umbrella valley volcano waterfall
""".split()  # noqa: SIM905 - a list of words reads best as words

LETTERS = bytes(ord(ascii_lowercase[byte * 26 >> 8]) for byte in range(256))
TRIPLES = ["".join(letters) for letters in product(ascii_lowercase, repeat=3)]
URL_NAMES = 26**9  # how many URLs differ in their first nine letters
URL_STEP = 3_355_617_498_971  # about 0.618 of them, and coprime to 26, so neighbours in number look unrelated


class GenerateError(ValueError):
    """A request that no table can be generated for: names the field, its value and the remedy."""


def parse_size(text: str) -> int:
    """The bytes that a size such as `16MB`, `64KiB` or `4096` stands for.

    KB, MB and GB are powers of 1000; KiB, MiB and GiB are powers of 1024; case does not matter.
    Raises GenerateError for anything else and for zero.
    """
    match = re.fullmatch(r"\s*(\d+)\s*([A-Z]*)\s*", text.upper(), re.ASCII)
    if match is None or match[2] not in UNITS or int(match[1]) == 0:
        raise GenerateError(
            f"size: {text!r} is not a size; write a whole number of bytes above zero, "
            "alone or with KB, MB, GB, KiB, MiB or GiB, such as 16MB"
        )
    return int(match[1]) * UNITS[match[2]]


def uservisits(  # noqa: PLR0913 - one argument for each option of the command
    directory: Path,
    size: int,
    files: int,
    seed: int = 0,
    urls: int = 100_000,
    *,
    start: int = 0,
    skip_existing: bool = False,
    processes: int | None = None,
) -> list[Path]:
    """Writes `uservisits-00000.csv` and on, visits to the first `urls` pages of `rankings`; returns paths.

    Columns: sourceIP, destURL, visitDate, adRevenue, userAgent, countryCode, languageCode, searchWord,
    duration. Each is uniform and independent of the others, but the k-th page gets about 1/k of the visits
    of the first (Zipf's law), and a country always has the same language.

    `size` is bytes a file: no file is above it, or a whole row below. `start` is the number of the first
    file; what a file holds depends on its number, not on how many there are. `skip_existing` keeps
    a complete file that the same arguments made. `processes` is all cores by default; each needs
    40 MB of memory for 100,000 urls and 240 MB for a million.
    Raises GenerateError for a number out of range, OSError when a file cannot be written.
    """
    _check(("size", size, SMALLEST_FILE), ("files", files, 1), ("urls", urls, 1), ("start", start, 0))
    options: Recipe = {"table": "uservisits", "size": size, "seed": seed, "urls": urls}
    recipes = _recipes(directory, options, range(start, start + files))
    wanted = {
        path: recipe for path, recipe in recipes.items() if not (skip_existing and _is_made(path, recipe))
    }
    workers = min(processes or os.cpu_count() or 1, len(wanted))
    write = partial(_write_visits, size=size, seed=seed, urls=urls)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(write, wanted.keys(), wanted.values()))
    else:
        for path, recipe in wanted.items():
            write(path, recipe)
    return list(recipes)


def rankings(  # noqa: PLR0913 - one argument for each option of the command
    directory: Path,
    size: int | None,
    files: int,
    seed: int = 0,
    urls: int = 100_000,
    *,
    skip_existing: bool = False,
) -> list[Path]:
    """Writes `rankings-00000.csv` and on, with each page once over all the files; returns paths.

    Columns: pageURL (10-100 letters), pageRank (see `_page_rank`), avgDuration (1-100, uniform).

    With `size` None the first `urls` pages are spread evenly. Otherwise each file is filled to `size` bytes
    (none above it, or a whole row below) with as many pages as that takes, and `urls` has no say.
    `skip_existing` keeps the files when they all are complete and made by the same arguments.
    One process writes them all, for where a file begins depends on the lengths of all URLs before it.
    Raises GenerateError for a number out of range, OSError when a file cannot be written.
    """
    _check(("files", files, 1), ("urls", urls, 1 if size is not None else files))  # a row a file, at least
    options: Recipe = {"table": "rankings", "size": size, "seed": seed}
    if size is None:
        options |= {"files": files, "urls": urls}
    else:
        _check(("size", size, SMALLEST_FILE))
    recipes = _recipes(directory, options, range(files))
    paths = list(recipes)
    if skip_existing and all(map(_is_made, paths, recipes.values())):
        return paths
    rows = _ranking_rows(seed)
    numbered = (
        ((n * files // urls, row) for n, row in enumerate(islice(rows, urls)))
        if size is None
        else _fill(rows, files, size)
    )
    for number, group in groupby(numbered, key=itemgetter(0)):
        _write(paths[number], recipes[paths[number]], (row for _, row in group))
    return paths


def _check(*bounds: tuple[str, int, int]) -> None:
    for field, value, least in bounds:
        if value < least:
            raise GenerateError(f"{field}: {value} is too small for this table; use {least} or more")


def _recipes(directory: Path, options: Recipe, numbers: range) -> dict[Path, Recipe]:
    """What makes each file, by its path; creates the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    return {
        directory / f"{options['table']}-{number:05}.csv": options | {"number": number, "version": VERSION}
        for number in numbers
    }


def _random(*purpose: str | int) -> Random:
    return Random("/".join(map(str, purpose)))  # noqa: S311 - made-up data, no secrets


def _numbers(random: Random, count: int) -> tuple[int, ...]:
    """Uniform 32-bit numbers; the byte order is given, for it must not be the machine's."""
    return struct.unpack(f"<{count}I", random.randbytes(4 * count))


def _picks(random: Random, table: list[str]) -> list[str]:
    """A block of uniform choices: multiply and shift, far faster than `randrange` or `choices`."""
    length = len(table)
    return [table[number * length >> 32] for number in _numbers(random, BLOCK)]


def _urls(seed: int) -> Iterator[str]:
    """Distinct pages without end, 10 to 100 letters long; the first nine letters encode the page's number."""
    random = _random("urls", seed)
    name = random.getrandbits(40)
    while True:
        letters = random.randbytes(91 * BLOCK).translate(LETTERS).decode("ascii")
        for begin, number in zip(range(0, 91 * BLOCK, 91), _numbers(random, BLOCK), strict=True):
            name = (name + URL_STEP) % URL_NAMES
            high, low = divmod(name, 26**6)
            middle, low = divmod(low, 26**3)
            tail = letters[begin : begin + 1 + (number * 91 >> 32)]
            yield f"{TRIPLES[high]}{TRIPLES[middle]}{TRIPLES[low]}{tail}"


@lru_cache(maxsize=1)  # for the next file of this process
def _visit_tables(seed: int, urls: int) -> list[list[str]]:
    """The texts that a row is put together from, in their order, with the commas between them.

    The last two hold every combination of 64 agents with 45 locales (2,880 texts) and of 80 words with
    10 durations (800), so that all of these are independent of one another.
    """
    octets = [f"{a}.{b}" for a in range(256) for b in range(256)]
    days = range((LAST_DAY - FIRST_DAY).days + 1)
    agents = [f"Mozilla/5.0 ({platform}) {engine}" for platform, engine in product(PLATFORMS, ENGINES)]
    pages = islice(_urls(seed), urls)
    return [
        [f"{pair}." for pair in octets],
        [f"{pair}," for pair in octets],
        # Zipf's law in whole numbers: page k stands in the table urls // k times, so the last one once.
        list(chain.from_iterable(repeat(f"{page},", urls // k) for k, page in enumerate(pages, 1))),
        [f"{FIRST_DAY + timedelta(day)}," for day in days],
        [f"0.{digits:04}" for digits in range(10**4)],
        [f"{digits:04}," for digits in range(10**4)],
        [f"{agent},{locale[:3]},{locale}," for agent, locale in product(agents, LOCALES)],
        [f"{word},{duration}\n" for word, duration in product(WORDS, range(1, 11))],
    ]


def _visits(name: str, size: int, seed: int, urls: int) -> Iterator[str]:
    """The rows of the file `name` in blocks, as many whole rows as fit in `size` bytes."""
    random = _random(name, seed)
    tables = _visit_tables(seed, urls)
    while True:
        columns = [_picks(random, table) for table in tables]
        block = "".join(chain.from_iterable(zip(*columns, strict=True)))
        if len(block) > size:
            yield block[: block.rfind("\n", 0, size) + 1]
            return
        yield block
        size -= len(block)


def _write_visits(path: Path, recipe: Recipe, *, size: int, seed: int, urls: int) -> None:
    _write(path, recipe, _visits(path.name, size, seed, urls))


def _ranking_rows(seed: int) -> Iterator[str]:
    random = _random("rankings", seed)
    pages = _urls(seed)
    while True:
        draws = zip(_numbers(random, BLOCK), _numbers(random, BLOCK), strict=True)
        for (draw, length), page in zip(draws, pages, strict=False):
            yield f"{page},{_page_rank(draw)},{1 + (length * 100 >> 32)}\n"


def _page_rank(draw: int) -> int:
    """Pareto of shape 2 and scale 19.24, fitted to the row counts published for AMPLab's query 1.

    Of 90,000,000 pages 32,888 are above 1000, 3,331,851 above 100 and 89,974,976 above 10.
    """
    share = (draw + 1) / 2**32  # of pages that rank at least as high
    return int(19.24 / sqrt(share)) if share < 0.99972 else 1 + draw % 10


def _fill(rows: Iterator[str], files: int, size: int) -> Iterator[tuple[int, str]]:
    """Rows with the number of their file, as many as fill `files` files of `size` bytes."""
    number = filled = 0
    for row in rows:
        if filled + len(row) > size:
            number, filled = number + 1, 0
        if number == files:
            return
        filled += len(row)
        yield number, row


def _write(path: Path, recipe: Recipe, texts: Iterable[str]) -> None:
    """Writes the file under a hidden name and renames it when complete, then its manifest."""
    partial_file = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial_file.open("w", encoding="ascii", newline="") as file:
            file.writelines(texts)
        _manifest(path).unlink(missing_ok=True)  # before the rename: it must never vouch for the wrong file
        partial_file.replace(path)
    finally:
        partial_file.unlink(missing_ok=True)
    _manifest(path).write_text(_vouch(path, recipe), encoding="ascii")


def _manifest(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _vouch(path: Path, recipe: Recipe) -> str:
    return json.dumps(recipe | {"length": path.stat().st_size}, indent=1, sort_keys=True)


def _is_made(path: Path, recipe: Recipe) -> bool:
    manifest = _manifest(path)
    return path.exists() and manifest.exists() and manifest.read_text("ascii") == _vouch(path, recipe)
