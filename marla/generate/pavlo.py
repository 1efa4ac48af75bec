"""The tables of Pavlo et al.'s benchmark: `uservisits` and `rankings`, as csv.

Schema and value ranges follow Pavlo et al., "A Comparison of Approaches to Large-Scale Data Analysis"
(SIGMOD 2009, section 4.3), and the files of the AMPLab Big Data Benchmark
(https://amplab.cs.berkeley.edu/benchmark/): commas, no header, no quoting, pages as random letters, a country
and its language as `YEM,YEM-AR`, about 160 bytes a visit.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import chain, groupby, islice, product, repeat
from math import sqrt
from operator import itemgetter
from pathlib import Path
from random import Random

from .draws import BLOCK, numbers, picks, seeded
from .files import File, Options, fit, make, plan
from .limits import check_least
from .words import ENGINES, LETTERS, PLATFORMS, WORDS, names

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file
SMALLEST_FILE = 512  # bytes: more than the longest row of either table, so that each file holds a row

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2011, 12, 31)
LOCALES = """
    ARE-AR ARG-ES AUS-EN AUT-DE BEL-FR BGR-BG BRA-PT CAN-EN CHE-DE CHL-ES CHN-ZH COL-ES CZE-CS DEU-DE DNK-DA
    EGY-AR ESP-ES EST-ET FIN-FI FRA-FR GBR-EN GRC-EL HUN-HU IND-HI IRL-EN ISL-IS ISR-IW ITA-IT JPN-JA KOR-KO
    LTU-LT MAR-AR MEX-ES NLD-NL NOR-NO POL-PL PRT-PT RUS-RU SWE-SV TUR-TR UKR-UK USA-EN VNM-VI YEM-AR ZAF-EN
""".split()  # noqa: SIM905 - a list of words reads best as words


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
    check_least(("size", size, SMALLEST_FILE), ("files", files, 1), ("urls", urls, 1), ("start", start, 0))
    options: Options = {"table": "uservisits", "version": VERSION, "size": size, "seed": seed, "urls": urls}
    planned = plan(directory, options, range(start, start + files), ".csv")
    content = partial(_visits, size=size, seed=seed, urls=urls)
    return make(planned, content, skip_existing=skip_existing, processes=processes)


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
    check_least(("files", files, 1), ("urls", urls, 1 if size is not None else files))  # a row a file
    options: Options = {"table": "rankings", "version": VERSION, "size": size, "seed": seed}
    if size is None:
        options |= {"files": files, "urls": urls}
    else:
        check_least(("size", size, SMALLEST_FILE))
    planned = plan(directory, options, range(files), ".csv")
    paths = [file.path for file in planned]
    if skip_existing and all(file.is_made() for file in planned):
        return paths
    rows = _ranking_rows(seed)
    numbered = (
        ((n * files // urls, row) for n, row in enumerate(islice(rows, urls)))
        if size is None
        else _fill(rows, files, size)
    )
    for number, group in groupby(numbered, key=itemgetter(0)):
        planned[number].write(row for _, row in group)
    return paths


def _urls(seed: int) -> Iterator[str]:
    """Distinct pages without end, 10 to 100 letters long; the first nine letters encode the page's number."""
    random = seeded("urls", seed)
    heads = names(random.getrandbits(40))
    while True:
        letters = random.randbytes(91 * BLOCK).translate(LETTERS).decode("ascii")
        begins = range(0, 91 * BLOCK, 91)
        for begin, number, head in zip(begins, numbers(random), heads, strict=False):
            yield head + letters[begin : begin + 1 + (number * 91 >> 32)]


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


def _visits(file: File, *, size: int, seed: int, urls: int) -> Iterator[bytes]:
    return fit(_visit_blocks(seeded(file.path.name, seed), _visit_tables(seed, urls)), size)


def _visit_blocks(random: Random, tables: list[list[str]]) -> Iterator[bytes]:
    while True:
        columns = [picks(random, table) for table in tables]
        yield "".join(chain.from_iterable(zip(*columns, strict=True))).encode("ascii")


def _ranking_rows(seed: int) -> Iterator[bytes]:
    random = seeded("rankings", seed)
    pages = _urls(seed)
    while True:
        draws = zip(numbers(random), numbers(random), strict=True)
        for (draw, length), page in zip(draws, pages, strict=False):
            yield f"{page},{_page_rank(draw)},{1 + (length * 100 >> 32)}\n".encode("ascii")


def _page_rank(draw: int) -> int:
    """Pareto of shape 2 and scale 19.24, fitted to the row counts published for AMPLab's query 1.

    Of 90,000,000 pages 32,888 are above 1000, 3,331,851 above 100 and 89,974,976 above 10.
    """
    share = (draw + 1) / 2**32  # of pages that rank at least as high
    return int(19.24 / sqrt(share)) if share < 0.99972 else 1 + draw % 10


def _fill(rows: Iterator[bytes], files: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Rows with the number of their file, as many as fill `files` files of `size` bytes."""
    number = filled = 0
    for row in rows:
        if filled + len(row) > size:
            number, filled = number + 1, 0
        if number == files:
            return
        filled += len(row)
        yield number, row
