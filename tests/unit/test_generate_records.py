"""What there is to sort: `terasort` and `keys`."""

import re
from collections import Counter
from math import sqrt
from pathlib import Path

import pytest

from marla.generate import keys, terasort


def records_of(paths: list[Path]) -> list[bytes]:
    contents = [path.read_bytes() for path in paths]
    return [content[begin : begin + 100] for content in contents for begin in range(0, len(content), 100)]


def is_uniform(counts: Counter[int], values: int) -> bool:
    """Whether numbers from 0 on may come from a uniform distribution: chi-square, to within 5 deviations."""
    expected = counts.total() / values
    square = sum((counts[value] - expected) ** 2 / expected for value in range(values))
    return abs(square - values + 1) < 5 * sqrt(2 * values)


# Records of the sort benchmark


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return records_of(terasort(tmp_path_factory.mktemp("binary"), 2_500_000, 2))


@pytest.fixture(scope="module")
def ascii(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return records_of(terasort(tmp_path_factory.mktemp("ascii"), 2_500_000, 2, ascii=True))


@pytest.mark.parametrize(("size", "whole"), [(100, 100), (199, 100), (1_000_099, 1_000_000)])
@pytest.mark.parametrize("form", [True, False])
def test_a_file_has_whole_records(tmp_path: Path, size: int, whole: int, form: bool) -> None:
    path = terasort(tmp_path, size, 1, ascii=form)[0]
    assert path.stat().st_size == whole
    assert path.suffix == (".txt" if form else ".bin")


def test_a_binary_record_has_its_parts(binary: list[bytes]) -> None:
    pattern = rb".{10}\x00\x11[0-9A-F]{32}\x88\x99\xaa\xbb(?:([0-9A-F])\1{3}){12}\xcc\xdd\xee\xff"
    assert all(re.fullmatch(pattern, record, re.DOTALL) for record in binary)


def test_an_ascii_record_is_a_line(ascii: list[bytes]) -> None:
    pattern = rb"[ -~]{10}  [0-9A-F]{32}  (?:([0-9A-F])\1{3}){13}\r\n"
    assert all(re.fullmatch(pattern, record) for record in ascii)


def test_a_record_says_its_file_and_its_place(binary: list[bytes], ascii: list[bytes]) -> None:
    expected = [b"%016X%016X" % (file, place) for file in range(2) for place in range(25_000)]
    assert [record[12:44] for record in binary] == expected
    assert [record[12:44] for record in ascii] == expected


def test_keys_are_uniform_over_all_bytes(binary: list[bytes]) -> None:
    for place in range(10):
        assert is_uniform(Counter(record[place] for record in binary), 256)
    assert sum(b"\n" in record[:10] for record in binary) > len(binary) / 50


def test_ascii_keys_are_uniform_from_space_to_tilde(ascii: list[bytes]) -> None:
    for place in range(10):
        assert is_uniform(Counter(record[place] - ord(" ") for record in ascii), 95)


def test_characters_of_keys_do_not_depend_on_each_other(ascii: list[bytes], binary: list[bytes]) -> None:
    for place in range(9):
        pairs = Counter(record[place] // 16 * 16 + record[place + 1] // 16 for record in binary)
        assert is_uniform(pairs, 256)
        pairs = Counter((record[place] - 32) * 95 + record[place + 1] - 32 for record in ascii)
        assert is_uniform(pairs, 95 * 95)


def test_keys_hardly_ever_repeat(binary: list[bytes], ascii: list[bytes]) -> None:
    assert len({record[:10] for record in binary}) == len(binary)
    assert len({record[:10] for record in ascii}) == len(ascii)


# Skewed keys


def rows_of(paths: list[Path]) -> list[tuple[str, int]]:
    lines = [line for path in paths for line in path.read_text("ascii").split("\n")[:-1]]
    return [(key, int(number)) for key, _, number in (line.partition("\t") for line in lines)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """About 250,000 rows with the default options."""
    return rows_of(keys(tmp_path_factory.mktemp("keys"), 2_500_000, 2))


def test_lines_have_a_key_and_a_number(tmp_path: Path) -> None:
    for path in keys(tmp_path, 100_000, 2):
        assert re.fullmatch(r"([a-z]{9,20}\t(0|[1-9]\d*)\n)+", path.read_text("ascii"))


def test_keys_are_of_all_lengths(rows: list[tuple[str, int]]) -> None:
    lengths = Counter(len(key) for key in {key for key, _ in rows})
    assert sorted(lengths) == list(range(9, 21))
    assert is_uniform(Counter({length - 9: count for length, count in lengths.items()}), 12)


def test_by_default_no_key_has_a_twentieth_of_the_records(rows: list[tuple[str, int]]) -> None:
    counts = Counter(key for key, _ in rows)
    assert 0.04 < counts.most_common(1)[0][1] / len(rows) < 0.05
    assert len(counts) > 50_000


@pytest.mark.parametrize("exponent", [0.5, 0.9, 1, 1.25, 2, 3])
def test_keys_are_as_skewed_as_is_asked_for(tmp_path: Path, exponent: float) -> None:
    counts = Counter(key for key, _ in rows_of(keys(tmp_path, 2_000_000, 1, keys=1_000, exponent=exponent)))
    total = sum(k**-exponent for k in range(1, 1_001))
    for k, (_, count) in enumerate(counts.most_common(8), 1):
        expected = counts.total() * k**-exponent / total
        assert abs(count - expected) < 5 * sqrt(expected) + 0.005 * expected


def test_with_an_exponent_of_0_no_key_is_frequent(tmp_path: Path) -> None:
    counts = Counter(key for key, _ in rows_of(keys(tmp_path, 1_000_000, 1, keys=100, exponent=0)))
    assert len(counts) == 100
    assert is_uniform(Counter(dict(enumerate(counts.values()))), 100)


def test_the_order_of_keys_has_nothing_to_do_with_their_popularity(rows: list[tuple[str, int]]) -> None:
    popular = [key for key, _ in Counter(key for key, _ in rows).most_common(1_000)]
    places = {key: place for place, key in enumerate(sorted(popular))}
    mean = 499.5
    covariance = sum((rank - mean) * (places[key] - mean) for rank, key in enumerate(popular))
    assert abs(covariance / sum((rank - mean) ** 2 for rank in range(1_000))) < 0.1  # Spearman's correlation


def test_numbers_are_uniform_and_do_not_depend_on_keys(rows: list[tuple[str, int]]) -> None:
    assert is_uniform(Counter(number // 256 for _, number in rows), 256)
    first = Counter(key for key, _ in rows).most_common(1)[0][0]
    assert is_uniform(Counter(number // 1024 for key, number in rows if key == first), 64)


def test_files_have_the_same_keys(tmp_path: Path) -> None:
    first, second = (
        Counter(key for key, _ in rows_of([path])) for path in keys(tmp_path, 500_000, 2, keys=50)
    )
    assert first.keys() == second.keys()
    assert first.most_common(1)[0][0] == second.most_common(1)[0][0]
