"""Numbers of a report as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from marla.report.timeline_charts import unit_of
from marla.report.words import (
    difference_text,
    joined,
    moment_text,
    percent_text,
    plural,
    price_text,
    quantity_text,
    range_text,
    seconds_text,
    short_count,
    words_of,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (1.234, "1.23 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7380.0, "2 h 03 min"),
    ],
)
def test_a_time_has_the_unit_that_fits_it(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (23_954, "24.0 k"),
        (999_700, "1.00 M"),
        (57_600_000, "57.6 M"),
        (1_440_000_000, "1.44 bn"),
        (288_000_000_000, "288 bn"),
    ],
)
def test_a_count_has_three_digits_in_a_chart(count: int, text: str) -> None:
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.004, "0.4 %"), (0.1, "10 %"), (0.514, "51 %"), (1.0, "100 %")]
)
def test_a_share_is_a_percentage(share: float, text: str) -> None:
    assert percent_text(share) == text


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ("10251", "10,251"),
        ("24351.4", "24,351"),
        ("31.0712", "31.07"),
        ("0.00020491", "0.0002049"),
        ("0.00000012", "0.0000001"),
    ],
)
def test_a_quantity_has_the_digits_that_matter(quantity: str, text: str) -> None:
    assert quantity_text(Decimal(quantity)) == text


def test_a_price_has_all_its_digits() -> None:
    assert price_text(Decimal("0.0000133334")) == "$0.0000133334"
    assert price_text(Decimal("2E-7")) == "$0.0000002"


def test_what_would_have_been_paid_is_one_amount_or_a_range() -> None:
    assert range_text((Decimal("0.5"), Decimal("0.5"))) == "$0.5"
    assert range_text((Decimal("0.5"), Decimal("0.75"))) == "$0.5 to $0.75"


@pytest.mark.parametrize(
    ("amounts", "text"),
    [
        (("-0.25", "-0.25"), "−$0.25"),
        (("-0.25", "0.125"), "−$0.25 to +$0.125"),
        (("-0.000418", "0.0000000147"), "−$0.000418 to $0"),
        (("0", "0"), "$0"),
    ],
)
def test_a_difference_has_a_sign_and_what_is_next_to_nothing_is_nothing(
    amounts: tuple[str, str], text: str
) -> None:
    low, high = map(Decimal, amounts)
    assert difference_text((low, high)) == text


def test_a_moment_is_told_in_utc() -> None:
    moment = datetime(2026, 11, 18, 12, 6, 40, tzinfo=timezone(timedelta(hours=1)))
    assert moment_text(moment) == "2026-11-18 11:06:40 UTC"


def test_a_counters_name_is_told_in_words() -> None:
    assert [words_of(name) for name in ("inputRecords", "rejects", "")] == ["Input records", "Rejects", ""]


def test_things_are_counted_and_listed_as_people_do() -> None:
    assert [plural(1, "task"), plural(1200, "task")] == ["1 task", "1,200 tasks"]
    assert [joined(list(text)) for text in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(("seconds", "unit"), [(90, "seconds"), (900, "minutes"), (20_000, "hours")])
def test_a_timeline_has_the_unit_that_fits_its_length(seconds: int, unit: str) -> None:
    size, name = unit_of(seconds * 1000)
    assert name == unit
    assert 1 <= seconds * 1000 / size <= 600
