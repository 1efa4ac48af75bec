"""A graph of web pages, twice: as pairs of URLs, and as HTML in which the same links have to be found.

A page links to what each `<a href>` in it names, if that is http or https: resolved as browsers do it,
against `<base href>` if there is one, and without its fragment. So `#top` is a link from a page to itself,
where there is no `<base href>`. A page may link to another several times, and that is several links. What
stands in a comment or a script is no link.
"""

import json
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from .draws import Dice, Urn, seeded, zipf
from .files import File, Options, make, plan
from .limits import MOST_ITEMS, check_between, check_least
from .markup import Url, html
from .words import WORDS, vocabulary

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file
SMALLEST_FILE = 2**15  # bytes: more than the longest page
PAGE = 1_500  # bytes of a page that are made sure of, in the mean of each file from its beginning
MOST_LINKS = 32  # of a page
PHRASES = 4096

SITES = (
    *["https://www.acorn.example"] * 3,
    *["https://harbour.example"] * 2,
    "http://maple.example",
    "http://lantern.example:8080",
)


def links(  # noqa: PLR0913 - one argument for each option of the command
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
    """Writes `links-00000.txt` and on, and `pages-00000.jsonl` and on; returns the paths, in this order.

    Files of one number describe the same pages, in the same order. A line of `links` is a link: the URL of
    a page, a space, and the URL that it links to. A line of `pages` is an object with `url` and `html`. The
    k-th of the `urls` is linked to about 1/k times as often as the first (Zipf's law), and the first ones
    are those of the first file; as in any crawl there are links to pages that are not there.

    `size` is bytes a file: no file is above it, and a page more would take one of the two above it. `start`
    is the number of the first file; what a file holds depends on its number, not on how many there are.
    `skip_existing` keeps a complete file that the same arguments made. `processes` is all cores by default.
    Raises GenerateError for a number out of range, OSError when a file cannot be written.
    """
    check_least(("size", size, SMALLEST_FILE), ("files", files, 1), ("start", start, 0))
    check_between("urls", urls, 1, MOST_ITEMS)
    options: Options = {"version": VERSION, "size": size, "seed": seed, "urls": urls}
    numbers = range(start, start + files)
    planned = plan(directory, options | {"table": "links"}, numbers, ".txt")
    planned += plan(directory, options | {"table": "pages"}, numbers, ".jsonl")
    content = partial(_content, size=size, seed=seed, urls=urls)
    return make(planned, content, skip_existing=skip_existing, processes=processes)


class Row(NamedTuple):
    """A page in both forms: the lines of its links, and the line of itself."""

    links: bytes
    page: bytes


def _content(file: File, *, size: int, seed: int, urls: int) -> Iterator[bytes]:
    rows = _rows(file.number, size, seed, urls)
    return (row.links if file.options["table"] == "links" else row.page for row in rows)


def _rows(number: int, size: int, seed: int, urls: int) -> Iterator[Row]:
    """The pages of the files with this number, as many as fit in both of them."""
    dice = Dice(seeded("links", seed, number))
    popular = _popular(urls).endless(seeded("targets", seed, number))
    phrases = _phrases(seed)
    first = number * (size // PAGE)  # no file has more pages than this: so each page is in one file alone
    linked = written = 0
    for place in range(size // PAGE):
        url = _url(first + place)
        targets = [_url(target) for target in islice(popular, _degree(dice))]
        targets += [dice.of(targets) for _ in targets if dice.below(8) == 0]
        targets += [url] * (dice.below(16) == 0)
        text = html(dice, url, targets, phrases, PAGE * (place + 1) - written)
        row = Row(
            "".join(f"{url} {target}\n" for target in targets).encode(),
            (json.dumps({"url": str(url), "html": text}, ensure_ascii=False) + "\n").encode(),
        )
        linked, written = linked + len(row.links), written + len(row.page)
        if max(linked, written) > size:
            return
        yield row


def _degree(dice: Dice) -> int:
    """How many links a page has: half of them have six or less, one in eight has none."""
    return dice.below(1 + dice.below(MOST_LINKS))


def _url(number: int) -> Url:
    """The URL of a page: all are different, for they hold the number."""
    mixed = number * 0x9E3779B97F4A7C15 % 2**64  # neighbours look unrelated
    site, folder, word, form = (mixed >> shift & 0xFFFF for shift in (48, 32, 24, 40))
    name = WORDS[word % len(WORDS)]
    forms = (f"{name}-{number}.html", f"{name}-{number}/", f"{name}?id={number}&lang=en", f"{name}-{number}")
    return Url(SITES[site % len(SITES)], WORDS[folder % len(WORDS)], forms[form % len(forms)])


@lru_cache(maxsize=1)  # for the next file of this process
def _popular(urls: int) -> Urn[int]:
    return zipf(range(urls))


@lru_cache(maxsize=1)  # for the next file of this process
def _phrases(seed: int) -> list[str]:
    """Some words each, to make texts of; none holds a character that HTML gives a meaning to."""
    words = Dice(seeded("phrases", seed))
    known = vocabulary(seed, 2_000)
    return [" ".join(words.of(known) for _ in range(1 + words.below(12))) for _ in range(PHRASES)]
