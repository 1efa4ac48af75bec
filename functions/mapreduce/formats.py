"""Input formats, by their names, and as an execution's input asks for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from .errors import InvalidParameter, in_words
from .framing import FixedLength, WholeObject
from .json_lines import JsonLines
from .lines import HEADER_BYTES, Csv, LineError, Text
from .parsing import BYTE_ORDER_MARK, Format, Parsed, Reject, without_mark
from .pieces import Block, Framing

__all__ = [
    "BYTE_ORDER_MARK",
    "FORMATS",
    "HEADER_BYTES",
    "Csv",
    "Fixed",
    "Format",
    "JsonLines",
    "LineError",
    "Parquet",
    "Parsed",
    "Reject",
    "Text",
    "Whole",
    "format_from",
]


@dataclass(frozen=True)
class Fixed(Format):
    """Records of `length` bytes with nothing between them: `map` receives a `str` of as many characters.

    Each character is a byte (latin-1), so texts are in the order of their bytes. An object's last record is a
    bad one if it is too short.
    """

    length: int = 100

    def __post_init__(self) -> None:
        if type(self.length) is not int or self.length < 1:
            raise InvalidParameter(f"format.length: got {self.length!r}; give a whole number of at least 1")

    @property
    def record(self) -> type:
        return str

    @property
    def framing(self) -> Framing:
        return FixedLength(self.length)

    def _end_of_record(self, data: bytes, position: int) -> int:
        return min(-(-position // self.length) * self.length, len(data))

    def parse(self, block: Block) -> Parsed:
        """Return the records of a block that begins with one."""
        offset, data = block
        length = self.length
        text = data.decode("latin-1")
        short = len(data) % length
        end = len(data) - short
        records = [text[start : start + length] for start in range(0, end, length)]
        rejects = []
        if short:
            reason = f"the object ends after {short} of the record's {length} bytes (format.length)"
            rejects.append(Reject(offset + end, reason, data[end:]))

        def locate(index: int) -> tuple[int, bytes]:
            return offset + index * length, data[index * length : (index + 1) * length]

        return Parsed(records, rejects, locate)


@dataclass(frozen=True)
class Whole(Format):
    """Objects that are one record each: `map` receives a `str`, the object's text in UTF-8.

    However many pieces an object is cut into, it is read in the task of its first. An object without a byte
    is no record.
    """

    @property
    def record(self) -> type:
        return str

    @property
    def framing(self) -> Framing:
        return WholeObject()

    def _end_of_record(self, data: bytes, position: int) -> int:  # noqa: ARG002 - there is one
        return len(data)

    def parse(self, block: Block) -> Parsed:
        """Return the one record of a block."""
        offset, data = place = without_mark(block)
        try:
            records, rejects = [data.decode()], []
        except UnicodeDecodeError as error:
            records, rejects = [], [Reject(offset, f"{type(error).__name__}: {error}", data)]
        return Parsed(records, rejects, [place].__getitem__)


@dataclass(frozen=True)
class Parquet(Format):
    """Apache Parquet, for SQL jobs: an object's columns have names and types of their own."""


FORMATS: dict[str, type[Format]] = {
    "text": Text,
    "csv": Csv,
    "jsonl": JsonLines,
    "fixed": Fixed,
    "whole": Whole,
    "parquet": Parquet,
}


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
        elif name != "length" and not isinstance(value, type(known[name])):  # `Fixed` looks at its length
            raise InvalidParameter(f"format.{name}: got {value!r}; give {in_words(type(known[name]))}")
    return kind(**(known | given))
