"""Quotes that are not closed on their line, which would let a record be cut in two."""

from __future__ import annotations

UNCLOSED = "a quote that is not closed on its line"


class Quotes:
    """Finds quotes that are not closed on their line, in data that comes in pieces."""

    def __init__(self, quote: str) -> None:
        self._quote = quote.encode()
        self._others = bytes(byte for byte in range(256) if byte not in self._quote + b"\n")
        self._open = b""

    def feed(self, data: bytes) -> bool:
        """Say whether a line that ends in some data, or the data's last line, leaves a quote open."""
        if self._quote not in data and not self._open:
            return False
        marks = self._open + data.translate(None, self._others)
        cut = marks.rfind(b"\n") + 1
        self._open = marks[cut:].replace(self._quote * 2, b"")
        # Pairs are neighbours now, unless a line lies between them.
        return self._quote in marks[:cut].replace(self._quote * 2, b"")

    @property
    def left_open(self) -> bool:
        """Whether the last line leaves a quote open."""
        return bool(self._open)
