"""Formats whose records are lines: text and csv, and what all of them have in common."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, AnyStr

from .errors import InvalidParameter
from .parsing import BYTE_ORDER_MARK, Format, Parsed, Reject, without_mark
from .pieces import Block

# Python's csv module refuses fields over 128 KiB unless told; maxRecordBytes bounds records already.
csv.field_size_limit(1 << 40)

HEADER_BYTES = 64 << 10  # that an object's header line may have, so that each of its pieces can look it up
CARRIAGE_RETURN = "a carriage return outside of quotes, on a line that has some"


class LineError(ValueError):
    """A line that does not fit the format."""


@dataclass(frozen=True)
class LineFormat(Format):
    """Records that are one line each, in UTF-8, ended by `\\n` or `\\r\\n`."""

    def _end_of_record(self, data: bytes, position: int) -> int:
        return data.find(b"\n", position) + 1 or len(data)

    def parse(self, block: Block) -> Parsed:
        """Return the records of some lines."""
        offset, data = without_mark(block)
        try:
            records = self._parse(data.decode())
        except ValueError:  # bad UTF-8, bad JSON and LineError are ValueErrors
            return self._parse_line_by_line(offset, _lines(data, b"\n"))
        return Parsed(records, [], _Places(offset, data, self._skips_blank_lines))

    def _parse(self, text: str) -> list[Any]:
        """Return the records of some whole lines, in order. Raises ValueError if any line is bad."""
        raise NotImplementedError

    def _parse_line_by_line(self, offset: int, lines: list[bytes]) -> Parsed:
        records: list[Any] = []
        places: list[tuple[int, bytes]] = []
        rejects: list[Reject] = []
        for line in lines:
            try:
                parsed = self._parse(line.decode() + "\n")
            except ValueError as error:
                rejects.append(Reject(offset, f"{type(error).__name__}: {error}", line))
            else:
                records += parsed
                places += [(offset, line)] * len(parsed)
            offset += len(line) + 1
        return Parsed(records, rejects, places.__getitem__)

    @property
    def _skips_blank_lines(self) -> bool:
        return True


class _Places:
    """Where the records of some lines begin, and what they say; not found before it is asked for."""

    def __init__(self, offset: int, data: bytes, skips_blank_lines: bool) -> None:
        self._offset = offset
        self._data = data
        self._skips_blank_lines = skips_blank_lines
        self._lines: list[bytes] | None = None
        self._numbers: list[int] | None = None  # of the lines that are records, unless all are
        # A line, and where it begins: most often the next that is asked for is behind it.
        self._number = 0
        self._begin = offset

    def __call__(self, index: int) -> tuple[int, bytes]:
        if self._lines is None:
            self._lines = _lines(self._data, b"\n")
            if self._skips_blank_lines:
                self._numbers = [
                    number for number, line in enumerate(self._lines) if line.removesuffix(b"\r")
                ]
        number = index if self._numbers is None else self._numbers[index]
        if number < self._number:
            self._number, self._begin = 0, self._offset
        passed = self._lines[self._number : number]
        self._begin += sum(map(len, passed)) + len(passed)
        self._number = number
        return self._begin, self._lines[number]


def _lines(data: AnyStr, newline: AnyStr) -> list[AnyStr]:
    lines = data.split(newline)
    if not lines[-1]:
        lines.pop()
    return lines


def text_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends, which are `\\n` or `\\r\\n`."""
    lines = _lines(text, "\n")
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
    return lines


@dataclass(frozen=True)
class Text(LineFormat):
    """Lines of text: `map` receives a `str` without its newline. Blank lines are records too."""

    @property
    def record(self) -> type:
        return str

    @property
    def _skips_blank_lines(self) -> bool:
        return False

    def _parse(self, text: str) -> list[Any]:
        return text_lines(text)


