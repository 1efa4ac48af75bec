"""Input formats: from a block of lines to the records that a job's map receives."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, AnyStr, NamedTuple, NoReturn, Self

from .errors import InvalidParameter
from .pieces import Block

# Python's csv module refuses fields over 128 KiB unless told; maxRecordBytes bounds records already.
csv.field_size_limit(1 << 40)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What is parsed at once. Its records take ten times as much, and are to stay in the processor's cache until
# they are mapped: with 1 MiB parsing and mapping take a third longer.
PARSE_BYTES = 128 << 10


class Reject(NamedTuple):
    """A record that could not be read: where it begins, why, and its bytes."""

    offset: int
    reason: str
    data: bytes


class Parsed(NamedTuple):
    """A block's records in order, what was not readable, and where record `i` begins and what it says."""

    records: list[Any]
    rejects: list[Reject]
    locate: Callable[[int], tuple[int, bytes]]


def parts_of(block: Block) -> Iterator[Block]:
    """Cut a block at newlines, into parts that are each to be parsed at once."""
    offset, data = block
    start = 0
    while start < len(data):
        stop = data.find(b"\n", start + PARSE_BYTES) + 1 or len(data)
        yield Block(offset + start, data[start:stop])
        start = stop


class LineError(ValueError):
    """A line that does not fit the format."""


@dataclass(frozen=True)
class Format:
    """Records that are one line each, in UTF-8, ended by `\\n` or `\\r\\n`."""

    @property
    def needs_header(self) -> bool:
        """Whether an object's first line names the columns; see `with_header`."""
        return False

    def with_header(self, line: bytes) -> Self:
        """Return the format of an object whose first line is `line`."""
        raise NotImplementedError

    def parse(self, block: Block) -> Parsed:
        """Return the records of a block; those that cannot be read are set aside, the others stay."""
        offset, data = block
        if offset == 0 and data.startswith(BYTE_ORDER_MARK):
            offset, data = len(BYTE_ORDER_MARK), data[len(BYTE_ORDER_MARK) :]
        try:
            records = self._parse(data.decode())
        except (ValueError, RecursionError):  # bad UTF-8, bad JSON and LineError are ValueErrors
            return self._parse_line_by_line(offset, _lines(data, b"\n"))
        return Parsed(records, [], lambda index: self._locate(index, offset, _lines(data, b"\n")))

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
            except (ValueError, RecursionError) as error:
                rejects.append(Reject(offset, f"{type(error).__name__}: {error}", line))
            else:
                records += parsed
                places += [(offset, line)] * len(parsed)
            offset += len(line) + 1
        return Parsed(records, rejects, places.__getitem__)

    def _locate(self, index: int, offset: int, lines: list[bytes]) -> tuple[int, bytes]:
        for line in lines:
            if line.removesuffix(b"\r") or not self._skips_blank_lines:
                if index == 0:
                    return offset, line
                index -= 1
            offset += len(line) + 1
        raise IndexError(index)

    @property
    def _skips_blank_lines(self) -> bool:
        return True


def _lines(data: AnyStr, newline: AnyStr) -> list[AnyStr]:
    lines = data.split(newline)
    if not lines[-1]:
        lines.pop()
    return lines


def _text_lines(text: str) -> list[str]:
    lines = _lines(text, "\n")
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
    return lines


@dataclass(frozen=True)
class Text(Format):
    """Lines of text: `map` receives a `str` without its newline. Blank lines are records too."""

    @property
    def _skips_blank_lines(self) -> bool:
        return False

    def _parse(self, text: str) -> list[Any]:
        return _text_lines(text)


@dataclass(frozen=True)
class Csv(Format):
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

    @property
    def needs_header(self) -> bool:
        return self.header and not self.columns

    def with_header(self, line: bytes) -> Csv:
        text = line.removeprefix(BYTE_ORDER_MARK).decode(errors="replace")
        names = replace(self, columns=(), header=False)._parse(text)
        columns = tuple(names[0]) if names else ()
        if len(set(columns)) < len(columns):
            raise LineError("two columns have the same name")
        return _NamedCsv(self.delimiter, self.quote, columns, header=True)

    def parse(self, block: Block) -> Parsed:
        if self.header and block.offset == 0:
            first, _, rest = block.data.partition(b"\n")
            block = Block(len(first) + 1, rest)
        return super().parse(block)

    def _parse(self, text: str) -> list[Any]:
        lines = _text_lines(text)
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
        reader = csv.reader(quoted, delimiter=self.delimiter, quotechar=self.quote, strict=True)
        try:
            rows = list(reader)
        except csv.Error as error:
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


def _refuse_constant(name: str) -> NoReturn:
    raise LineError(f"{name} is not JSON")


_decode_json = json.JSONDecoder(parse_constant=_refuse_constant).decode


@dataclass(frozen=True)
class JsonLines(Format):
    """One JSON value a line: `map` receives it decoded, most often a dict. Blank lines are skipped."""

    def _parse(self, text: str) -> list[Any]:
        return [_decode_json(line) for line in _text_lines(text) if line]


@dataclass(frozen=True)
class Parquet(Format):
    """Apache Parquet, for SQL jobs: an object's columns have names and types of their own."""


FORMATS: dict[str, type[Format]] = {"text": Text, "csv": Csv, "jsonl": JsonLines, "parquet": Parquet}


def _column_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise InvalidParameter(f"format.columns: got {value!r}; give a list of names")
    return tuple(value)


def format_from(spec: object, default: Format) -> Format:
    """Return the format that an execution's input asks for, or the job's own.

    Args:
        spec: None, a format's name, or an object with `type` and the format's options.
        default: the job's format; a spec of the same type changes just the options that it names.
    """
    if spec is None:
        return default
    options = {"type": spec} if isinstance(spec, str) else spec
    if not isinstance(options, dict) or options.get("type") not in list(FORMATS):
        raise InvalidParameter(f"format: got {spec!r}; give one of {', '.join(FORMATS)}")
    kind = FORMATS[options["type"]]
    known = asdict(default) if type(default) is kind else asdict(kind())
    given = {name: value for name, value in options.items() if name != "type"}
    for name, value in given.items():
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes no options"
            raise InvalidParameter(f"format.{name}: {options['type']} has no such option; {takes}")
        if name == "columns":
            given[name] = _column_names(value)
        elif not isinstance(value, type(known[name])):
            raise InvalidParameter(f"format.{name}: got {value!r}; give a {type(known[name]).__name__}")
    return kind(**(known | given))
