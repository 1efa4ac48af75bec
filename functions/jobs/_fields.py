"""Lines by their fields: what the jobs share whose key is a line, or one field of it."""

import csv
from collections.abc import Callable
from typing import Any

from mapreduce import BadRecord, InvalidParameter, Job, parameter


class FieldJob(Job):
    """A job over lines whose key is the line, or one of its fields."""

    field: int = parameter(0, "which field of a line is the key, counted from 1; 0: the line", minimum=0)
    delimiter: str = parameter("", "what is between fields; if empty, any white space")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        if any(character in self.delimiter for character in '"\r\n'):
            raise InvalidParameter(
                f"params.delimiter: got {self.delimiter!r}; give a text without quotes and newlines"
            )
        self.key_of = key_reader(self.field, self.delimiter)


def key_reader(field: int, delimiter: str) -> Callable[[str], str]:
    """Return what finds the key in a line; it raises BadRecord for a line of fewer fields.

    Args:
        field: counted from 1; 0 for the whole line.
        delimiter: between fields, or nothing for runs of white space. If it is one character, a quoted
            field is read as the csv module does.
    """

    def whole(line: str) -> str:
        return line

    def field_of(line: str) -> str:
        if len(delimiter) == 1 and '"' in line:
            fields = _quoted_fields(line, delimiter)
        else:
            fields = line.split(delimiter or None, field)
        if len(fields) < field:
            raise BadRecord(f"there is no field {field} in a line of {len(fields)}")
        return fields[field - 1]

    return field_of if field else whole


def _quoted_fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise BadRecord(f"not csv: {error}") from error
