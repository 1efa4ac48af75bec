"""What a job's map takes, as the type of its parameter says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Protocol, TypedDict, Union

import pytest

from mapreduce import Csv, Fixed, Job, JsonLines, Text, Whole
from mapreduce.errors import InvalidParameter
from mapreduce.formats import Format
from mapreduce.records import check_taken

if TYPE_CHECKING:
    from decimal import Decimal as Unknown  # noqa: F401 - in a text

HEADED = Csv(header=True)
NAMED = Csv(header=True, columns=("a",))


class Columns(TypedDict):
    a: str


class Sized(Protocol):
    def __len__(self) -> int: ...


def job_of(annotation: Any) -> Job:
    """Return a job whose map's parameter is of a type."""

    class Some(Job):
        def map(self, record: Any) -> Any:
            yield record, 1

    Some.map.__annotations__["record"] = annotation
    return Some()


def is_taken(annotation: Any, format: Format, default: Format) -> bool:
    try:
        check_taken(job_of(annotation), format, default)
    except InvalidParameter:
        return False
    return True


@pytest.mark.parametrize(
    ("annotation", "texts", "lists", "dicts"),
    [
        (str, True, False, False),
        ("str", True, False, False),
        (list[str], False, True, False),
        (Sequence[str], True, True, False),
        (dict[str, str], False, False, True),
        (Mapping[str, str], False, False, True),
        (Columns, False, False, True),
        (str | list[str], True, True, False),
        (Union[str, dict[str, str]], True, False, True),  # noqa: UP007 - people write it, too
        (Optional[str], True, False, False),  # noqa: UP045
        (tuple[str, ...], False, False, False),
        (Any, True, True, True),
        (object, True, True, True),
        (Sized, True, True, True),
        ("Unknown", True, True, True),
        ("no type", True, True, True),
    ],
)
def test_the_type_of_maps_parameter_says_what_it_takes(
    annotation: Any, texts: bool, lists: bool, dicts: bool
) -> None:
    for format, taken in [
        (Text(), texts),
        (Fixed(), texts),
        (Whole(), texts),
        (Csv(), lists),
        (NAMED, lists),
        (HEADED, dicts),
        (JsonLines(), True),
    ]:
        assert is_taken(annotation, format, JsonLines()) == taken


def test_a_map_takes_what_its_own_format_gives_whatever_it_says() -> None:
    assert is_taken(tuple[str, ...], Csv(delimiter=";"), Csv())
    assert is_taken(int, Whole(), Text())
    assert not is_taken(tuple[str, ...], HEADED, Csv())


def test_a_map_that_says_nothing_takes_anything() -> None:
    class Silent(Job):
        def map(self, record):  # type: ignore[no-untyped-def]
            yield record, 1

    for format in (Text(), Csv(), HEADED, Fixed(), Whole(), JsonLines()):
        check_taken(Silent(), format, Text())


def test_what_is_refused_is_told_with_what_to_do() -> None:
    with pytest.raises(
        InvalidParameter,
        match=r"^format: got csv with a header, of which a record is a dict by columns, but Some maps what "
        r"csv gives, a list of fields: give that, or leave the format out$",
    ):
        check_taken(job_of(list[str]), HEADED, Csv())
