"""INPUT arguments as they are given, and the names that they begin with where a job has several inputs."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from .arguments import meant
from .errors import UsageError

_NAMED = re.compile(r"[\w.-]+=")


class Operand(NamedTuple):
    """A URI, file, folder or glob, and what the job calls it: nothing where it has but one input."""

    name: str
    place: str


def by_name(arguments: list[str], names: Collection[str] | None, reader: str) -> list[Operand]:
    """Return INPUT arguments, parted from the names of inputs that they begin with.

    Args:
        names: those of the inputs; none if there is but one, which has no name; None if that is not known,
            and then NAME=INPUT is an input of that name unless a file is called so.
        reader: what reads them, for messages.

    Raises UsageError for an argument without one of the names, and for a name without argument.
    """
    if names is None:
        return [_split(text) if _names_an_input(text) else Operand("", text) for text in arguments]
    if not names:
        return [Operand("", text) for text in arguments]
    first = next(iter(names))
    rule = f"{reader} reads {listed(names)}: give each as NAME=INPUT, such as {first}=data/{first}/"
    for text in arguments:
        name, equals, _ = text.partition("=")
        if not equals or name not in names:
            like = meant(name, names) if equals else ""
            raise UsageError(f"INPUT: got {text!r}, which begins with no name of an input{like}; {rule}")
    found = [_split(text) for text in arguments]
    if missing := [name for name in names if name not in {one.name for one in found}]:
        raise UsageError(f"INPUT: got nothing for {listed(missing)}; {rule}")
    return found


def _split(text: str) -> Operand:
    name, _, place = text.partition("=")
    return Operand(name, place)


def _names_an_input(text: str) -> bool:
    return bool(_NAMED.match(text)) and not Path(text).exists() and not glob.glob(text)


def listed(names: Collection[str]) -> str:
    """Return names in words: a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
