"""Logs of a web server, in the Common and the Combined Log Format of Apache, with what is odd in real ones.

Each line is `client ident user [time] "request" status size`, and in the Combined format `"referer" "agent"`
behind it (https://httpd.apache.org/docs/2.4/logs.html#accesslog). Odd are: `-` for a user, a size, a referer
or an agent that there is not; clients with IPv6 addresses, or names; requests that are `-`, empty, binary (as
`\\x16`), without a protocol or with spaces in their URL; and `\\"` for a quote in a request or an agent.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import chain, count, product
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, get_args

from .draws import BLOCK, Dice, Urn, picks, seeded, zipf
from .files import File, Options, fit, make, plan
from .limits import MOST_ITEMS, GenerateError, check_between, check_least
from .words import ENGINES, PLATFORMS, WORDS

VERSION = 1  # of the data: raise it with any change of the bytes, so that `skip_existing` keeps no old file
SMALLEST_FILE = 1024  # bytes: more than the longest line

Format = Literal["combined", "common", "alternate"]

Column = Sequence[bytes]
TIME = 3  # the column of the time of day

FIRST_DAY = date(2024, 2, 27)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - and in no locale's words
ZONES = ("+0000", "-0700", "+0530")  # by turns: a file is of one server
DAY = 24 * 60 * 60  # seconds

CLIENTS = 20_000
USERS = ["-"] * 60 + ["anna", "frank", "o'neill", "j.doe@mail.example"]
# How often each comes, of 100.
METHODS = {"GET": 86, "POST": 9, "HEAD": 3, "PUT": 1, "DELETE": 1}
PROTOCOLS = {"HTTP/1.1": 70, "HTTP/2.0": 26, "HTTP/1.0": 4}
STATUSES = {200: 80, 206: 2, 301: 3, 302: 2, 304: 6, 403: 1, 404: 4, 500: 1, 503: 1}
BODILESS = (304,)  # so their size is -
ODD = 64  # one line in so many has one of these requests, with its status and size
ODD_REQUESTS = (
    '-" 408 -',
    '-" 400 0',
    '" 400 226',
    r'\x16\x03\x01\x02" 400 226',
    r'\n" 400 226',
    r"\x03\x00\x00/*\xe0\x00\x00\x00\x00\x00Cookie: mstshash=Administr" + '" 400 226',
    'GET /" 200 4523',
    'GET /a page with spaces.html HTTP/1.1" 404 209',
    r'GET /search?q=\"maple+river\" HTTP/1.1" 200 9120',
    r'GET /maple\\river HTTP/1.1" 404 209',
    'GET http://proxy.example/ HTTP/1.1" 200 4523',
    'CONNECT mail.example:25 HTTP/1.0" 405 235',
    'OPTIONS * HTTP/1.0" 200 -',
    'quit" 501 214',
)
ODD_AGENTS = (
    "-",
    "",
    "curl/8.5.0",
    "Wget/1.21.4",
    "Mozilla/5.0 (compatible; lanternbot/2.1; +https://lantern.example/bot.html)",
    r"Mozilla/5.0 (compatible; \"Harvest\" crawler)",
    r"\"Mozilla/5.0 (X11; Linux x86_64) KHTML/4.7\"",
    r"agent\\with\\backslashes",
    r"caf\xc3\xa9-reader/1.0",
)


def logs(  # noqa: PLR0913 - one argument for each option of the command
    directory: Path,
    size: int,
    files: int,
    seed: int = 0,
    urls: int = 100_000,
    format: Format = "combined",
    *,
    start: int = 0,
    skip_existing: bool = False,
    processes: int | None = None,
) -> list[Path]:
    """Writes `logs-00000.log` and on, each the log of a day; returns paths.

    The k-th of the `urls`, some with a query, is asked for about 1/k times as often as the first (Zipf's
    law), and clients likewise. With the format `alternate` even files are in the Combined format and odd ones
    in the Common one. Times go up, by whole seconds, in the time zone of the file.

    `size` is bytes a file: no file is above it, or a whole line below. `start` is the number of the first
    file; what a file holds depends on its number, not on how many there are. `skip_existing` keeps
    a complete file that the same arguments made. `processes` is all cores by default.
    Raises GenerateError for a number out of range or another format, OSError when a file cannot be written.
    """
    check_least(("size", size, SMALLEST_FILE), ("files", files, 1), ("start", start, 0))
    check_between("urls", urls, 1, MOST_ITEMS)
    if format not in get_args(Format):
        raise GenerateError(f"format: {format!r} is no format of logs; use {', '.join(get_args(Format))}")
    options: Options = {"table": "logs", "version": VERSION, "size": size, "seed": seed, "urls": urls}
    planned = plan(directory, options | {"format": format}, range(start, start + files), ".log")
    content = partial(_log, size=size, seed=seed, urls=urls, format=format)
    return make(planned, content, skip_existing=skip_existing, processes=processes)


class Urns(NamedTuple):
    """The parts of lines, in their order, with what stands between them."""

    clients: Urn[bytes]
    users: Urn[bytes]
    methods: Urn[bytes]
    urls: Urn[bytes]
    outcomes: Urn[bytes]
    referers: Urn[bytes]
    agents: Urn[bytes]
    odd: list[bytes]


@lru_cache(maxsize=1)  # for the next file of this process
def _urns(seed: int, urls: int) -> Urns:
    dice = Dice(seeded("logs", seed))
    agents = [f"Mozilla/5.0 ({platform}) {engine}" for platform, engine in product(PLATFORMS, ENGINES)]
    return Urns(
        zipf([_client(dice).encode() for _ in range(CLIENTS)]),
        Urn([f" - {user} [".encode() for user in USERS]),
        Urn([f'] "{method} '.encode() for method in METHODS], METHODS.values()),
        zipf([_url(dice, number).encode() for number in range(urls)]),
        _outcomes(seed, dice),
        Urn([f' "{referer}" '.encode() for referer in _referers(dice)]),
        Urn([f'"{agent}"\n'.encode("ascii") for agent in [*agents * 4, *ODD_AGENTS]]),
        [f'] "{request}'.encode("ascii") for request in ODD_REQUESTS],
    )


def _client(dice: Dice) -> str:
    """An address, of version 6 for one client in eight, or for one in 64 a name."""
    kind = dice.below(64)
    if kind == 0:
        return f"{dice.of(WORDS)}-{dice.below(256)}.clients.example"
    if kind > 8:
        return ".".join(str(dice.below(256)) for _ in range(4))
    if kind == 1:
        return "::1"
    groups = [f"{dice.below(2**16):x}" for _ in range(4)]
    return f"2001:db8:{groups[0]}::{groups[1]}" if kind == 2 else f"2001:db8:{':'.join(groups)}:0:1"


def _url(dice: Dice, number: int) -> str:
    """A path, perhaps with a query: all are different, for they hold a number of their own."""
    if number == 0:
        return "/"
    item = number * 48_271 % (2**31 - 1)  # a prime, so numbers below it stay different
    first, second = dice.of(WORDS), dice.of(WORDS)
    return dice.of(
        (
            f"/{first}/{second}-{item}.html",
            f"/{first}/?item={item}",
            f"/images/{first}-{item}.png",
            f"/search?q={first}+{second}&page={1 + dice.below(9)}&session={item:x}",
            f"/api/v1/{first}/{item}?fields=name,price&sort=-date",
            f"/files/{first}%20caf%C3%A9-{item}.pdf",
            f"/~{first}/{second}/{item}/",
            f"/{first}/{second}?id={item}&ref=%2Fsearch%3Fq%3D{second}",
        )
    )


def _outcomes(seed: int, dice: Dice) -> Urn[bytes]:
    """The end of a request, its status and its size: 4,096 of them, most of the sizes small and few large."""
    endings = Urn([f' {protocol}"' for protocol in PROTOCOLS], PROTOCOLS.values())
    statuses = Urn(list(STATUSES), STATUSES.values())
    random = seeded("outcomes", seed)
    outcomes = []
    for ending, status in zip(endings.draw(random), statuses.draw(random), strict=True):
        scale = 13 if status < 300 else 1  # an error has not much to say
        size = "-" if status in BODILESS else 200 + dice.below(2 ** (8 + dice.below(scale)))
        outcomes.append(f"{ending} {status} {size}".encode("ascii"))
    return Urn(outcomes)


def _referers(dice: Dice) -> list[str]:
    """4,000 referers: none, a page of the site itself, or a search for something."""
    found = []
    for _ in range(1000):
        first, second = dice.of(WORDS), dice.of(WORDS)
        page = f"https://www.shop.example/{first}/{second}-{dice.below(10**6)}.html"
        found += ["-", "-", page, f"https://search.example/?q={first}+{second}&source=web"]
    return found


@lru_cache(maxsize=1)
def _times() -> list[bytes]:
    """The seconds of a day."""
    return [b"%02d:%02d:%02d" % time for time in product(range(24), range(60), range(60))]


def _log(file: File, *, size: int, seed: int, urls: int, format: Format) -> Iterator[bytes]:
    combined = file.number % 2 == 0 if format == "alternate" else format == "combined"
    random = seeded(file.path.name, seed)
    return fit(_timed(_columns(random, _urns(seed, urls), file.number, combined=combined), size), size)


def _columns(random: Random, urns: Urns, day: int, *, combined: bool) -> Iterator[list[Column]]:
    """The columns of blocks of lines, without end. That of the time, at `TIME`, says midnight."""
    today = FIRST_DAY + timedelta(day)
    date_ = f"{today.day:02}/{MONTHS[today.month - 1]}/{today.year}:".encode()
    zone = f" {ZONES[day % len(ZONES)]}".encode()
    while True:
        methods, urls, outcomes, referers = (
            list(urn.draw(random)) for urn in (urns.methods, urns.urls, urns.outcomes, urns.referers)
        )
        places = picks(random, range(BLOCK), BLOCK // ODD)
        for place, request in zip(places, picks(random, urns.odd, BLOCK // ODD), strict=True):
            methods[place], urls[place], outcomes[place], referers[place] = request, b"", b"", b' "-" '
        yield [
            urns.clients.draw(random),
            urns.users.draw(random),
            [date_] * BLOCK,
            [b"00:00:00"] * BLOCK,
            [zone] * BLOCK,
            methods,
            urls,
            outcomes,
            *([referers, urns.agents.draw(random)] if combined else [[b"\n"] * BLOCK]),
        ]


def _timed(blocks: Iterator[list[Column]], size: int) -> Iterator[bytes]:
    """The lines of blocks, with times from one midnight to the next over `size` bytes."""
    times = _times()
    rows = 0
    for first, columns in zip(count(step=BLOCK), blocks, strict=False):
        if not rows:  # as many as the first block's lengths make likely
            rows = size * BLOCK // sum(map(len, chain(*columns))) + 1
        columns[TIME] = [times[min(row * DAY // rows, DAY - 1)] for row in range(first, first + BLOCK)]
        yield b"".join(chain.from_iterable(zip(*columns, strict=True)))