@dataclass(frozen=True)
class Csv(LineFormat):
    """Delimited fields: `map` receives a list of `str`, or a dict if nothing but a header names the columns.

    Args:
        delimiter: one character.
        quote: the character around fields that hold delimiters, doubled inside; "" where data has no quoting.
            A quoted field may not hold a newline, for then an object could not be cut.
        columns: names of the columns; with them, a record of another number of fields is a bad record.
        header: whether each object's first line names the columns. It is left out; where `columns` names them
            already, records stay lists, so that a job for data without a header reads data with one too.
    """

    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    header: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.delimiter, str) or len(self.delimiter) != 1:
            raise InvalidParameter(f"format.delimiter: got {self.delimiter!r}; give one character")
        if not isinstance(self.quote, str) or len(self.quote) > 1:
            raise InvalidParameter(f'format.quote: got {self.quote!r}; give one character, or "" for none')
        for name, character in (("delimiter", self.delimiter), ("quote", self.quote)):
            if character in {"\n", "\r"}:
                raise InvalidParameter(
                    f"format.{name}: got {character!r}; give a character that ends no line"
                )
        if self.delimiter == self.quote:
            raise InvalidParameter(f"format.quote: got {self.quote!r}; give another than the delimiter")

    @property
    def record(self) -> type:
        return dict if self.needs_header else list

    @property
    def needs_header(self) -> bool:
        return self.header and not self.columns

    def with_header(self, line: bytes) -> Csv:
        """Return the format of an object whose first line is `line`; HEADER_BYTES of it are enough.

        Raises LineError if the line does not name columns.
        """
        if len(line) >= HEADER_BYTES:
            raise LineError(f"it has {HEADER_BYTES} bytes or more")
        try:
            text = line.removeprefix(BYTE_ORDER_MARK).decode()
        except UnicodeDecodeError as error:
            raise LineError(f"it is not UTF-8 ({error})") from error
        names = replace(self, columns=(), header=False)._parse(text)
        if not names:
            raise LineError("it is blank")
        columns = tuple(names[0])
        twice = [name for name, count in Counter(columns).items() if count > 1]
        if twice:
            raise LineError(f"two columns have the same name, {twice[0]!r}")
        return _NamedCsv(self.delimiter, self.quote, columns, header=True)

    def parse(self, block: Block) -> Parsed:
        if self.header and block.offset == 0:
            first, _, rest = block.data.partition(b"\n")
            block = Block(len(first) + 1, rest)
        return super().parse(block)

    def _parse(self, text: str) -> list[Any]:
        lines = text_lines(text)
        if self.quote and self.quote in text:
            rows = self._parse_quoted(lines)
        else:
            delimiter = self.delimiter
            rows = [line.split(delimiter) for line in lines if line]
        if self.columns:
            expected = len(self.columns)
            for width in set(map(len, rows)):
                if width != expected:
                    raise LineError(f"{width} fields where {expected} are expected")
        return rows

    def _parse_quoted(self, lines: list[str]) -> list[Any]:
        # A line without a quote is split as it is where no line has one: a line's meaning is its own.
        quoted = [line for line in lines if self.quote in line]
        if any(line.endswith("\r") for line in quoted):  # the csv module would drop it
            raise LineError(CARRIAGE_RETURN)
        reader = csv.reader(quoted, delimiter=self.delimiter, quotechar=self.quote, strict=True)
        try:
            rows = list(reader)
        except csv.Error as error:
            if "new-line character" in str(error):
                raise LineError(CARRIAGE_RETURN) from error
            raise LineError(
                f"a quote that is not closed on its line, or text behind one ({error})"
            ) from error
        if len(rows) != len(quoted):
            raise LineError("a quote that is not closed on its line")
        of_quoted = iter(rows)
        return [
            next(of_quoted) if self.quote in line else line.split(self.delimiter) for line in lines if line
        ]


class _NamedCsv(Csv):
    """Csv whose columns an object's header has named."""

    def _parse(self, text: str) -> list[Any]:
        return [dict(zip(self.columns, row, strict=True)) for row in super()._parse(text)]
