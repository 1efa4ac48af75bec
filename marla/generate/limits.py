"""What can be asked for, and what is said about the rest."""

import re

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
MOST_ITEMS = 1_000_000  # words, keys or pages to draw from: some 350 MB of memory in each process


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


def check_least(*bounds: tuple[str, int, int]) -> None:
    """Raises GenerateError for the first field, value, least in which the value is below the least."""
    for field, value, least in bounds:
        if value < least:
            raise GenerateError(f"{field}: {value} is too small for this table; use {least} or more")


def check_between(field: str, value: float, least: int, most: int) -> None:
    """Raises GenerateError for a value that is not from `least` to `most`, as NaN is not."""
    if not least <= value <= most:
        raise GenerateError(f"{field}: {value} is out of range for this table; use {least} to {most}")
