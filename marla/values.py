"""What options take for numbers and names. What is wrong raises argparse's error, which says what to give."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from . import generate, naming

LIMITS = {  # of the fields of an execution's input, as the state machine has them
    "partitions": (1, 1000),
    "fanIn": (2, 1000),
    "splitBytes": (1, 5_497_558_138_880),
    "concurrency": (1, 10_000),
    "maxBadRecords": (0, 1_000_000),
    "maxRecordBytes": (1, 1_000_000_000),
}
SPECULATE = (1, 900)  # seconds


def size(text: str) -> int:
    """Return a number of bytes, such as 64MB."""
    try:
        return generate.parse_size(text)
    except generate.GenerateError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """Return a number of things."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}; give a whole number")
    return int(text)


def seconds(text: str) -> int:
    """Return the time after which a backup of a task starts."""
    low, high = SPECULATE
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(
            f"got {text!r}; give a whole number of seconds from {low} to {high}, or nothing, with JOB and "
            "INPUT in front of it"
        )
    return int(text)


def name(text: str) -> str:
    """Return the name of an execution, or nothing for one that is made up."""
    if problem := naming.problem(text):
        raise argparse.ArgumentTypeError(problem)
    return text


def within(field: str, read: Callable[[str], int] = int) -> Callable[[str], int]:
    """Return what reads a number, and refuses one that the state machine would."""
    low, high = LIMITS[field]

    def number(text: str) -> int:
        try:
            value = read(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"got {text!r}; give a whole number from {low} to {high}")
        return value

    return number
