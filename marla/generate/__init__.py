"""Writes made-up data for the jobs of the catalogue: the same bytes from the same seed, on any machine.

A file depends on its number and on the options, not on how many files there are. Each module says what its
files hold.

Only `random.Random` seeded with a string, and its `randbytes` and `getrandbits`, decide the data: their
sequences are the same in every supported Python. Everything after them is integer arithmetic, division and
square root, which are exact or correctly rounded on every machine.
"""

from collections.abc import Callable
from inspect import signature
from pathlib import Path

from .limits import GenerateError, parse_size
from .linkgraph import links
from .pavlo import rankings, uservisits
from .prose import text
from .records import terasort
from .skewed import keys
from .weblog import logs

COMMON = {"directory", "size", "files", "seed", "start", "skip_existing", "processes"}
TABLES: dict[str, Callable[..., list[Path]]] = {
    table.__name__: table for table in (uservisits, rankings, text, logs, links, terasort, keys)
}
OPTIONS = {  # that a table takes and not all of them do
    name: tuple(option for option in signature(table).parameters if option not in COMMON)
    for name, table in TABLES.items()
}

__all__ = [
    "OPTIONS",
    "TABLES",
    "GenerateError",
    "keys",
    "links",
    "logs",
    "parse_size",
    "rankings",
    "terasort",
    "text",
    "uservisits",
]
