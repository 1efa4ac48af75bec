"""Where commands write: what is told to standard error, results to standard output."""

from __future__ import annotations

import sys

from rich.console import Console

err = Console(stderr=True, emoji=False)
# Where no one looks, nothing is gained by folding rows to a width.
out = Console(emoji=False, width=None if sys.stdout.isatty() else 10_000)


def say(text: str, style: str = "") -> None:
    """Tell people something, as it stands."""
    err.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
