"""The records that a map cannot be applied to, told from the others by trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..pieces import Block
from .database import DataError
from .files import Files, Memory, text_file
from .quotes import UNCLOSED, Quotes
from .table import Table


class Sieve:
    """Takes from blocks the records that `map` cannot be applied to."""

    def __init__(self, table: Table, files: Files, trial: Callable[[str], None]) -> None:
        self._table = table
        self._files = files
        self._trial = trial

    def clean(self, block: Block, reject: Callable[[int, bytes, str], None]) -> bytes:
        """Return a block's good records, each ended by `\\n`; call `reject` for each of the others."""
        lines = block.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        offsets = [block.offset]
        for line in lines:
            offsets.append(offsets[-1] + len(line) + 1)
        lines = [line.removesuffix(b"\r") for line in lines]
        bad: set[int] = set()
        # Each as soon as it is found: the first may be one too many, and the others take their time.
        for index, reason in self._bad(lines, 0, len(lines)):
            reject(offsets[index], lines[index], reason)
            bad.add(index)
        return b"".join(line + b"\n" for index, line in enumerate(lines) if index not in bad)

    def _bad(self, lines: list[bytes], start: int, stop: int) -> Iterator[tuple[int, str]]:
        """Yield the bad ones of lines `[start, stop)` in their order, and why they are; found by halving."""
        reason = self._reason(lines[start:stop])
        if reason is None:
            return
        if stop - start == 1:
            yield start, reason
            return
        middle = (start + stop) // 2
        yield from self._bad(lines, start, middle)
        yield from self._bad(lines, middle, stop)

    def _reason(self, lines: list[bytes]) -> str | None:
        data = b"".join(line + b"\n" for line in lines)
        if not data.strip():
            return None
        if self._table.quote and Quotes(self._table.quote).feed(data):
            return UNCLOSED
        file = Memory(text_file(data))
        name = self._files.add(file)
        try:
            self._trial(self._table.relation([name], max(map(len, lines)), file.size))
        except DataError as error:
            return error.reason
        finally:
            self._files.remove(name)
        return None
