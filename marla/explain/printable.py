"""Text that others wrote, made safe for a terminal."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """Return a text with everything escaped that is no printable character: a terminal may obey it.

    Args:
        keep: such characters as stay.
    """
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode()
        for each in text
    )
